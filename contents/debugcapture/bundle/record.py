"""Writes the manifest of a capture while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from threading import Lock

from ..manifest import Artifact, Manifest
from ..model import Target
from .bundle import Bundle


class Record:
    """The manifest of a running capture. Each artifact writes it again. Thread-safe."""

    def __init__(
        self, bundle: Bundle, manifest: Manifest, added: Callable[[Artifact], None] = lambda _artifact: None
    ) -> None:
        """Write ``manifest`` into ``bundle``; ``added`` is called with each artifact that is finished."""
        self.bundle, self._manifest, self._lock, self._added = bundle, manifest, Lock(), added
        bundle.save(manifest)

    @property
    def manifest(self) -> Manifest:
        """Return the current manifest."""
        return self._manifest

    def add(self, artifact: Artifact) -> None:
        """Add an artifact."""
        with self._lock:
            self._save(replace(self._manifest, artifacts=(*self._manifest.artifacts, artifact)))
        self._added(artifact)

    def add_all(self, artifacts: Sequence[Artifact]) -> None:
        """Add artifacts that are already in the store, in one write."""
        with self._lock:
            self._save(replace(self._manifest, artifacts=(*self._manifest.artifacts, *artifacts)))

    def remark(self, line: str) -> None:
        """Add a line about the selection or about an event during the capture."""
        with self._lock:
            self._save(replace(self._manifest, remarks=(*self._manifest.remarks, line)))

    def add_target(self, target: Target) -> None:
        """Add a target that replaced another one during the capture."""
        with self._lock:
            self._save(replace(self._manifest, more_targets=(*self._manifest.more_targets, target)))

    def finish(self, requests: int = 0, collectors: Sequence[str] = ()) -> Manifest:
        """Record that the capture has finished, with the number of ``requests`` to the API server.

        The artifacts are sorted by pod, then by the order of the IDs in ``collectors``: those of collectors that run
        side by side arrive in any order, and the note shows the link of the first.
        """
        with self._lock:
            pods = {target.pod: position for position, target in enumerate(self._manifest.targets)}
            positions = {collector: position for position, collector in enumerate(collectors)}

            def position(artifact: Artifact) -> tuple[int, int]:
                return pods.get(artifact.pod, 0), positions.get(artifact.collector, len(positions))

            artifacts = sorted(self._manifest.artifacts, key=position)
            finished = replace(
                self._manifest, artifacts=tuple(artifacts), finished=datetime.now(timezone.utc), requests=requests
            )
            self._save(finished)
            return self._manifest

    def _save(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.bundle.save(manifest)
