"""address.py: how a capture is named."""

from __future__ import annotations

import pytest

from debugcapture.links.address import file_key_of, job_link
from tests.unit.builders import CAPTURE_ID

KEY = f"shop/checkout/{CAPTURE_ID}"
JOB = "2f3b7a10-5c4d-4e6f-8a9b-0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("link", "file"),
    [
        (f"https://captures.s3.amazonaws.com/{KEY}/index.html?X-Amz-Signature=a/b", "index.html"),
        (f"http://127.0.0.1:9/captures/debug/{KEY}/logs/app%201.log", "logs/app 1.log"),
        (f"sftp://user@host/captures/{KEY}/jvm-heap.hprof", "jvm-heap.hprof"),
        (f"sftp://user@[127.0.0.1]:10022/captures/{KEY}/jvm-heap.hprof", "jvm-heap.hprof"),
        (f"{KEY}/index.html", "index.html"),
    ],
)
def test_a_link_contains_the_key_and_the_file(link: str, file: str) -> None:
    assert file_key_of(link) == (KEY, file)


@pytest.mark.parametrize(
    "link", ["", "index.html", "https://rundeck/project/ops/execution/follow/7", f"https://x/{KEY}"]
)
def test_other_links_contain_none(link: str) -> None:
    assert file_key_of(link) == ("", "")


def test_the_address_of_the_job_has_the_capture_in_its_form() -> None:
    link = job_link("https://rundeck.example/r/project/ops/execution/follow/7", JOB, CAPTURE_ID)
    assert link == f"https://rundeck.example/r/project/ops/job/show/{JOB}?opt.capture_id={CAPTURE_ID}"


@pytest.mark.parametrize(
    ("execution", "job"), [("", JOB), ("https://rundeck/7", JOB), ("https://r/project/a/execution/show/1", "")]
)
def test_without_rundeck_or_the_job_there_is_no_address(execution: str, job: str) -> None:
    assert job_link(execution, job, CAPTURE_ID) == ""
