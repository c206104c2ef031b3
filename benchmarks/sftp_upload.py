"""How fast a file of the size of a heap dump reaches an SFTP server completely."""

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.upload import KEY, MIB, Upload, large_file
from debugcapture.files import sha256_of
from lab.part import LabError
from lab.prerequisites import ensure_program
from lab.stores import SFTP, sftp_endpoint

ROUNDS = 3
TITLE = f"""\
sftp-upload: {MIB} MiB of random bytes to OpenSSH on this machine, on its disk at the end (put -f). Ours checks the
SHA-256 of what it sends as well, and renames. Our memory has to stay below 120 MB."""


def run() -> Result:
    """Compare our upload with OpenSSH's own client."""
    if SFTP.status() != "up":
        raise LabError("needs: python -m lab up sftp")
    where = sftp_endpoint()
    folder = Path(where.directory, "bench")
    with large_file() as upload:
        settings = {
            "store": f"sftp://{where.user}@{where.host}:{where.port}{folder}",
            "sftp_private_key": where.private_key_file.read_text(),
            "sftp_known_hosts": where.known_hosts_file.read_text(),
        }
        folder.mkdir(parents=True, exist_ok=True)
        try:
            right = _arrived(folder / KEY, upload.sha256)
            ours, theirs = side_by_side(upload.ours(settings, right), _theirs(upload, folder / KEY, right), ROUNDS)
        finally:
            shutil.rmtree(folder)
    ratio = Ratio("sftp-upload", "our median wall time over sftp's", ours.median_s, theirs.median_s, "s", 1.25)
    return Result(TITLE, ours, theirs, (ratio,), transferred_mb=(MIB << 20) / 1e6)


def _theirs(upload: Upload, goal: Path, right: Callable[[Path], bool]) -> Program:
    where = sftp_endpoint()
    batch = upload.scratch / "batch"
    batch.write_text(f"put -f {upload.file} {goal}\n")
    option = f"UserKnownHostsFile={where.known_hosts_file}"
    command: list[str | Path] = [ensure_program("sftp", "openssh-client"), "-q", "-b", batch, "-P", str(where.port)]
    command += ["-i", where.private_key_file, "-o", option, f"{where.user}@{where.host}"]
    return Program("sftp put -f", command, right)


def _arrived(goal: Path, sha256: str) -> Callable[[Path], bool]:
    """Return a check that the file is complete. It also removes the file for the next round."""

    def right(_output: Path) -> bool:
        arrived = sha256_of(goal)
        goal.unlink()
        return arrived == sha256

    return right
