"""Have a debug container send a large file to the store, past the API server and this machine.

The store signs a request for each piece, the container carries them out, the store compares the whole.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ..errors import BadInput, CommandFailed
from ..kube import exec_stream
from ..kube.client import Api
from ..model import ContainerRef, Stored
from ..settings.encryption import EncryptionSettings
from ..settings.store import StoreSettings
from ..stores.presigned import MOST_PIECES, PIECE_BYTES, DirectUpload, Original, Piece, TakesDirectly
from ..stores.registry import open_store
from ..text import number_in

_PROGRAM = "store-upload"  # deploy/toolbox
_ERROR_BYTES, _SUMS_BYTES = 4096, 1 << 20
_SAID_EVERY_BYTES = 256 << 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Direct:
    """Where a capture's large files go straight from the pod."""

    store: TakesDirectly
    folder: str  # of the bundle in the store
    least_bytes: int  # what is smaller is streamed

    def send(  # noqa: PLR0913 - from where, to where
        self, api: Api, place: ContainerRef, path: str, name: str, time_limit_s: int, say: Say
    ) -> Stored | None:
        """Send the file ``path`` of the debug container ``place`` as ``name`` of the bundle; None when it is small.

        Raises CaptureError with the reason why it has to be streamed. What was sent of it is taken back.
        """
        original = _describe(api, place, path, time_limit_s, with_md5=self.store.wants_md5)
        if original.size < self.least_bytes:
            return None
        say(f"{name}: the pod uploads {original.size:,} bytes directly to the store")
        upload = self.store.direct(f"{self.folder}/{name}", original, time_limit_s)
        try:
            return upload.complete(_send(api, place, path, upload, time_limit_s, say))
        except BaseException:
            upload.abandon()
            raise


def direct_store(settings: StoreSettings, direct_mib: int) -> TakesDirectly | None:
    """Return the store to which pods send by themselves, or None. Raises BadInput when it takes nothing from them."""
    if not direct_mib:
        return None
    store = open_store(settings) if settings.store else None
    if not isinstance(store, TakesDirectly):
        if settings.of(EncryptionSettings).encrypt_to:
            raise BadInput("pods cannot upload directly", "encrypt_to is set", "Set direct_mib to 0.")
        why = f"the store does not support it ({settings.store or 'store is missing'})"
        do = "Set an s3:// or azblob:// store in the capture step itself, or set direct_mib to 0."
        raise BadInput("pods cannot upload directly", why, do)
    return store


class _Lines:
    """Takes output line by line."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take, self._cut = take, ""

    def __call__(self, piece: memoryview) -> None:
        *lines, self._cut = (self._cut + bytes(piece).decode(errors="replace")).split("\n")
        for line in lines:
            self._take(line)


def _describe(api: Api, place: ContainerRef, path: str, time_limit_s: int, *, with_md5: bool) -> Original:
    """Return size and checksums of ``path``, as the container computes them."""
    output = bytearray()
    argv = (_PROGRAM, "sums", path, str(PIECE_BYTES), str(MOST_PIECES), *(["md5"] if with_md5 else []))
    _run(api, place, argv, lambda piece: output.extend(piece[: _SUMS_BYTES - len(output)]), time_limit_s)
    try:
        told = json.loads(output)
        pieces = tuple(Piece(int(one["length"]), str(one["sha256"]), str(one.get("md5", ""))) for one in told["pieces"])
        return Original(int(told["size"]), str(told["sha256"]), pieces)
    except (ValueError, TypeError, KeyError) as error:
        raise CommandFailed(f"{_PROGRAM} in {place}", "its output cannot be read") from error


def _send(  # noqa: PLR0913 - what, from where, and how long
    api: Api, place: ContainerRef, path: str, upload: DirectUpload, time_limit_s: int, say: Say
) -> list[str]:
    """Return the store's tag for each piece."""
    tags: dict[int, str] = {}
    sent = said = 0

    def take(line: str) -> None:
        nonlocal sent, said
        word, _, rest = line.partition(" ")
        index, _, tag = rest.partition(" ")
        number = number_in(index)
        if word == "sent" and number is not None and number < len(upload.requests):
            tags[number] = tag
            sent += upload.requests[number].length
            if sent - said >= _SAID_EVERY_BYTES:
                said = sent
                say(f"{path}: {sent:,} bytes uploaded")

    requests = json.dumps([asdict(one) for one in upload.requests])
    _run(api, place, (_PROGRAM, "send", path), _Lines(take), time_limit_s, stdin=f"{requests}\n".encode())
    if len(tags) != len(upload.requests):
        raise CommandFailed(f"{_PROGRAM} in {place}", "it did not upload every part")
    return [tags[index] for index in range(len(tags))]


def _run(  # noqa: PLR0913 - see exec
    api: Api,
    place: ContainerRef,
    argv: tuple[str, ...],
    stdout: exec_stream.Sink,
    time_limit_s: int,
    stdin: bytes = b"",
) -> None:
    errors = bytearray()
    status = exec_stream.run(
        api,
        place,
        argv,
        stdout=stdout,
        stderr=lambda piece: errors.extend(piece[: _ERROR_BYTES - len(errors)]),
        time_limit_s=time_limit_s,
        stdin=stdin,
    )
    if status.code == 0:
        return
    if status.not_found:
        why = f"the debug image has no {_PROGRAM}"
    else:
        why = errors.decode(errors="replace").strip() or status.message or f"exit code {status.code}"
    raise CommandFailed(f"direct upload from {place}", why)
