"""shards.py: the pods of each worker, and the records of the results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from debugcapture.errors import BadInput
from debugcapture.fleet.shards import (
    IndexRecord,
    PodIdentity,
    PodRecord,
    capture_id,
    deal,
    failed_record,
    identity_of,
    index_key,
    payloads,
    plan_key,
    pod_record,
    read_index_record,
    read_pod_record,
    read_share,
    record_key,
    record_text,
    share_text,
    trusted_record,
)
from debugcapture.manifest import Receipt, Stored
from debugcapture.settings.declare import CAPTURE_ID
from tests.unit.builders import artifact, manifest, target

RUN = "20260102T120000Z-checkout-7d9f-abcde-1a2b"
POD = PodIdentity("shop", "web-1", "u-1", "app")
RECORD = PodRecord("u-1", "shop/web-1", "id", "shop/web/id", "partial", 3, 1000, 200, "ab", "Heap failed: no room")


def targets(count: int, nodes: int = 3) -> list[object]:
    return [target(pod=f"web-{n}", uid=f"u-{n}", node=f"node-{n % nodes}") for n in range(count)]


@pytest.mark.parametrize(("pods", "of_an_index", "sizes"), [(6, 2, [2, 2, 2]), (7, 3, [3, 2, 2]), (1, 25, [1])])
def test_shares_have_equal_sizes_and_each_pod_is_in_one(pods: int, of_an_index: int, sizes: list[int]) -> None:
    shares = deal(targets(pods), of_an_index)  # type: ignore[arg-type]
    assert [len(share) for share in shares] == sizes
    assert {pod.uid for share in shares for pod in share} == {f"u-{n}" for n in range(pods)}


def test_pods_of_a_node_are_spread_over_the_shares() -> None:
    on = {f"u-{n}": f"node-{n % 3}" for n in range(9)}
    shares = deal(targets(9), 3)  # type: ignore[arg-type]
    assert [sorted(on[pod.uid] for pod in share) for share in shares] == [["node-0", "node-1", "node-2"]] * 3


def test_the_capture_id_of_a_pod_is_stable_and_differs_from_that_of_its_replacement() -> None:
    import re

    first = capture_id(RUN, POD)
    assert first == capture_id(RUN, POD)
    assert first.startswith("20260102T120000Z-web-1-")
    assert re.fullmatch(CAPTURE_ID, first)
    assert first != capture_id(RUN, replace(POD, uid="u-2"))
    assert first != capture_id(RUN.replace("1a2b", "3c4d"), POD)


def test_a_share_is_serialized_without_loss() -> None:
    share = [POD, replace(POD, pod="web-2")]
    assert read_share(share_text(share)) == share
    with pytest.raises(BadInput, match="four words"):
        read_share("shop web-1\n")


def test_large_shares_use_several_config_maps() -> None:
    shares = deal(targets(10_000), 25)  # type: ignore[arg-type]
    maps = payloads(shares, 100_000)
    assert len(maps) > 1
    assert all(sum(len(key) + len(text) for key, text in config_map.items()) <= 100_000 for config_map in maps)
    records = {key: text for config_map in maps for key, text in config_map.items()}
    assert [read_share(records[str(index)]) for index in range(len(shares))] == shares


def test_a_share_that_is_too_large_for_a_config_map_is_refused() -> None:
    with pytest.raises(BadInput, match="2 pods are too many for one worker"):
        payloads([[POD, POD]], 30)


def test_records_are_serialized_without_loss() -> None:
    assert read_pod_record(record_text(RECORD)) == RECORD
    record = IndexRecord(12, (RECORD, replace(RECORD, status=None)))
    assert read_index_record(record_text(record)) == record


@pytest.mark.parametrize(
    ("status", "is_finished"), [("complete", True), ("partial", True), (None, True), ("failed", False)]
)
def test_only_failed_pods_are_captured_again(status: object, is_finished: bool) -> None:
    assert replace(RECORD, status=status).is_done is is_finished  # type: ignore[arg-type]


def test_a_pod_of_a_stopped_worker_is_captured_again() -> None:
    aborted = replace(RECORD, status="partial", aborted=True)
    assert not aborted.is_done
    assert read_pod_record(record_text(aborted)) == aborted


def test_a_pod_that_cannot_be_captured_again_keeps_what_the_stopped_worker_captured() -> None:
    aborted = replace(RECORD, status="partial", aborted=True, reason="Threads failed: aborted")
    record = failed_record(POD, "the pod is gone", aborted)
    assert record.is_done
    assert (record.key, record.files) == (RECORD.key, RECORD.files)
    assert record.reason == "Threads failed: aborted; the pod is gone"


@pytest.mark.parametrize("earlier", [None, replace(RECORD, status="failed")])
def test_a_pod_that_was_never_captured_has_the_reason(earlier: PodRecord | None) -> None:
    failed = failed_record(POD, "the pod is gone", earlier)
    assert (failed.status, failed.key, failed.reason, failed.is_done) == ("failed", "", "the pod is gone", False)


def test_record_has_size_page_and_what_is_missing() -> None:
    capture_manifest = manifest(
        artifacts=(artifact(bytes=10), artifact(file="", bytes=0, outcome="failed", reason="no room"))
    )
    key = f"{capture_manifest.key}/index.html"
    page = Stored(key, "s3://b/page", "https://page", None, 77, "ff")
    receipt = Receipt(
        "s3://b", (Stored(f"{capture_manifest.key}/a.txt", "s3://b/a", "https://a", None, 10, "aa"), page)
    )
    record = pod_record(RUN, identity_of(capture_manifest.target), capture_manifest, receipt)
    assert (record.status, record.files, record.bytes, record.page_bytes, record.page_sha256) == (
        "partial",
        1,
        10,
        77,
        "ff",
    )
    assert record.reason.endswith("failed: no room")
    assert record.key == capture_manifest.key


def test_keys_of_a_run_do_not_contain_a_namespace() -> None:
    keys = [plan_key(RUN), record_key(RUN, "u-1"), index_key(RUN, "debug-capture-x", 3)]
    assert keys == [f"_runs/{RUN}/plan.json", f"_runs/{RUN}/u-1.json", f"_runs/{RUN}/debug-capture-x/3.json"]


def test_a_record_of_encrypted_evidence_quotes_no_tool() -> None:
    """The record is not encrypted, and a reason may contain the last line that a tool wrote."""
    captured = manifest(artifact(), replace(artifact(), title="Heap", outcome="failed", reason="password=hunter2"))
    page = Stored(f"{captured.key}/index.html", "s3://b/x", "https://x", None, 1, "ab")
    plain = Stored(f"{captured.key}/x.txt", "s3://b/x", "https://x", None, 1, "ab")
    encrypted = replace(plain, key=f"{plain.key}.age", plain_sha256="cd")
    assert "hunter2" in pod_record(RUN, POD, captured, Receipt("s3://b", (plain, page))).reason
    assert pod_record(RUN, POD, captured, Receipt("s3://b", (encrypted, page))).reason == "Heap failed"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../other-prefix/secret"},
        {"key": "payments/web/ID"},
        {"key": "shop/web/20260102T120000Z-web-2-00000000"},
        {"key": "shop/../ID"},
        {"key": "shop/web/ID/left"},
        {"uid": "u-2"},
    ],
)
def test_a_forged_record_gets_no_link_to_another_page(changes: dict[str, Any]) -> None:
    """A user who can write to _runs/ must not get links to other evidence in the store."""
    pod, own_id = target(pod="web-1", uid="u-1"), capture_id(RUN, POD)
    own = replace(RECORD, key=f"shop/web/{own_id}")
    assert trusted_record(own, RUN, pod) is own
    forged = replace(own, **{name: value.replace("ID", own_id) for name, value in changes.items()})
    assert trusted_record(forged, RUN, pod).status == "failed"
    assert not trusted_record(forged, RUN, pod).key
