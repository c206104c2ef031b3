"""Stores for tests of links: in memory, with links that expire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from debugcapture.bundle.bundle import create_bundle
from debugcapture.files import sha256_of
from debugcapture.manifest import Manifest, Receipt, Stored
from debugcapture.stores.base import Progress, Store, ignore_progress
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import NOON, artifact, manifest, written

URL = "s3://captures/debug"


class SigningStore:
    """A store in memory. Each link has the number of its signature and expires a week after ``time``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.time: datetime = NOON
        self.signatures = 0

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        self.files[key] = file.read_bytes()
        progress(len(self.files[key]))
        return self.locate(key, len(self.files[key]), sha256)

    def read(self, key: str) -> bytes | None:
        return self.files.get(key)

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        self.signatures += 1
        link = f"https://s3.example/captures/debug/{quote(key)}?a=1&signature={self.signatures}"
        return Stored(key, f"{URL}/{key}", link, self.time + timedelta(days=7), size, sha256)


def stored_capture(spool: Path, store: Store, texts: Mapping[str, str] | None = None) -> tuple[Manifest, Receipt]:
    """Publish a capture of ``texts`` (file name → content), and return its manifest and receipt."""
    bundle = create_bundle(spool, "checkout-7d9f-abcde", NOON)
    artifacts = []
    for name, text in (texts or {"jvm-threads.txt": "threads"}).items():
        file = written(bundle.folder, name, text)
        artifacts.append(artifact(file=name, bytes=len(text), sha256=sha256_of(file)))
    capture_manifest = manifest(*artifacts, capture_id=bundle.folder.name)
    bundle.save(capture_manifest)
    return capture_manifest, publish_bundle(bundle, store, URL, lambda _line: None)
