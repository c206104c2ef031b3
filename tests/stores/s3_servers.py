"""S3 servers for one test: versitygw with users, and moto for features that versitygw lacks."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.server import ThreadedMotoServer

from lab.daemon import HOST
from lab.progress import Progress
from lab.stores.s3 import versitygw

ROOT, SECRET, USER = "root", "root-secret", "writer"


@dataclass(frozen=True)
class Server:
    """An S3 server, and its administrator's client."""

    url: str
    client: Any


def client(url: str, access: str, secret: str) -> Any:
    """A client with which a test verifies objects."""
    config = Config(s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": access, "aws_secret_access_key": secret}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config, **keys)


@contextmanager
def moto() -> Iterator[Server]:
    """Moto's server: it supports encryption, storage classes and roles, but returns no checksum of a part."""
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Server(f"http://{host}:{port}", client(f"http://{host}:{port}", "k", "s"))
    finally:
        server.stop()


@contextmanager
def versitygw_with_user(folder: Path) -> Iterator[Server]:
    """versitygw with a user without permissions."""
    program = versitygw(Progress())
    for name in ("data", "iam"):
        (folder / name).mkdir()
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    url = f"http://{HOST}:{port}"
    argv: list[str | Path] = [
        program,
        "--port",
        f"{HOST}:{port}",
        "--quiet",
        "--iam-cache-disable",
        "--iam-dir",
        folder / "iam",
    ]
    env = {"ROOT_ACCESS_KEY": ROOT, "ROOT_SECRET_KEY": SECRET}
    with subprocess.Popen([*argv, "posix", folder / "data"], env=env, stdout=subprocess.DEVNULL) as process:
        try:
            admin = client(url, ROOT, SECRET)
            _wait_for(admin)
            access = ["--access", ROOT, "--secret", SECRET, "--endpoint-url", url]
            user = ["create-user", "--access", USER, "--secret", SECRET, "--role", "user"]
            subprocess.run([program, "admin", *access, *user], check=True, stdout=subprocess.DEVNULL)
            yield Server(url, admin)
        finally:
            process.terminate()


def allow(server: Server, bucket: str, *actions: str) -> None:
    """Allow the user ``actions`` on the bucket's objects."""
    statement = {"Effect": "Allow", "Principal": [USER], "Action": actions, "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    server.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _wait_for(admin: Any) -> None:
    for _ in range(100):
        try:
            admin.list_buckets()
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("versitygw does not answer")
