"""The bundle: a directory of artifacts with a manifest, the unit that is never lost.

The manifest is written anew after each artifact, so that a capture that is killed leaves a bundle that says how far
it came. Files are private to the user: they hold what the application holds.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .checksum import sha256_of
from .errors import BadInput, NothingCaptured
from .model import Artifact, ContainerState, Manifest, Receipt, Stored, Target, User
from .settings import CAPTURE_ID

MANIFEST, RECEIPT, SENT = "manifest.json", "stored.json", "sent.json"
_RECEIPT_KEPT_S = 7 * 24 * 60 * 60
_CAPTURE_ID = re.compile(CAPTURE_ID)


class SizeLimitReachedError(Exception):
    """An artifact would grow over its size limit; ``str()`` says so."""


class ArtifactFile:
    """A file that counts and hashes what is written, and has its own name only when it is closed."""

    def __init__(self, path: Path, size_limit_bytes: int) -> None:
        """Write to ``path``, at most ``size_limit_bytes``."""
        self.path, self.bytes = path, 0
        self._limit, self._hash = size_limit_bytes, hashlib.sha256()
        self._part = path.with_name(path.name + ".part")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = self._part.open("wb")

    def write(self, piece: bytes | memoryview) -> None:
        """Write ``piece``; raise SizeLimitReachedError once the limit is met, with the file filled up to it."""
        room = self._limit - self.bytes
        kept = piece[:room]
        self._file.write(kept)
        self._hash.update(kept)
        self.bytes += len(kept)
        if len(piece) > room:
            raise SizeLimitReachedError(f"cut at its size limit of {self._limit:,} bytes")

    def restart(self) -> None:
        """Forget what has been written."""
        self._file.seek(0)
        self._file.truncate()
        self.bytes, self._hash = 0, hashlib.sha256()

    @property
    def received(self) -> int:
        """Return how many bytes have arrived."""
        return self.bytes

    @property
    def received_sha256(self) -> str:
        """Return the checksum of what has arrived, in hex."""
        return self.sha256

    @property
    def sha256(self) -> str:
        """Return the checksum of what has been written, in hex."""
        return self._hash.hexdigest()

    def __enter__(self) -> "ArtifactFile":
        return self

    def __exit__(self, *_error: object) -> None:
        """Sync and rename, whatever happened: what has arrived is evidence. An empty file is none."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self.path) if self.bytes else self._part.unlink()


class Bundle:
    """A bundle directory."""

    def __init__(self, folder: Path) -> None:
        """Use the bundle in ``folder``."""
        self.folder = folder

    def artifact(self, file: str, size_limit_bytes: int) -> ArtifactFile:
        """Return a new artifact named ``file`` (relative to the bundle)."""
        return ArtifactFile(self.folder / file, size_limit_bytes)

    def save(self, manifest: Manifest) -> None:
        """Write the manifest."""
        _write(self.folder / MANIFEST, {"status": manifest.status, **asdict(manifest)})

    def manifest(self) -> Manifest:
        """Return the manifest. Raises BadInput when ``folder`` is no bundle."""
        try:
            return _manifest(_read(self.folder / MANIFEST))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{self.folder} is no bundle", f"its manifest is not one of ours ({error})") from error

    def save_receipt(self, receipt: Receipt) -> None:
        """Write down where the store has the files."""
        _write(self.folder / RECEIPT, asdict(receipt))

    def receipt(self) -> Receipt | None:
        """Return where the store has the files, or None when the bundle has not been stored."""
        return _receipt(self.folder / RECEIPT)

    def save_sent(self, receipt: Receipt) -> None:
        """Write down which artifacts the store has, while others are still to be sent."""
        _write(self.folder / SENT, asdict(receipt))

    def sent(self) -> Receipt | None:
        """Return which artifacts a store has, or None when none has been sent."""
        return _receipt(self.folder / SENT)

    def discard_artifacts(self) -> None:
        """Remove what the store now has; manifest and receipt stay for the note."""
        for artifact in self.manifest().artifacts:
            if artifact.file:
                (self.folder / artifact.file).unlink(missing_ok=True)
        (self.folder / SENT).unlink(missing_ok=True)


def prune(spool: Path, now: datetime) -> None:
    """Remove what is left of bundles that were stored more than a week ago."""
    for receipt in spool.glob(f"*/{RECEIPT}"):
        if now.timestamp() - receipt.stat().st_mtime > _RECEIPT_KEPT_S:
            shutil.rmtree(receipt.parent)


