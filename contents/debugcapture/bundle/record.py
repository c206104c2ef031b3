"""The manifest of a capture while it grows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from threading import Lock

from ..model import Artifact, Manifest, Target
from .bundle import Bundle


class Record:
    """The manifest while it grows: each artifact writes it again, from any thread."""

    def __init__(
        self, bundle: Bundle, manifest: Manifest, added: Callable[[Artifact], None] = lambda _artifact: None
    ) -> None:
        """Write ``manifest`` into ``bundle``; ``added`` is called with each artifact that is finished."""
        self.bundle, self._manifest, self._lock, self._added = bundle, manifest, Lock(), added
        bundle.save(manifest)

    @property
    def manifest(self) -> Manifest:
        """Return the manifest as it is now."""
        return self._manifest

    def add(self, artifact: Artifact) -> None:
        """Add an artifact."""
        with self._lock:
            self._save(replace(self._manifest, artifacts=(*self._manifest.artifacts, artifact)))
        self._added(artifact)

    def add_all(self, artifacts: Sequence[Artifact]) -> None:
        """Add artifacts that are in the store already, all in one write."""
        with self._lock:
            self._save(replace(self._manifest, artifacts=(*self._manifest.artifacts, *artifacts)))

    def remark(self, line: str) -> None:
        """Add what was chosen or noticed."""
        with self._lock:
            self._save(replace(self._manifest, remarks=(*self._manifest.remarks, line)))

    def add_target(self, target: Target) -> None:
        """Add a target that replaced another one during the capture."""
        with self._lock:
            self._save(replace(self._manifest, more_targets=(*self._manifest.more_targets, target)))

    def finish(self, requests: int = 0) -> Manifest:
        """Record that the capture has finished, with the number of ``requests`` to the API server."""
        with self._lock:
            order = {target.pod: place for place, target in enumerate(self._manifest.targets)}
            artifacts = sorted(self._manifest.artifacts, key=lambda one: (order.get(one.pod, 0), one.started))
            done = replace(
                self._manifest, artifacts=tuple(artifacts), finished=datetime.now(timezone.utc), requests=requests
            )
            self._save(done)
            return self._manifest

    def _save(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.bundle.save(manifest)
