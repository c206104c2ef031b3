"""S3: versitygw, built from its Go module, on a folder of this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lab.daemon import HOST, Daemon, kept_secret
from lab.paths import part_dir
from lab.prerequisites import GoTool, build_go_tools
from lab.process import Process
from lab.progress import Progress

PORT = 17070
REGION = "us-east-1"
_TOOL = GoTool("github.com/versity/versitygw/cmd/versitygw", "versitygw")


@dataclass(frozen=True)
class S3Endpoint:
    """The data that an S3 client needs."""

    url: str
    region: str
    bucket: str
    access_key: str
    secret_key: str


def s3_endpoint() -> S3Endpoint:
    """The store that `python -m lab up s3` starts; its keys are made once for each state directory."""
    folder = part_dir("s3")
    return S3Endpoint(
        url=f"http://{HOST}:{PORT}",
        region=REGION,
        bucket="debug-captures",
        access_key="LAB" + kept_secret(folder / "access-key")[:17].upper(),
        secret_key=kept_secret(folder / "secret-key"),
    )


def versitygw(progress: Progress) -> Path:
    """The program, built first unless it is there."""
    return build_go_tools("s3", "versitygw", [_TOOL], progress) / _TOOL.name


class S3Store(Daemon):
    """versitygw with its root account."""

    name = "s3"
    port = PORT

    def process(self, progress: Progress) -> Process:
        """versitygw; the keys go by its environment."""
        program = versitygw(progress)
        endpoint = s3_endpoint()
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        keys = {"ROOT_ACCESS_KEY": endpoint.access_key, "ROOT_SECRET_KEY": endpoint.secret_key}
        argv = [str(program), "--port", f"{HOST}:{PORT}", "--region", REGION, "--quiet", "posix", str(data)]
        return Process(self.name, self.name, argv, env={"PATH": os.environ.get("PATH", ""), **keys})

    def fill(self) -> None:
        """The bucket, unless it is there."""
        import boto3  # noqa: PLC0415 (a third of a second, and only `up` needs it)

        endpoint = s3_endpoint()
        client = boto3.client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
        )
        buckets = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
        if endpoint.bucket not in buckets:
            client.create_bucket(Bucket=endpoint.bucket)


S3 = S3Store()
