"""The official Python client and the AWS command line in a separate environment, as other steps use them."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from lab.paths import cache_dir

LOCK = Path(__file__).parent / "rival.lock"


def rival_python() -> Path:
    """The Python that has kubernetes 35.0.0 and awscli, with bytecode; made on the first call."""
    key = hashlib.sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"bench-client-{key}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        subprocess.run([*pip, "--no-deps", "-r", LOCK], check=True)
        subprocess.run([python, "-m", "compileall", "-qq", folder / "lib"], check=False)  # not all of it can be
        (folder / "complete").touch()
    return python