def captured_before(spool: Path, target: Target, collectors: Collection[str]) -> list[datetime]:
    """Return when ``collectors`` last left an artifact of the workload of ``target``, as far as the spool remembers."""
    times = []
    for file in spool.glob(f"*/{MANIFEST}"):
        manifest = Bundle(file.parent).manifest()
        if (manifest.target.namespace, manifest.target.workload) == (target.namespace, target.workload):
            times += [one.started for one in manifest.artifacts if one.collector in collectors and one.bytes]
    return times


def create_bundle(spool: Path, pod: str, now: datetime) -> Bundle:
    """Make a new bundle for ``pod`` in ``spool``. Raises NothingCaptured when the spool cannot be written."""
    capture_id = f"{now:%Y%m%dT%H%M%SZ}-{pod[:180]}-{secrets.token_hex(2)}"
    folder = spool / capture_id
    with writable(spool):
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    return Bundle(folder)


@contextmanager
def claimed(bundle: Bundle) -> Iterator[bool]:
    """Claim ``bundle`` for this process, and tell whether it could be: no two capture into, or send, the same one.

    The claim goes with the process, however that ends.
    """
    folder = os.open(bundle.folder, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(folder)


def waiting(spool: Path) -> list[Bundle]:
    """Return the bundles in ``spool`` that no store has confirmed, the oldest first."""
    folders = sorted(file.parent for file in spool.glob(f"*/{MANIFEST}") if _CAPTURE_ID.fullmatch(file.parent.name))
    return [Bundle(folder) for folder in folders if not (folder / RECEIPT).exists()]


def recover(bundle: Bundle, now: datetime) -> None:
    """Take what a killed capture was just writing into the manifest of its ``bundle``, which the caller has claimed."""
    manifest = bundle.manifest()
    if manifest.finished:
        return
    for part in sorted(bundle.folder.rglob("*.part")):
        file = part.with_suffix("")
        if file.name in (MANIFEST, RECEIPT, SENT) or file.exists() or not part.stat().st_size:
            continue
        part.rename(file)
        name, why = str(file.relative_to(bundle.folder)), "the capture was killed while this was written"
        one = Artifact("", name, name, file.stat().st_size, sha256_of(file), now, 0, "truncated", "", why)
        manifest = replace(manifest, artifacts=(*manifest.artifacts, one))
    bundle.save(manifest)


@contextmanager
def writable(place: Path) -> Iterator[None]:
    """Report a directory that cannot be written (permissions, a full disk)."""
    try:
        yield
    except OSError as error:
        raise NothingCaptured(
            f"cannot write to the spool {place}",
            error.strerror or str(error),
            "Choose another spool.",
        ) from error


def open_bundle(folder: str, spool: Path) -> Bundle:
    """Return the bundle in ``folder``. Raises BadInput unless it lies directly in ``spool``."""
    path = Path(folder).resolve()
    if path.parent != spool.resolve() or not _CAPTURE_ID.fullmatch(path.name):
        raise BadInput(f"{folder} is no bundle", f"bundles lie in the spool {spool}", "Pass on ${data.bundle}.")
    return Bundle(path)


def _write(file: Path, content: Any) -> None:
    part = file.with_name(file.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        json.dump(content, out, indent=2, default=_json_time)
        out.flush()
        os.fsync(out.fileno())
    part.rename(file)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {file}", str(error), "Is it a bundle that has not been removed?") from error
    return content


def _json_time(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    raise TypeError(type(value).__name__)


def _manifest(saved: dict[str, Any]) -> Manifest:
    return Manifest(
        capture_id=saved["capture_id"],
        started=datetime.fromisoformat(saved["started"]),
        finished=datetime.fromisoformat(saved["finished"]) if saved["finished"] else None,
        target=_target(saved["target"]),
        trigger=saved["trigger"],
        artifacts=tuple(_artifact(one) for one in saved["artifacts"]),
        more_targets=tuple(_target(one) for one in saved["more_targets"]),
        remarks=tuple(saved["remarks"]),
        schema=saved["schema"],
    )


def _artifact(saved: dict[str, Any]) -> Artifact:
    direct = _stored(saved["direct"]) if saved.get("direct") else None
    return Artifact(**saved | {"started": datetime.fromisoformat(saved["started"]), "direct": direct})


def _target(saved: dict[str, Any]) -> Target:
    user = User(**saved["user"]) if saved["user"] else None
    state, unhealthy = ContainerState(**saved["state"]), tuple(saved["unhealthy"])
    return Target(**saved | {"state": state, "user": user, "unhealthy": unhealthy})


def _receipt(file: Path) -> Receipt | None:
    if not file.exists():
        return None
    saved = _read(file)
    return Receipt(saved["store"], tuple(_stored(one) for one in saved["stored"]))


def _stored(saved: dict[str, Any]) -> Stored:
    expires = datetime.fromisoformat(saved["expires"]) if saved["expires"] else None
    return Stored(**saved | {"expires": expires})
