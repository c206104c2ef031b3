"""Upload of a large file to an SFTP server, compared with OpenSSH's client."""

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
sftp-upload: {MIB} MiB of random bytes to OpenSSH on this machine, flushed to disk (put -f). debugcapture also verifies
the SHA-256 and renames the file at the end. Goal: below 120 MB of memory."""


def run() -> Result:
    """Compare debugcapture with OpenSSH's client."""
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
            is_correct = _check_of(folder / KEY, upload.sha256)
            openssh = _openssh(upload, folder / KEY, is_correct)
            subject, baseline = side_by_side(upload.program(settings, is_correct), openssh, ROUNDS)
        finally:
            shutil.rmtree(folder)
    ratio = Ratio("sftp-upload", "median wall time / sftp", subject.median_s, baseline.median_s, "s", 1.25)
    return Result(TITLE, subject, baseline, (ratio,), transferred_mb=(MIB << 20) / 1e6)


def _openssh(upload: Upload, destination: Path, is_correct: Callable[[Path], bool]) -> Program:
    where = sftp_endpoint()
    batch = upload.scratch / "batch"
    batch.write_text(f"put -f {upload.file} {destination}\n")
    option = f"UserKnownHostsFile={where.known_hosts_file}"
    command: list[str | Path] = [ensure_program("sftp", "openssh-client"), "-q", "-b", batch, "-P", str(where.port)]
    command += ["-i", where.private_key_file, "-o", option, f"{where.user}@{where.host}"]
    return Program("sftp put -f", command, is_correct)


def _check_of(destination: Path, sha256: str) -> Callable[[Path], bool]:
    """Return a check that the file is complete. The check also removes the file before the next round."""

    def is_correct(_output: Path) -> bool:
        received = sha256_of(destination)
        destination.unlink()
        return received == sha256

    return is_correct
