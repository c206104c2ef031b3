"""Compares the files of a capture with the checksums in its manifest, and the manifest with its signature."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..bundle.bundle import MANIFEST, SIGNATURE
from ..errors import BadInput, CaptureGone
from ..manifest import Artifact
from ..stores.base import OpenFile, OpensFiles, ReadableStore
from ..stores.signature import InvalidSignature, is_trusted, signer_of
from .http_file import open_link
from .index import find_capture
from .sign import parse_manifest

_PIECE_BYTES = 1 << 20


class CaptureFiles(Protocol):
    """The files of one capture, in a directory or in a store."""

    @property
    def name(self) -> str:
        """Return its place, for messages."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file; None if there is no such file."""
        ...

    def pieces(self, artifact: Artifact) -> Iterator[bytes] | None:
        """Return the content of ``artifact`` in pieces; None if there is no such file."""
        ...


@dataclass(frozen=True, slots=True)
class FileCheck:
    """A file of a capture, and what is wrong with it."""

    file: str
    problem: str
    """"" if the file is the one that was captured."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one capture."""

    capture: str
    signer: str
    """Public key that signed the manifest; "" without a valid signature."""
    signature_problem: str
    """"" if the signature is valid and its key is trusted, or if no signature is required."""
    files: tuple[FileCheck, ...]

    @property
    def is_valid(self) -> bool:
        """Return whether everything is as it was captured."""
        return not (self.signature_problem or any(check.problem for check in self.files))


def verify_capture(files: CaptureFiles, trusted_keys: Collection[str]) -> Verification:
    """Return what is right and wrong with the capture in ``files``.

    With ``trusted_keys``, one of them must have signed it. Raises CaptureGone without a manifest, and UnexpectedAnswer
    if the manifest is damaged.
    """
    content = files.read(MANIFEST)
    if content is None:
        if files.read(f"{MANIFEST}.age") is not None:
            remedy = "Decrypt its files with age into a directory, and verify the directory."
            raise BadInput(f"cannot verify {files.name}", "it is encrypted", remedy)
        raise CaptureGone(f"cannot verify {files.name}", f"it has no {MANIFEST}", "Check the name of the capture.")
    signer, problem = _check_signature(content, files.read(SIGNATURE), trusted_keys)
    manifest = parse_manifest(content, files.name)
    checks = (
        FileCheck(artifact.file, _check_file(artifact, files.pieces(artifact)))
        for artifact in manifest.artifacts
        if artifact.file and not artifact.is_capture
    )
    return Verification(manifest.capture_id, signer, problem, tuple(checks))


def _check_signature(content: bytes, signature: bytes | None, trusted_keys: Collection[str]) -> tuple[str, str]:
    """Return the key that signed ``content``, and the problem with the signature; "" for each if there is none."""
    if signature is None:
        return "", "it is not signed" if trusted_keys else ""
    try:
        signer = signer_of(content, signature.decode(errors="replace"))
    except InvalidSignature as error:
        return "", str(error)
    is_foreign = trusted_keys and not is_trusted(signer, trusted_keys)
    return signer, "another key has signed it" if is_foreign else ""


def _check_file(artifact: Artifact, pieces: Iterator[bytes] | None) -> str:
    """Return what is wrong with the file of ``artifact``; "" if nothing is."""
    if pieces is None:
        return "missing"
    size, digest = 0, hashlib.sha256()
    for piece in pieces:
        size += len(piece)
        digest.update(piece)
    if size != artifact.bytes:
        return f"has {size:,} bytes instead of {artifact.bytes:,}"
    return "" if digest.hexdigest() == artifact.sha256 else "has a different SHA-256 than when it was captured"


@dataclass(frozen=True, slots=True)
class DirectoryFiles:
    """A capture in a directory."""

    folder: Path

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.folder)

    def read(self, name: str) -> bytes | None:
        """See `CaptureFiles`."""
        file = self.folder / name
        return file.read_bytes() if file.is_file() else None

    def pieces(self, artifact: Artifact) -> Iterator[bytes] | None:
        """See `CaptureFiles`. A file outside of the directory counts as missing."""
        file = self.folder / artifact.file
        is_inside = file.resolve().is_relative_to(self.folder.resolve())
        return _read_pieces(file) if is_inside and file.is_file() else None


def _read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _then_closed(file: OpenFile) -> Iterator[bytes]:
    try:
        yield from file
    finally:
        file.close()


class StoredFiles:
    """A capture in a store."""

    def __init__(self, store: ReadableStore, url: str, capture: str) -> None:
        """``capture`` is an ID or a key. Raises CaptureGone if the index of the store does not have the ID."""
        entry = None if "/" in capture else find_capture(store, capture)
        if "/" not in capture and entry is None:
            raise CaptureGone(f"cannot verify {capture}", f"{url} does not contain it", "Check the capture's ID.")
        self._store, self._key = store, entry.key if entry else capture
        self.name = f"{url.rstrip('/')}/{self._key}"

    def read(self, name: str) -> bytes | None:
        """See `CaptureFiles`. Raises NotStored."""
        return self._store.read(f"{self._key}/{name}")

    def pieces(self, artifact: Artifact) -> Iterator[bytes] | None:
        """See `CaptureFiles`. Raises NotStored."""
        key = f"{self._key}/{artifact.file}"
        if isinstance(self._store, OpensFiles):
            file = self._store.open(key)
            return _then_closed(file) if file else None
        return open_link(self._store.locate(key, artifact.bytes, artifact.sha256).link)
