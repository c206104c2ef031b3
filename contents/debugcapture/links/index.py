"""The index of a store: one small object per capture, so that its ID is enough to find its files.

The key of a bundle contains the namespace and the workload, which its ID does not. The entry contains no link and no
captured text, and it is not encrypted. One read of it answers what `sign.sign_links` reads from manifest and page.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Final

from ..bundle.serialize import value_from
from ..errors import NotStored
from ..manifest import PAGE, Receipt
from ..settings.declare import CAPTURE_ID
from ..stores.base import ReadableStore
from .address import CAPTURE_KEY

# No namespace can have this name.
FOLDER: Final = "_captures"
_MAX_ID_CHARACTERS: Final = 250
_CAPTURE_ID: Final = re.compile(CAPTURE_ID, re.ASCII)
_FOLDER_OF_CAPTURE: Final = re.compile(CAPTURE_KEY, re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a capture in the store, without a link."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A capture in the store: the key of its folder and its files. The report page is the last file."""

    key: str
    files: tuple[StoredFile, ...]
    page_links_end: datetime | None = None
    """When the first link in the report page expires; None if its links do not expire."""

    @property
    def capture_id(self) -> str:
        """Return the ID of the capture."""
        return self.key.rpartition("/")[2]

    def find(self, name: str) -> StoredFile | None:
        """Return the file called ``name`` in the folder of this capture; None if it has no such file."""
        return next((file for file in self.files if file.key == f"{self.key}/{name}"), None)


def is_capture_id(text: str) -> bool:
    """Return whether ``text`` can be the ID of a capture. Such a text is safe as a part of a key."""
    return len(text) <= _MAX_ID_CHARACTERS and bool(_CAPTURE_ID.fullmatch(text))


def entry_key(capture_id: str) -> str:
    """Return the key of the entry of a capture."""
    return f"{FOLDER}/{capture_id}.json"


def entry_text(key: str, receipt: Receipt) -> str:
    """Return the entry of the capture whose folder is ``key``, as JSON. The same receipt gives the same text."""
    files = tuple(StoredFile(file.key, file.bytes, file.sha256) for file in receipt.stored)
    entry = asdict(StoredCapture(key, files))
    entry["page_links_end"] = receipt.links_end.astimezone(timezone.utc).isoformat() if receipt.links_end else None
    return json.dumps(entry, indent=2)


def find_capture(store: ReadableStore, capture_id: str) -> StoredCapture | None:
    """Return the capture called ``capture_id``, or None if ``store`` has none.

    ``store`` reads without encryption (`registry.open_readable`). Raises NotStored if it cannot be read, or if the
    entry is damaged or names something that is not a file of a capture.
    """
    if not is_capture_id(capture_id):
        return None
    content = store.read(entry_key(capture_id))
    if content is None:
        return None
    try:
        capture = value_from(StoredCapture, json.loads(content))
    except (ValueError, RecursionError) as error:
        raise _damaged_error(capture_id, str(error)) from error
    if capture.capture_id != capture_id or not _is_folder(capture.key):
        raise _damaged_error(capture_id, "it belongs to another capture")
    if not all(_is_file_of(capture.key, file.key) for file in capture.files):
        raise _damaged_error(capture_id, "it names a file that does not belong to the capture")
    return capture


def _is_folder(key: str) -> bool:
    """Return whether ``key`` is NAMESPACE/WORKLOAD/CAPTURE_ID. Folders of the store's own records are not."""
    return bool(_FOLDER_OF_CAPTURE.fullmatch(key))


def _is_file_of(folder: str, key: str) -> bool:
    """Return whether ``key`` is a file in ``folder``, or the report page of another capture.

    A fleet capture names the pages of its pods. The folders ".." and "." would lead elsewhere.
    """
    parent, _, name = key.rpartition("/")
    if name == PAGE and _is_folder(parent):
        return True
    rest = key.removeprefix(f"{folder}/")
    return rest != key and not {"", ".", ".."} & set(rest.split("/")) and "\0" not in rest


def _damaged_error(capture_id: str, reason: str) -> NotStored:
    return NotStored(
        f"cannot read the index entry of {capture_id}", reason, "Upload the capture again, if you have it."
    )
