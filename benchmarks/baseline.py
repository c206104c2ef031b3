"""A virtual environment with the tools that benchmarks compare with: the official Python client and the AWS CLI."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from lab.paths import cache_dir

LOCK = Path(__file__).parent / "baseline.lock"


def baseline_python() -> Path:
    """Return the Python that has kubernetes 35.0.0 and awscli, with bytecode. The first call creates it."""
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
        subprocess.run([python, "-m", "compileall", "-qq", folder / "lib"], check=False)  # some modules do not compile
        (folder / "complete").touch()
    return python
