"""A directory as a store: a disk or a network mount."""

import os
import shutil
from pathlib import Path

from ..checksum import sha256_of
from ..errors import NotStored
from ..model import Stored
from .store import Progress, unseen


class FileStore:
    """Files below one folder; see `store.Store`."""

    def __init__(self, root: Path) -> None:
        """Keep files below ``root``, an absolute path."""
        self._root = root

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Copy beside, sync, compare, rename: a reader sees the whole file or none."""
        goal = self._root / key
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            part = _copy_beside(goal, file)
            if sha256_of(part) != sha256:
                part.unlink()
                raise NotStored(f"cannot store {goal}", "what was written differs from what was captured")
            part.replace(goal)
            progress(goal.stat().st_size)
        except OSError as error:
            raise NotStored(f"cannot store {goal}", error.strerror or str(error), "Check the directory.") from error
        return Stored(key, goal.as_uri(), goal.as_uri(), None, goal.stat().st_size, sha256)


def _copy_beside(goal: Path, source: Path) -> Path:
    part = goal.with_name(f".{goal.name}.part")
    with source.open("rb") as reader, part.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    return part
