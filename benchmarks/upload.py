"""What the benchmarks of uploads share: a large file, and our side of the race."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Program
from debugcapture.files import sha256_of

MIB = 1024
KEY = "dump"
OUR_STORE = Path(__file__).parent / "programs" / "our_store.py"


@dataclass(frozen=True)
class Upload:
    """A file of random bytes that is to be stored."""

    scratch: Path
    file: Path
    sha256: str

    def ours(self, settings: Mapping[str, str], right: Callable[[Path], bool]) -> Program:
        """Our upload to the store of ``settings``, under `KEY`."""
        path = self.scratch / "settings.json"
        path.write_text(json.dumps(settings))
        return Program("debugcapture", [sys.executable, OUR_STORE, path, KEY, self.file, self.sha256], right)


@contextmanager
def large_file(mib: int = MIB) -> Iterator[Upload]:
    """Create a file of ``mib`` MiB in a private folder; both are removed at the end."""
    with TemporaryDirectory(prefix="bench-") as scratch:
        file = Path(scratch, "file")
        with file.open("wb") as writer:
            for _ in range(mib):
                writer.write(os.urandom(1 << 20))
        yield Upload(Path(scratch), file, sha256_of(file))
