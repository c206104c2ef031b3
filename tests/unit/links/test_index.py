"""index.py: a capture is found by its ID, and a forged entry leads nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.errors import NotStored
from debugcapture.links.index import FOLDER, entry_key, entry_text, find_capture, is_capture_id
from debugcapture.manifest import PAGE, Receipt, Stored
from tests.unit.builders import CAPTURE_ID, NOON, file_store, written

KEY = f"shop/checkout/{CAPTURE_ID}"
URL = "s3://bucket/prefix"


def stored(key: str, **fields: str) -> Stored:
    link = f"https://bucket.example/{key}?X-Amz-Signature=secret"
    return Stored(key, f"{URL}/{key}", link, NOON, 7, "ab" * 32, **fields)


RECEIPT = Receipt(URL, (stored(f"{KEY}/logs/app.log.age", plain_sha256="cd" * 32), stored(f"{KEY}/{PAGE}")))


def test_capture_is_found_by_its_id(tmp_path: Path) -> None:
    written(tmp_path, entry_key(CAPTURE_ID), entry_text(KEY, RECEIPT))
    capture = find_capture(file_store(tmp_path), CAPTURE_ID)
    assert capture
    assert (capture.key, capture.capture_id, capture.page_links_end) == (KEY, CAPTURE_ID, NOON)
    assert [file.key for file in capture.files] == [f"{KEY}/logs/app.log.age", f"{KEY}/{PAGE}"]
    page = capture.find(PAGE)
    assert page
    assert page.key == f"{KEY}/{PAGE}"
    assert capture.find("other.txt") is None
    assert find_capture(file_store(tmp_path), CAPTURE_ID.replace("checkout", "payment")) is None


def test_entry_has_no_link_and_is_always_the_same() -> None:
    text = entry_text(KEY, RECEIPT)
    assert "secret" not in text
    assert "https" not in text
    later = replace(RECEIPT, store="file:///other")
    assert entry_text(KEY, later) == text
    without_end = Receipt(URL, tuple(replace(file, expires=None) for file in RECEIPT.stored))
    assert json.loads(entry_text(KEY, without_end))["page_links_end"] is None


def test_first_link_that_expires_ends_the_links_of_the_page() -> None:
    first, page = RECEIPT.stored
    text = entry_text(KEY, Receipt(URL, (first, replace(page, expires=NOON + timedelta(hours=1)))))
    assert json.loads(text)["page_links_end"] == NOON.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../20260102T120000Z-a",
        "20260102T120000Z-a/../../b",
        "20260102T120000Z-A",
        "20260102T120000Z-a\0",
        "20260102T120000Z-a\n",
        "٢٠٢٦٠١٠٢T120000Z-a",
        f"20260102T120000Z-{'a' * 240}",
    ],
)
def test_text_that_is_not_an_id_is_not_looked_up(text: str, tmp_path: Path) -> None:
    assert not is_capture_id(text)
    assert find_capture(file_store(tmp_path / "missing"), text) is None


@pytest.mark.parametrize(
    "changed",
    [
        "no JSON",
        "[]",
        json.dumps({"key": KEY}),
        json.dumps({"key": "shop/checkout/20260102T120000Z-other", "files": []}),
        json.dumps({"key": f"{FOLDER}/checkout/{CAPTURE_ID}", "files": []}),
        json.dumps({"key": f"shop/../{CAPTURE_ID}", "files": []}),
    ],
)
def test_damaged_entry_is_reported(changed: str, tmp_path: Path) -> None:
    written(tmp_path, entry_key(CAPTURE_ID), changed)
    with pytest.raises(NotStored, match=f"cannot read the index entry of {CAPTURE_ID}"):
        find_capture(file_store(tmp_path), CAPTURE_ID)


@pytest.mark.parametrize(
    "key",
    [
        "secret.txt",
        f"{KEY}x/heap.bin",
        f"{KEY}/",
        f"{KEY}/../{CAPTURE_ID}/a",
        f"{KEY}/a/../../b",
        f"{KEY}/./a",
        f"{KEY}//a",
        f"{KEY}/a\0",
        f"/{KEY}/a",
        f"shop/checkout/20260102T120000Z-other/{PAGE}/more",
        "shop/checkout/20260102T120000Z-other/heap.bin",
        f"_runs/checkout/20260102T120000Z-other/{PAGE}",
        f"shop/../20260102T120000Z-other/{PAGE}",
    ],
)
def test_forged_entry_names_no_other_file(key: str, tmp_path: Path) -> None:
    forged = Receipt(URL, (replace(RECEIPT.stored[0], key=key),))
    written(tmp_path, entry_key(CAPTURE_ID), entry_text(KEY, forged))
    with pytest.raises(NotStored, match="names a file that does not belong to the capture"):
        find_capture(file_store(tmp_path), CAPTURE_ID)


def test_fleet_capture_names_the_pages_of_its_pods(tmp_path: Path) -> None:
    pod_page = f"shop/checkout/20260102T120000Z-checkout-7d9f-abcde-9f9f/{PAGE}"
    receipt = Receipt(URL, (stored(pod_page), *RECEIPT.stored))
    written(tmp_path, entry_key(CAPTURE_ID), entry_text(KEY, receipt))
    capture = find_capture(file_store(tmp_path), CAPTURE_ID)
    assert capture
    assert pod_page in [file.key for file in capture.files]
