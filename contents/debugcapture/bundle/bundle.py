"""The bundle: a directory of artifacts with a manifest, the unit that is never lost.

The manifest is written again after each artifact, so that a killed capture leaves a bundle that shows what it captured.
Files are readable by the user only, because they contain data of the application.
"""

import json
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import BadInput, SpoolUnwritable
from ..files import locked, replace_text, sha256_of
from ..manifest import PAGE, Artifact, Manifest, Receipt
from ..model import Target
from ..picture import Pictures
from ..settings.declare import CAPTURE_ID
from .artifact import NO_RULES, ArtifactFile, Follower, Intake
from .recurrence import prune_recurrences
from .serialize import manifest_from, receipt_from, value_from
from .spool import RESERVE, release, reserve

MANIFEST, RECEIPT, SENT, PICTURES = "manifest.json", "stored.json", "sent.json", "pictures.json"
SIGNATURE = f"{MANIFEST}.sig"
_OURS = (MANIFEST, RECEIPT, SENT, PICTURES, PAGE)
_RECEIPT_KEPT_S = 7 * 24 * 60 * 60
_CAPTURE_ID = re.compile(CAPTURE_ID)
_TORN = "Its files are still there; inspect them on the server."


class Bundle:
    """A bundle directory."""

    def __init__(self, folder: Path, intake: Intake = NO_RULES) -> None:
        """Use the bundle in ``folder``. ``intake`` contains the rules for writing to it."""
        self.folder, self.intake = folder, intake

    def followed_by(self, follow: Callable[[Path, Path], Follower | None]) -> "Bundle":
        """Return this bundle with ``follow``, which observes each new artifact while it is written; see Intake."""
        return Bundle(self.folder, replace(self.intake, follow=follow))

    def artifact(self, file: str, size_limit_bytes: int, text: bool | None = None) -> ArtifactFile:
        """Return a new artifact named ``file`` (relative to the bundle); see ArtifactFile."""
        return ArtifactFile(self.folder / file, size_limit_bytes, self.intake, text)

    def save(self, manifest: Manifest) -> None:
        """Write the manifest. Some space is reserved for it on a full disk."""
        _write(self.folder / MANIFEST, manifest_text(manifest))

    def manifest(self) -> Manifest:
        """Return the manifest. Raises BadInput if ``folder`` is not a bundle."""
        try:
            return manifest_from(_read(self.folder / MANIFEST))
        except ValueError as error:
            reason = f"its manifest is not valid ({error})"
            raise BadInput(f"{self.folder} is not a bundle", reason, _TORN) from error

    def document(self) -> dict[str, Any]:
        """Return manifest and receipt as JSON. Raises BadInput if ``folder`` is not a bundle."""
        receipt = self.folder / RECEIPT
        return {"manifest": _read(self.folder / MANIFEST), "receipt": _read(receipt) if receipt.exists() else None}

    def save_page(self, page: str) -> Path:
        """Write the report page and return its file. It does not use the reserved space, which the receipt may need."""
        replace_text(self.folder / PAGE, page)
        return self.folder / PAGE

    def save_signature(self, signature: str) -> Path:
        """Write the signature of the manifest and return its file."""
        replace_text(self.folder / SIGNATURE, signature)
        return self.folder / SIGNATURE

    def save_pictures(self, pictures: Pictures) -> None:
        """Write what the pictures of the report page show, for the step that writes the page."""
        replace_text(self.folder / PICTURES, json.dumps(asdict(pictures), default=_json_time))

    def pictures(self) -> Pictures:
        """Return what the pictures of the report page show; nothing if there are none. Raises BadInput if damaged."""
        file = self.folder / PICTURES
        if not file.exists():
            return Pictures()
        try:
            return value_from(Pictures, _read(file))
        except ValueError as error:
            raise BadInput(f"cannot read {file}", f"it is not valid ({error})", _TORN) from error

    def save_receipt(self, receipt: Receipt) -> None:
        """Write the receipt."""
        _write(self.folder / RECEIPT, receipt_text(receipt))

    def receipt(self) -> Receipt | None:
        """Return the receipt; None if the bundle is not in the store."""
        return _receipt(self.folder / RECEIPT)

    def save_sent(self, receipt: Receipt) -> None:
        """Write the receipt of the artifacts that are already in the store, while others are not."""
        _write(self.folder / SENT, receipt_text(receipt))

    def sent(self) -> Receipt | None:
        """Return the receipt of the artifacts that are already in the store; None if there are none."""
        with suppress(BadInput):  # it is damaged: the artifacts are uploaded again, which is harmless
            return _receipt(self.folder / SENT)
        return None

    def discard_artifacts(self) -> None:
        """Remove the artifacts, which are in the store. Manifest and receipt stay for the note."""
        for artifact in self.manifest().artifacts:
            if artifact.file:
                (self.folder / artifact.file).unlink(missing_ok=True)
        for encrypted in (*self.folder.rglob("*.age"), *self.folder.rglob("*.age~")):
            encrypted.unlink(missing_ok=True)  # from an upload that was killed
        for file in (SENT, PICTURES, SIGNATURE):
            (self.folder / file).unlink(missing_ok=True)
        release(self.folder)


def manifest_text(manifest: Manifest) -> str:
    """Return ``manifest`` as JSON text; `serialize.manifest_from` reads it."""
    return _json({"status": manifest.status, **asdict(manifest)})


def receipt_text(receipt: Receipt) -> str:
    """Return ``receipt`` as JSON text; `serialize.receipt_from` reads it."""
    return _json(asdict(receipt))


