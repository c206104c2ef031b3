"""address.py: how a capture is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.links.address import file_key_of, job_link, named_key
from tests.unit.builders import CAPTURE_ID
from tests.unit.links.stored import SigningStore, stored_capture

KEY = f"shop/checkout/{CAPTURE_ID}"
JOB = "2f3b7a10-5c4d-4e6f-8a9b-0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("link", "file"),
    [
        (f"https://captures.s3.amazonaws.com/{KEY}/index.html?X-Amz-Signature=a/b", "index.html"),
        (f"http://127.0.0.1:9/captures/debug/{KEY}/logs/app%201.log", "logs/app 1.log"),
        (f"sftp://user@host/captures/{KEY}/jvm-heap.hprof", "jvm-heap.hprof"),
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
    link = job_link("https://rundeck.example/r/project/ops/execution/follow/7", JOB, KEY)
    assert link == f"https://rundeck.example/r/project/ops/job/show/{JOB}?opt.capture_id={KEY}"


@pytest.mark.parametrize(
    ("execution", "job"), [("", JOB), ("https://rundeck/7", JOB), ("https://r/project/a/execution/show/1", "")]
)
def test_without_rundeck_or_the_job_there_is_no_address(execution: str, job: str) -> None:
    assert job_link(execution, job, KEY) == ""


def test_a_key_names_a_capture_and_so_does_an_id_in_the_spool(tmp_path: Path) -> None:
    made, _ = stored_capture(tmp_path, SigningStore())
    assert named_key(KEY, tmp_path) == KEY
    assert named_key(made.capture_id, tmp_path) == made.key


def test_an_id_that_the_spool_does_not_have_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Enter NAMESPACE/WORKLOAD/CAPTURE_ID"):
        named_key(CAPTURE_ID, tmp_path)
