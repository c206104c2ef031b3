"""Upload of a large file to Azure Blob Storage, compared with Azure's SDK."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from azure.storage.blob import ContainerClient

from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.upload import KEY, large_file
from lab.part import LabError
from lab.stores import AZURE, azure_endpoint

MIB = 512
ROUNDS = 2
FOLDER = "bench"
SDK_UPLOAD = Path(__file__).parent / "programs" / "azure_sdk_upload.py"
TITLE = f"""\
azure-upload: {MIB} MiB of random bytes to Azurite on this machine. debugcapture compares the SHA-256 of the file, and
makes the server verify each block; upload_blob(max_concurrency=4) does neither. Goal: below 120 MB of memory."""


def run() -> Result:
    """Compare debugcapture with the upload sample of Azure's SDK."""
    if AZURE.status() != "up":
        raise LabError("needs: python -m lab up azure")
    where = azure_endpoint()
    name = f"{FOLDER}/{KEY}"
    settings = {
        "store": f"azblob://{where.account}/{where.container}/{FOLDER}",
        "azure_connection_string": where.connection_string,
    }
    with (
        large_file(MIB) as upload,
        ContainerClient.from_connection_string(where.connection_string, where.container) as container,
    ):
        is_correct = _check_of(container, name, upload.sha256)
        command: list[str | Path] = [sys.executable, SDK_UPLOAD, where.container, name, upload.file]
        environment = {**os.environ, "AZURE_STORAGE_CONNECTION_STRING": where.connection_string}
        sdk = Program("upload_blob", command, is_correct, environment)
        subject, baseline = side_by_side(upload.program(settings, is_correct), sdk, ROUNDS)
    ratio = Ratio("azure-upload", "median wall time / SDK", subject.median_s, baseline.median_s, "s", 1.0)
    return Result(TITLE, subject, baseline, (ratio,), transferred_mb=(MIB << 20) / 1e6)


def _check_of(container: ContainerClient, name: str, sha256: str) -> Callable[[Path], bool]:
    """Return a check that the blob is complete. The check also removes the blob before the next round."""

    def is_correct(_output: Path) -> bool:
        checksum = hashlib.sha256()
        for piece in container.download_blob(name).chunks():
            checksum.update(piece)
        container.delete_blob(name)
        return checksum.hexdigest() == sha256

    return is_correct
