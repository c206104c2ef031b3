"""The checksum that follows a file from the pod to the store."""

import hashlib
from pathlib import Path


def sha256_of(file: Path) -> str:
    """Return the checksum of ``file`` in hex; the file is never held whole."""
    checksum = hashlib.sha256()
    with file.open("rb") as reader:
        while piece := reader.read(1 << 20):
            checksum.update(piece)
    return checksum.hexdigest()
