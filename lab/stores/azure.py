"""Azure Blob Storage: Azurite, Microsoft's emulator, from npm at the versions of lab/azurite/package-lock.json."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from lab.daemon import HOST, Daemon, ensure_secret
from lab.part import LabError
from lab.paths import REPO, cache_dir, part_dir
from lab.process import Process
from lab.progress import Progress
from lab.stores.node import Node, find_node

PORT = 17100
ACCOUNT = "debugcapture"
_SOURCE = REPO / "lab" / "azurite"
_API_VERSION = "2021-12-02"


@dataclass(frozen=True)
class AzureEndpoint:
    """The data that a client of the blob service needs."""

    url: str
    """Of the account: the host and, as always with the emulator, the account's name as the first path element."""
    account: str
    key: str
    container: str

    @property
    def connection_string(self) -> str:
        """Return the connection string of Azure's tools."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};BlobEndpoint={self.url};"
        )


def azure_endpoint() -> AzureEndpoint:
    """Return the store that `python -m lab up azure` starts. Its key is created once per state directory."""
    fresh = base64.b64encode(secrets.token_bytes(64)).decode()
    key = ensure_secret(part_dir("azure") / "account-key", fresh)
    return AzureEndpoint(f"http://{HOST}:{PORT}/{ACCOUNT}", ACCOUNT, key, "debug-captures")


class AzureStore(Daemon):
    """Azurite's blob service."""

    name = "azure"
    port = PORT

    def process(self, progress: Progress) -> Process:
        """Return Azurite in Node.js, which gets the key in its environment."""
        node = find_node()
        program = _installed(node, progress)
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        argv = [str(node.program), str(program), "--blobHost", HOST, "--blobPort", str(PORT), "--location", str(data)]
        # newer client libraries use newer API versions; telemetry would be sent to another machine
        argv += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        account = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{azure_endpoint().key}"}
        return Process(self.name, self.name, argv, env={"PATH": os.environ.get("PATH", ""), **account})

    def fill(self) -> None:
        """Create the container unless it exists."""
        endpoint = azure_endpoint()
        connection = HTTPConnection(HOST, PORT, timeout=10)
        path = f"/{endpoint.account}/{endpoint.container}?restype=container"
        connection.request("PUT", path, b"", _signed_headers(endpoint))
        status = connection.getresponse().status
        connection.close()
        if status not in (HTTPStatus.CREATED, HTTPStatus.CONFLICT):
            raise LabError(f"Azurite made no container (HTTP {status}): python -m lab reset azure")


def _installed(node: Node, progress: Progress) -> Path:
    """Install Azurite into the cache, once per content of the lock file. Return its blob program."""
    lock = (_SOURCE / "package-lock.json").read_bytes()
    folder = cache_dir() / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not folder.exists():
        with progress.stage("azure", "installing Azurite with npm"):
            _install(node, folder)
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def _install(node: Node, folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_SOURCE / name, unfinished)
    argv = [*node.npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    process = subprocess.run(argv, cwd=unfinished, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise LabError(f"npm could not install Azurite; try again: python -m lab up azure. {process.stderr[-300:]}")
    unfinished.rename(folder)


def _signed_headers(endpoint: AzureEndpoint) -> dict[str, str]:
    """Return the headers of the request for the container, signed with the key of the account.

    Source: Azure Storage REST API, "Create Container", "Authorize with Shared Key".
    """
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _API_VERSION}
    signed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    # the account appears twice, because paths of the emulator also contain it
    resource = f"/{endpoint.account}/{endpoint.account}/{endpoint.container}\nrestype:container"
    to_sign = "PUT" + "\n" * 12 + signed + resource
    digest = hmac.digest(base64.b64decode(endpoint.key), to_sign.encode(), "sha256")
    return {**headers, "Authorization": f"SharedKey {endpoint.account}:{base64.b64encode(digest).decode()}"}


AZURE = AzureStore()
