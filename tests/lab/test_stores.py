"""The stores of the lab, each with a real client, and after its daemon was killed."""

from __future__ import annotations

import base64
import hmac
import os
import signal
import subprocess
import urllib.request
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Daemon
from lab.prerequisites import ensure_program
from lab.process import Process, wait_until
from lab.progress import Progress
from lab.stores import AZURE, S3, SFTP, azure_endpoint, s3_endpoint, sftp_endpoint

CONTENT = os.urandom(100_000)


def needs(store: Daemon) -> None:
    assert store.status() == "up", f"needs: python -m lab up {store.name}"


def s3_client() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4")
    endpoint = s3_endpoint()
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=config,
    )


def test_s3_keeps_an_object_and_signs_links() -> None:
    needs(S3)
    client, place = s3_client(), {"Bucket": s3_endpoint().bucket, "Key": "test/lab/object"}
    client.put_object(**place, Body=CONTENT)
    link = client.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.read() == CONTENT
    client.delete_object(**place)


def azure_request(method: str, name: str, body: bytes) -> bytes:
    """One signed request, as the simplest client sends it."""
    endpoint = azure_endpoint()
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    resource = f"/{endpoint.account}/{endpoint.account}/{endpoint.container}/{name}"
    length = str(len(body)) if body else ""
    lines = [method, "", "", length, "", "application/octet-stream", "", "", "", "", "", ""]
    signed = "\n".join([*lines, *(f"{k}:{v}" for k, v in headers.items()), resource])
    digest = hmac.digest(base64.b64decode(endpoint.key), signed.encode(), "sha256")
    headers["Authorization"] = f"SharedKey {endpoint.account}:{base64.b64encode(digest).decode()}"
    headers["Content-Type"] = "application/octet-stream"
    url = f"{endpoint.url}/{endpoint.container}/{name}"
    with urllib.request.urlopen(
        urllib.request.Request(url, body or None, headers, method=method), timeout=10
    ) as answer:
        content: bytes = answer.read()
        return content


def test_azure_keeps_a_blob() -> None:
    needs(AZURE)
    azure_request("PUT", "lab-object", CONTENT)
    assert azure_request("GET", "lab-object", b"") == CONTENT
    azure_request("DELETE", "lab-object", b"")


def sftp(batch: str) -> subprocess.CompletedProcess[str]:
    where = sftp_endpoint()
    options = [f"UserKnownHostsFile={where.known_hosts_file}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]
    argv = [
        str(ensure_program("sftp", "openssh-client")),
        "-b",
        "-",
        "-P",
        str(where.port),
        "-i",
        str(where.private_key_file),
        "-F",
        "none",
    ]
    argv += [word for option in options for word in ("-o", option)] + [f"{where.user}@{where.host}"]
    return subprocess.run(argv, input=batch, capture_output=True, text=True, check=False)


def test_sftp_keeps_a_file(tmp_path: Path) -> None:
    needs(SFTP)
    (tmp_path / "file").write_bytes(CONTENT)
    remote = f"{sftp_endpoint().directory}/lab-object"
    process = sftp(f"put {tmp_path}/file {remote}\nget {remote} {tmp_path}/back\nrm {remote}\n")
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "back").read_bytes() == CONTENT


@pytest.mark.exclusive
@pytest.mark.parametrize("store", [S3, AZURE, SFTP], ids=lambda store: store.name)
def test_up_repairs_a_killed_store_and_keeps_its_keys(store: Daemon) -> None:
    needs(store)
    before = (s3_endpoint(), azure_endpoint(), sftp_endpoint())
    identity = Process(store.name, store.name, []).identity()
    assert identity is not None
    identity.signal(signal.SIGKILL)
    wait_until("its death", lambda: not identity.alive(), 5)  # a signal is delivered a moment after it was sent
    store.up(Progress())
    assert Process(store.name, store.name, []).identity() != identity
    assert store.status() == "up"
    assert (s3_endpoint(), azure_endpoint(), sftp_endpoint()) == before


@pytest.mark.parametrize("store", [S3, AZURE, SFTP], ids=lambda store: store.name)
def test_up_does_not_change_a_running_store(store: Daemon) -> None:
    needs(store)
    process = Process(store.name, store.name, [])
    before = process.identity()
    store.up(Progress())
    assert process.identity() == before


def test_secrets_are_readable_by_their_user_only() -> None:
    needs(S3)
    s3_endpoint()
    modes = {file.name: oct(file.stat().st_mode & 0o077) for file in S3.folder.glob("*-key")}
    assert set(modes.values()) == {"0o0"}
