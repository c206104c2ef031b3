"""How fast a file of the size of a heap dump reaches an S3 server completely."""

from benchmarks.measure import side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.s3_bucket import aws_copy, bench_bucket
from benchmarks.upload import KEY, MIB, large_file

ROUNDS = 3
TITLE = f"""\
s3-upload: {MIB} MiB of random bytes to versitygw on this machine. Ours has the server check the SHA-256 of each part,
and compares that of the whole file; aws s3 cp has it check a CRC. Our memory has to stay below 120 MB."""


def run() -> Result:
    """Compare our upload with the AWS command line."""
    with large_file() as upload, bench_bucket() as bucket:
        right = bucket.has(KEY, upload.sha256)
        ours, theirs = side_by_side(upload.ours(bucket.settings, right), aws_copy(bucket, upload.file, right), ROUNDS)
    ratio = Ratio("s3-upload", "our median wall time over that of aws s3 cp", ours.median_s, theirs.median_s, "s", 1.0)
    return Result(TITLE, ours, theirs, (ratio,), transferred_mb=(MIB << 20) / 1e6)