def prune(spool: Path, now: datetime) -> None:
    """Remove bundles that were stored more than a week ago, artifacts that killed uploads left, and old findings."""
    prune_recurrences(spool, now)
    for receipt in spool.glob(f"*/{RECEIPT}"):
        if now.timestamp() - receipt.stat().st_mtime > _RECEIPT_KEPT_S:
            shutil.rmtree(receipt.parent)
        elif (receipt.parent / SENT).exists():
            Bundle(receipt.parent).discard_artifacts()


def captured_before(spool: Path, target: Target, collectors: Collection[str]) -> list[datetime]:
    """Return when ``collectors`` captured artifacts of the workload of ``target``, from the bundles in the spool."""
    times = []
    for file in spool.glob(f"*/{MANIFEST}"):
        try:
            manifest = Bundle(file.parent).manifest()
        except BadInput:
            continue  # it is damaged; the next upload reports it
        if (manifest.target.namespace, manifest.target.workload) == (target.namespace, target.workload):
            times += [
                artifact.started
                for artifact in manifest.artifacts
                if artifact.collector in collectors and artifact.bytes
            ]
    return times


def create_bundle(spool: Path, pod: str, now: datetime, intake: Intake = NO_RULES) -> Bundle:
    """Make a new bundle for ``pod`` in ``spool``. Raises SpoolUnwritable when the spool cannot be written."""
    return named_bundle(spool, f"{now:%Y%m%dT%H%M%SZ}-{pod[:180]}-{secrets.token_hex(2)}", intake)


def named_bundle(spool: Path, capture_id: str, intake: Intake = NO_RULES) -> Bundle:
    """Create the bundle of ``capture_id`` in ``spool``, or prepare its remains for another capture and upload."""
    folder = spool / capture_id
    with writable(spool):
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / RECEIPT).unlink(missing_ok=True)
        if intake.room:
            reserve(folder)
    return Bundle(folder, intake)


def claimed(bundle: Bundle, within_s: float = 0) -> AbstractContextManager[bool]:
    """Claim ``bundle`` for this process, and yield whether that succeeded. Only one process captures into or sends it.

    The claim goes with the process, however that ends; another's is waited for ``within_s``.
    """
    return locked(bundle.folder, within_s=within_s)


def bundles(spool: Path) -> list[Bundle]:
    """Return all bundles in ``spool``, the oldest first."""
    folders = sorted(file.parent for file in spool.glob(f"*/{MANIFEST}") if _CAPTURE_ID.fullmatch(file.parent.name))
    return [Bundle(folder) for folder in folders]


def waiting(spool: Path) -> list[Bundle]:
    """Return the bundles in ``spool`` that no store has confirmed, the oldest first."""
    return [bundle for bundle in bundles(spool) if not (bundle.folder / RECEIPT).exists()]


def recover(bundle: Bundle, now: datetime) -> None:
    """Add the files that a capture could not record, because it was killed or the disk was full, to the manifest.

    The caller has claimed the ``bundle``.
    """
    manifest = bundle.manifest()
    if manifest.finished:
        return
    for part in sorted(bundle.folder.rglob("*.part")):
        file = part.with_suffix("")
        if file.name in _OURS or not part.stat().st_size:
            part.unlink()  # it is empty, or will be written again
        elif not file.exists():
            part.rename(file)
    recorded = {bundle.folder / artifact.file for artifact in manifest.artifacts}
    files = [file for file in sorted(bundle.folder.rglob("*")) if _is_evidence(file) and file not in recorded]
    recovered = tuple(_recover_artifact(file, str(file.relative_to(bundle.folder)), now) for file in files)
    bundle.save(replace(manifest, artifacts=(*manifest.artifacts, *recovered)))


def _is_evidence(file: Path) -> bool:
    return file.is_file() and file.name not in (*_OURS, RESERVE) and not file.name.endswith((".age", ".age~"))


def _recover_artifact(file: Path, name: str, now: datetime) -> Artifact:
    return Artifact(
        collector="",
        title=name,
        file=name,
        bytes=file.stat().st_size,
        sha256=sha256_of(file),
        started=now,
        took_s=0,
        outcome="truncated",
        method="",
        reason="the capture ended before this artifact was recorded",
        sensitive=True,  # whether it was masked is unknown
        reason_code="other",
    )


@contextmanager
def writable(place: Path) -> Iterator[None]:
    """Report a directory that cannot be written (permissions, a full disk)."""
    try:
        yield
    except OSError as error:
        raise SpoolUnwritable(
            f"cannot write to the spool {place}",
            error.strerror or str(error),
            "Choose another spool.",
        ) from error


def open_bundle(folder: str, spool: Path) -> Bundle:
    """Return the bundle in ``folder``. Raises BadInput unless it is directly in ``spool``."""
    try:
        path = Path(folder).resolve()
    except (ValueError, OSError, RuntimeError):  # a NUL, an invalid character, a loop of links
        path = Path()
    if path.parent != spool.resolve() or not _CAPTURE_ID.fullmatch(path.name):
        raise BadInput(
            f"{folder} is not a bundle", f"bundles are directories in the spool {spool}", "Use ${data.bundle}."
        )
    return Bundle(path)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, default=_json_time)


def _write(file: Path, text: str) -> None:
    try:
        replace_text(file, text)
    except OSError:
        if not release(file.parent):
            raise
        replace_text(file, text)


def _read(file: Path) -> object:
    try:
        content: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {file}", str(error), "Check that it is a bundle that still exists.") from error
    return content


def _json_time(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    raise TypeError(type(value).__name__)


def _receipt(file: Path) -> Receipt | None:
    if not file.exists():
        return None
    try:
        return receipt_from(_read(file))
    except ValueError as error:
        raise BadInput(f"cannot read {file}", f"it is not valid ({error})", _TORN) from error
