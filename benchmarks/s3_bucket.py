"""A place in the lab's S3 for benchmarks, and the AWS command line that copies to it."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Program
from benchmarks.rival import rival_python
from benchmarks.upload import KEY
from lab.part import LabError
from lab.stores import S3, S3Endpoint, s3_endpoint

PREFIX = "bench"


@dataclass(frozen=True)
class BenchBucket:
    """The lab's bucket."""

    where: S3Endpoint
    client: Any

    @property
    def url(self) -> str:
        """Where the objects go."""
        return f"s3://{self.where.bucket}/{PREFIX}"

    @property
    def settings(self) -> dict[str, str]:
        """Our settings of the store."""
        return {
            "store": self.url,
            "s3_endpoint": self.where.url,
            "s3_region": self.where.region,
            "s3_access_key": self.where.access_key,
            "s3_secret_key": self.where.secret_key,
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """What the AWS command line needs to know; a machine's own configuration does not count."""
        keys = {"AWS_ACCESS_KEY_ID": self.where.access_key, "AWS_SECRET_ACCESS_KEY": self.where.secret_key}
        place = {"AWS_DEFAULT_REGION": self.where.region, "AWS_ENDPOINT_URL": self.where.url}
        return {**os.environ, **keys, **place, "AWS_CONFIG_FILE": os.devnull}

    def has(self, key: str, sha256: str) -> Callable[[Path], bool]:
        """Return a check that the object is complete. It also removes the object for the next round."""

        def right(_output: Path) -> bool:
            arrived = hashlib.sha256()
            for piece in self.client.get_object(**self.object(key))["Body"].iter_chunks(1 << 20):
                arrived.update(piece)
            self.client.delete_object(**self.object(key))
            return arrived.hexdigest() == sha256

        return right

    def has_one(self, name: str, sha256: str) -> Callable[[Path], bool]:
        """Return `has` for the one object called ``name``, wherever it lies; all others go too."""

        def right(output: Path) -> bool:
            keys = [key.removeprefix(f"{PREFIX}/") for key in self.keys()]
            matches = [key for key in keys if key.rpartition("/")[2] == name]
            is_stored = len(matches) == 1 and self.has(matches[0], sha256)(output)
            self.clear()
            return is_stored

        return right

    def keys(self) -> list[str]:
        """Return what lies below the prefix."""
        entries = self.client.list_objects_v2(Bucket=self.where.bucket, Prefix=f"{PREFIX}/").get("Contents", [])
        return [entry["Key"] for entry in entries]

    def contents(self, name: str) -> list[bytes]:
        """Return what the objects hold whose keys end with ``/name``."""
        matches = [key for key in self.keys() if key.endswith(f"/{name}")]
        return [self.client.get_object(Bucket=self.where.bucket, Key=key)["Body"].read() for key in matches]

    def clear(self) -> None:
        """Remove what lies below the prefix."""
        for key in self.keys():
            self.client.delete_object(Bucket=self.where.bucket, Key=key)

    def object(self, key: str) -> dict[str, str]:
        """Return the place of ``key`` as the client takes it."""
        return {"Bucket": self.where.bucket, "Key": f"{PREFIX}/{key}"}


@contextmanager
def bench_bucket() -> Iterator[BenchBucket]:
    """The bucket, in which nothing is left below the prefix."""
    import boto3  # noqa: PLC0415 (a third of a second, and only these benchmarks need it)

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


def aws_copy(bucket: BenchBucket, file: Path, right: Callable[[Path], bool]) -> Program:
    """Return `aws s3 cp` as it comes: parts of 8 MiB, ten at a time."""
    command: list[str | Path] = [rival_python(), "-m", "awscli", "s3", "cp", "--only-show-errors", file]
    return Program("aws s3 cp", [*command, f"{bucket.url}/{KEY}"], right, bucket.environment)
