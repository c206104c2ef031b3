"""Has a debug container upload a large file to the store, without sending it through the API server or this machine.

The store signs a request for each piece, the container sends the pieces, and the store verifies the complete file.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from ..errors import BadInput, CommandFailed
from ..kube import exec_stream
from ..kube.client import Api
from ..manifest import Stored
from ..model import Report
from ..settings.encryption import EncryptionSettings
from ..settings.store import StoreSettings
from ..stores.presigned import MAX_PIECES, PIECE_BYTES, DirectUpload, Original, Piece, TakesDirectly
from ..stores.registry import open_store
from ..text import number_in
from .tool_report import last_line
from .transfer import RemoteFile

_PROGRAM = "store-upload"  # deploy/toolbox
_MAX_ERROR_BYTES, _MAX_SUMS_BYTES = 4096, 1 << 20
_REPORT_EVERY_BYTES = 256 << 20
_SHA256_BYTES, _MD5_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class PodUpload:
    """Where the pods of a capture upload large files."""

    store: TakesDirectly
    folder: str
    """Folder of the bundle in the store."""
    min_bytes: int
    """Smaller files are streamed."""

    def send(self, api: Api, file: RemoteFile, name: str, size_limit_bytes: int, report: Report) -> Stored | None:
        """Upload ``file`` of a debug container as ``name`` of the bundle, within the time limit of ``file``.

        Return None if it is below the minimum, or above ``size_limit_bytes``: it is then streamed up to the limit.
        Raises CaptureError with the reason why the file must be streamed. An incomplete upload is removed.
        """
        deadline = api.clock.monotonic() + file.time_limit_s
        size = _read_size(api, file)
        if size > size_limit_bytes:
            report(f"{name}: it has {size:,} bytes, more than its size limit of {size_limit_bytes:,}; it is streamed")
        if not self.min_bytes <= size <= size_limit_bytes:
            return None
        original = _read_sums(api, _limit_to(api, file, deadline), with_md5=self.store.wants_md5)
        if original.size > size_limit_bytes:
            raise CommandFailed(f"direct upload from {file.ref}", "the file has grown above its size limit")
        report(f"{name}: the pod uploads {original.size:,} bytes directly to the store")
        remaining = _limit_to(api, file, deadline)
        upload = self.store.direct(f"{self.folder}/{name}", original, remaining.time_limit_s)
        try:
            return upload.complete(_send_pieces(api, remaining, upload, report))
        except BaseException:
            upload.abandon()
            raise


def open_pod_upload_store(settings: StoreSettings, direct_upload_mib: int) -> TakesDirectly | None:
    """Return the store that pods upload to; None if ``direct_upload_mib`` is 0.

    Raises BadInput if the store does not accept uploads from pods.
    """
    if not direct_upload_mib:
        return None
    store = open_store(settings) if settings.store else None
    if not isinstance(store, TakesDirectly):
        action = "pods cannot upload directly"
        if settings.of(EncryptionSettings).encrypt_to:
            raise BadInput(action, "encrypt_to is set", "Set direct_upload_mib to 0.")
        reason = f"the store does not support it ({settings.store or 'store is missing'})"
        remedy = "Set an s3:// or azblob:// store in the capture step itself, or set direct_upload_mib to 0."
        raise BadInput(action, reason, remedy)
    return store


class _LineSink:
    """A sink that passes on complete lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line, self._rest = on_line, ""

    def __call__(self, piece: memoryview) -> None:
        *lines, self._rest = (self._rest + bytes(piece).decode(errors="replace")).split("\n")
        for line in lines:
            self._on_line(line)


def _limit_to(api: Api, file: RemoteFile, deadline: float) -> RemoteFile:
    """Return ``file`` with the time that is left until ``deadline``. Raises CommandFailed if there is none."""
    left_s = int(deadline - api.clock.monotonic())
    if left_s < 1:
        raise CommandFailed(f"direct upload from {file.ref}", "it reached its time limit")
    return replace(file, time_limit_s=left_s)


