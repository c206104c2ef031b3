"""A capture's bundle on disk: files, manifest, spool."""
