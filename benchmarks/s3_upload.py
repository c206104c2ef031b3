"""Upload of a large file to S3, compared with `aws s3 cp`.

Processor time to upload 1 GiB (30 November 2026, two processors, both busy; 3.7 s, 6.6 s of processor time):

    3.3 s  versitygw: HTTP, SHA-256 and MD5, and writing the parts
    2.1 s  the upload: two checksums of 0.6 s, reading and sending
    1.2 s  the kernel: network, and writing to the disk

aws s3 cp takes 4.0 s: it needs 2.3 s of processor time where the upload needs 2.1 s.
"""

from benchmarks.measure import side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.s3_bucket import aws_copy, bench_bucket
from benchmarks.upload import KEY, MIB, large_file

ROUNDS = 3
TITLE = f"""\
s3-upload: {MIB} MiB of random bytes to versitygw on this machine. debugcapture makes the server verify the
SHA-256 of each part, and compares the SHA-256 of the file; aws s3 cp uses a CRC. Goal: below 120 MB of memory."""


def run() -> Result:
    """Compare debugcapture with the AWS CLI."""
    with large_file() as upload, bench_bucket() as bucket:
        is_correct = bucket.has(KEY, upload.sha256)
        subject, baseline = side_by_side(
            upload.program(bucket.settings, is_correct), aws_copy(bucket, upload.file, is_correct), ROUNDS
        )
    ratio = Ratio("s3-upload", "median wall time / aws s3 cp", subject.median_s, baseline.median_s, "s", 1.0)
    return Result(TITLE, subject, baseline, (ratio,), transferred_mb=(MIB << 20) / 1e6)
