"""S3: versitygw, built from its Go module, with its data in a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lab.daemon import HOST, Daemon, ensure_secret
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
    """Return the store that `python -m lab up s3` starts. Its keys are created once per state directory."""
    folder = part_dir("s3")
    return S3Endpoint(
        url=f"http://{HOST}:{PORT}",
        region=REGION,
        bucket="debug-captures",
        access_key="LAB" + ensure_secret(folder / "access-key")[:17].upper(),
        secret_key=ensure_secret(folder / "secret-key"),
    )


def versitygw(progress: Progress) -> Path:
    """Return the program. Builds it unless it exists."""
    return build_go_tools("s3", "versitygw", [_TOOL], progress) / _TOOL.name


class S3Store(Daemon):
    """versitygw with its root account."""

    name = "s3"
    port = PORT

    def process(self, progress: Progress) -> Process:
        """Return versitygw, which gets the keys in its environment."""
        program = versitygw(progress)
        endpoint = s3_endpoint()
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        keys = {"ROOT_ACCESS_KEY": endpoint.access_key, "ROOT_SECRET_KEY": endpoint.secret_key}
        argv = [str(program), "--port", f"{HOST}:{PORT}", "--region", REGION, "--quiet", "posix", str(data)]
        return Process(self.name, self.name, argv, env={"PATH": os.environ.get("PATH", ""), **keys})

    def fill(self) -> None:
        """Create the bucket unless it exists."""
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