def _read_size(api: Api, file: RemoteFile) -> int:
    """Return the size of ``file``, without reading it: a sparse file of a terabyte would use up the time limit."""
    status, output, errors = exec_stream.run_short(api, file.ref, ("stat", "-c", "%s", file.path))
    size = number_in(output)
    if status.code != 0 or size is None:
        reason = last_line(errors) or status.message or "its size cannot be read"
        raise CommandFailed(f"direct upload from {file.ref}", reason)
    return size


def _read_sums(api: Api, file: RemoteFile, *, with_md5: bool) -> Original:
    """Return the size and checksums of ``file``, which the container computes."""
    output = bytearray()

    def append(piece: memoryview) -> None:
        output.extend(piece[: _MAX_SUMS_BYTES - len(output)])

    argv = (_PROGRAM, "sums", file.path, str(PIECE_BYTES), str(MAX_PIECES), *(["md5"] if with_md5 else []))
    _run(api, file, argv, append)
    try:
        sums = json.loads(output)
        pieces = tuple(
            Piece(int(piece["length"]), str(piece["sha256"]), str(piece.get("md5", ""))) for piece in sums["pieces"]
        )
        original = Original(int(sums["size"]), str(sums["sha256"]), pieces)
        _require_plausible(original, with_md5=with_md5)
    except (ValueError, TypeError, KeyError) as error:
        raise CommandFailed(f"{_PROGRAM} in {file.ref}", "its output cannot be read") from error
    return original


def _require_plausible(original: Original, *, with_md5: bool) -> None:
    """Raise ValueError unless the checksums and sizes fit together. A process in the container may have made them up.

    A store that compares no checksum would accept any content.
    """
    pieces = original.pieces
    lengths_fit = all(piece.length > 0 for piece in pieces) and sum(piece.length for piece in pieces) == original.size
    if not (lengths_fit and len(pieces) <= MAX_PIECES and re.fullmatch(r"[0-9a-f]{64}", original.sha256)):
        raise ValueError("the pieces are not those of the file")
    for piece in pieces:
        sha256, md5 = base64.b64decode(piece.sha256, validate=True), base64.b64decode(piece.md5, validate=True)
        if len(sha256) != _SHA256_BYTES or len(md5) != (_MD5_BYTES if with_md5 else 0):
            raise ValueError("a checksum of a piece is missing")


def _send_pieces(api: Api, file: RemoteFile, upload: DirectUpload, report: Report) -> list[str]:
    """Have the container send all pieces; return the store's tag for each."""
    tags: dict[int, str] = {}
    sent_bytes = reported_bytes = 0

    def read_progress(line: str) -> None:
        nonlocal sent_bytes, reported_bytes
        word, _, rest = line.partition(" ")
        index, _, tag = rest.partition(" ")
        number = number_in(index)
        if word == "sent" and number is not None and number < len(upload.requests):
            tags[number] = tag
            sent_bytes += upload.requests[number].length
            if sent_bytes - reported_bytes >= _REPORT_EVERY_BYTES:
                reported_bytes = sent_bytes
                report(f"{file.path}: {sent_bytes:,} bytes uploaded")

    requests = json.dumps([asdict(request) for request in upload.requests])
    _run(api, file, (_PROGRAM, "send", file.path), _LineSink(read_progress), stdin=f"{requests}\n".encode())
    if len(tags) != len(upload.requests):
        raise CommandFailed(f"{_PROGRAM} in {file.ref}", "it did not upload every part")
    return [tags[index] for index in range(len(tags))]


def _run(api: Api, file: RemoteFile, argv: tuple[str, ...], stdout: exec_stream.Sink, stdin: bytes = b"") -> None:
    """Run a command on ``file`` in its container, within its time limit. Raises CommandFailed."""
    errors = bytearray()

    def keep_head(piece: memoryview) -> None:
        errors.extend(piece[: _MAX_ERROR_BYTES - len(errors)])

    stdio = exec_stream.Stdio(stdout, keep_head, stdin)
    status = api.run(file.ref, argv, stdio, time_limit_s=file.time_limit_s)
    if status.code == 0:
        return
    if status.not_found:
        reason = f"the debug image has no {_PROGRAM}"
    else:
        reason = errors.decode(errors="replace").strip() or status.message or f"exit code {status.code}"
    raise CommandFailed(f"direct upload from {file.ref}", reason)
