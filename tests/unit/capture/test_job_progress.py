"""job_progress.py: the progress of a tool that runs without a connection."""

from __future__ import annotations

from debugcapture.capture.job_progress import JobProgress


def test_invalid_progress_is_ignored_and_not_saved() -> None:
    log_lines: list[str] = []
    progress = JobProgress("/tmp/x", log_lines.append)
    for piece in (b"bytes \xc2\xb2\nbytes " + b"9" * 5000 + b"\n", *[b"x" * 65536] * 100, b"\nbytes 5\n"):
        progress.write(memoryview(piece))
        assert len(progress._rest) < 100
    assert log_lines == ["/tmp/x: 5 bytes so far"]
