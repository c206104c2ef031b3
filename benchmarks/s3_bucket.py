"""A prefix in the lab's S3 bucket for benchmarks, and the AWS CLI that uploads to it."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.baseline import baseline_python
from benchmarks.measure import Program
from benchmarks.upload import KEY
from lab.part import LabError
from lab.stores import S3, S3Endpoint, s3_endpoint

PREFIX = "bench"


@dataclass(frozen=True)
class BenchBucket:
    """The lab's bucket and the prefix of benchmarks in it."""

    where: S3Endpoint
    client: Any

    @property
    def url(self) -> str:
        """The URL of the prefix."""
        return f"s3://{self.where.bucket}/{PREFIX}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of debugcapture for the bucket."""
        return {
            "store": self.url,
            "s3_endpoint": self.where.url,
            "s3_region": self.where.region,
            "s3_access_key": self.where.access_key,
            "s3_secret_key": self.where.secret_key,
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the AWS CLI. It ignores the configuration of the machine."""
        keys = {"AWS_ACCESS_KEY_ID": self.where.access_key, "AWS_SECRET_ACCESS_KEY": self.where.secret_key}
        place = {"AWS_DEFAULT_REGION": self.where.region, "AWS_ENDPOINT_URL": self.where.url}
        return {**os.environ, **keys, **place, "AWS_CONFIG_FILE": os.devnull}

    def has(self, key: str, sha256: str) -> Callable[[Path], bool]:
        """Return a check that the object is complete. The check also removes the object before the next round."""

        def is_correct(_output: Path) -> bool:
            arrived = hashlib.sha256()
            for piece in self.client.get_object(**self.object(key))["Body"].iter_chunks(1 << 20):
                arrived.update(piece)
            self.client.delete_object(**self.object(key))
            return arrived.hexdigest() == sha256

        return is_correct

    def has_one(self, name: str, sha256: str) -> Callable[[Path], bool]:
        """Return the check `has` for the only object named ``name`` below the prefix. It removes all objects."""

        def is_correct(output: Path) -> bool:
            keys = [key.removeprefix(f"{PREFIX}/") for key in self.keys()]
            matches = [key for key in keys if key.rpartition("/")[2] == name]
            is_stored = len(matches) == 1 and self.has(matches[0], sha256)(output)
            self.clear()
            return is_stored

        return is_correct

    def keys(self) -> list[str]:
        """Return the keys below the prefix."""
        entries = self.client.list_objects_v2(Bucket=self.where.bucket, Prefix=f"{PREFIX}/").get("Contents", [])
        return [entry["Key"] for entry in entries]

    def contents(self, name: str) -> list[bytes]:
        """Return the contents of the objects whose keys end with ``/name``."""
        matches = [key for key in self.keys() if key.endswith(f"/{name}")]
        return [self.client.get_object(Bucket=self.where.bucket, Key=key)["Body"].read() for key in matches]

    def clear(self) -> None:
        """Remove all objects below the prefix."""
        for key in self.keys():
            self.client.delete_object(Bucket=self.where.bucket, Key=key)

    def object(self, key: str) -> dict[str, str]:
        """Return the arguments of the client that name the object of ``key``."""
        return {"Bucket": self.where.bucket, "Key": f"{PREFIX}/{key}"}


@contextmanager
def bench_bucket() -> Iterator[BenchBucket]:
    """Provide the bucket, and clear the prefix at the end."""
    import boto3  # noqa: PLC0415 (takes a third of a second, and only the benchmarks of S3 need it)

    if S3.status() != "up":
        raise LabError("needs: python -m lab up s3")
    where = s3_endpoint()
    client = boto3.client(
        "s3",
        endpoint_url=where.url,
        region_name=where.region,
        aws_access_key_id=where.access_key,
        aws_secret_access_key=where.secret_key,
    )
    bucket = BenchBucket(where, client)
    try:
        yield bucket
    finally:
        bucket.clear()


def aws_copy(bucket: BenchBucket, file: Path, is_correct: Callable[[Path], bool]) -> Program:
    """Return `aws s3 cp` with its default settings: parts of 8 MiB, ten at a time."""
    command: list[str | Path] = [baseline_python(), "-m", "awscli", "s3", "cp", "--only-show-errors", file]
    return Program("aws s3 cp", [*command, f"{bucket.url}/{KEY}"], is_correct, bucket.environment)
