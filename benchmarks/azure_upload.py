"""How fast a file of the size of a heap dump reaches Azure Blob Storage completely."""

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
THEIR_UPLOAD = Path(__file__).parent / "programs" / "their_azure.py"
TITLE = f"""\
azure-upload: {MIB} MiB of random bytes to Azurite on this machine. Ours checks the SHA-256 of what it sends, and has
the server check each block; upload_blob(max_concurrency=4) does neither. Our memory has to stay below 120 MB."""


def run() -> Result:
    """Compare our upload with the sample of Azure's SDK."""
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
        right = _arrived(container, name, upload.sha256)
        command: list[str | Path] = [sys.executable, THEIR_UPLOAD, where.container, name, upload.file]
        environment = {**os.environ, "AZURE_STORAGE_CONNECTION_STRING": where.connection_string}
        theirs_program = Program("upload_blob", command, right, environment)
        ours, theirs = side_by_side(upload.ours(settings, right), theirs_program, ROUNDS)
    ratio = Ratio("azure-upload", "our median wall time over the SDK's", ours.median_s, theirs.median_s, "s", 1.0)
    return Result(TITLE, ours, theirs, (ratio,), transferred_mb=(MIB << 20) / 1e6)


def _arrived(container: ContainerClient, name: str, sha256: str) -> Callable[[Path], bool]:
    """Return a check that the blob is complete. It also removes the blob for the next round."""

    def right(_output: Path) -> bool:
        checksum = hashlib.sha256()
        for piece in container.download_blob(name).chunks():
            checksum.update(piece)
        container.delete_blob(name)
        return checksum.hexdigest() == sha256

    return right
