"""Throughput and memory of the evidence server, compared with Flask and boto3."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.s3_bucket import bench_bucket
from debugcapture.files import sha256_of
from debugcapture.links.index import entry_key, entry_text
from debugcapture.manifest import PAGE, Receipt, Stored
from debugcapture.settings.declare import read
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.registry import open_store

ROUNDS = 3
REQUESTS = 10_000
CAPTURES = 50
PROGRAMS = Path(__file__).parent / "programs"
TITLE = f"""\
redirects: {REQUESTS:,} redirects to signed links of {CAPTURES} captures, over 8 connections, with the start of the
server. The evidence server authenticates each request, queries the store once per capture and minute, and writes the
access log; Flask with boto3 and waitress only signs. Goals: 1,000 redirects per second, and 100 MB."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    store: StoreSettings


def run() -> Result:
    """Compare the evidence server with a signer in Flask."""
    with bench_bucket() as bucket, _folder() as folder:
        settings = {name: str(value) for name, value in bucket.settings.items()}
        ids = _publish(settings, folder)
        job = folder / "job.json"
        work = {"settings": settings, "ids": ids, "requests": REQUESTS, "log": str(folder / "access.log")}
        job.write_text(json.dumps(work), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(PROGRAMS.parent.parent / "contents")}
        subject, baseline = side_by_side(
            Program(
                "evidence-server", [sys.executable, PROGRAMS / "redirects.py", job, "subject"], _has_all, environment
            ),
            Program(
                "Flask and boto3", [sys.executable, PROGRAMS / "redirects.py", job, "baseline"], _has_all, environment
            ),
            ROUNDS,
        )
    per_thousand_s = subject.median_s / REQUESTS * 1000
    return Result(
        TITLE,
        subject,
        baseline,
        (
            Ratio("redirects", "seconds per 1,000 redirects / 1 s", per_thousand_s, 1.0, "s", 1.0),
            Ratio("redirects-memory", "peak memory / 100 MB", subject.peak_mb, 100.0, "MB", 1.0),
        ),
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


def _publish(settings: dict[str, str], folder: Path) -> list[str]:
    """Add captures to the index of the store and return their IDs. Their files do not exist: only links are signed."""
    store, file = open_store(read(_Step, settings).store), folder / "entry"
    now, ids = datetime.now(timezone.utc), list[str]()
    for number in range(CAPTURES):
        capture_id = f"{now:%Y%m%dT%H%M%SZ}-checkout-{number:04x}"
        key = f"shop/checkout/{capture_id}"
        page = Stored(f"{key}/{PAGE}", "", "", None, 1000, "00")
        file.write_text(entry_text(key, Receipt("", (page,))), encoding="utf-8")
        store.put(entry_key(capture_id), file, sha256_of(file))
        ids.append(capture_id)
    return ids


def _has_all(output: Path) -> bool:
    return output.read_text(encoding="utf-8") == f"{REQUESTS} redirects\n"
