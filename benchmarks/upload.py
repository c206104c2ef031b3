"""What the upload benchmarks share: a large file, and the program that uploads it with debugcapture."""

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
STORE_FILE = Path(__file__).parent / "programs" / "store_file.py"


@dataclass(frozen=True)
class Upload:
    """A file of random bytes to upload."""

    scratch: Path
    file: Path
    sha256: str

    def program(self, settings: Mapping[str, str], is_correct: Callable[[Path], bool]) -> Program:
        """Return the program that uploads the file as `KEY` to the store of ``settings``."""
        path = self.scratch / "settings.json"
        path.write_text(json.dumps(settings))
        return Program("debugcapture", [sys.executable, STORE_FILE, path, KEY, self.file, self.sha256], is_correct)


@contextmanager
def large_file(mib: int = MIB) -> Iterator[Upload]:
    """Create a file of ``mib`` MiB in a private folder; both are removed at the end."""
    with TemporaryDirectory(prefix="bench-") as scratch:
        file = Path(scratch, "file")
        with file.open("wb") as writer:
            for _ in range(mib):
                writer.write(os.urandom(1 << 20))
        yield Upload(Path(scratch), file, sha256_of(file))
