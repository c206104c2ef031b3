"""Rules about volumes: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    described_events,
    event,
    findings,
    listed,
    only,
    words_of,
)

VOLUME_RULE = "volume-cannot-be-mounted"


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "keys" : secret "tls" not found',
            'secret "tls" not found',
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "host" : hostPath type check failed: /x is not a file',
            "/x",
        ),
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) a-0',
            "Multi-Attach",
        ),
        (
            "FailedAttachVolume",
            'AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Internal desc = no',
            "no",
        ),
        ("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting", "data"),
    ],
)
def test_a_volume_that_cannot_be_mounted(reason: str, message: str, expected: str) -> None:
    finding = only(listed(event(reason, message, count=7)), VOLUME_RULE)
    assert finding.severity == "critical"
    assert expected in words_of(finding)
    assert "7 times" in finding.detail


def test_a_volume_that_was_mounted_later() -> None:
    rows = [
        ("Warning", "FailedAttachVolume", "71s", 'Multi-Attach error for volume "pvc-1" Volume is already attached'),
        ("Normal", "SuccessfulAttachVolume", "55s", 'AttachVolume.Attach succeeded for volume "pvc-1"'),
        ("Normal", "Started", "37s", "Started container app"),
    ]
    (finding,) = findings(described_events(rows))
    assert (finding.rule, finding.severity) == (VOLUME_RULE, "info")
    assert "it is over" in finding.title
    assert "cannot" not in finding.title


def test_the_time_out_that_follows_from_a_cause_is_not_shown_twice() -> None:
    text = listed(
        event("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "tls" not found'),
        event(
            "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[keys]: timed out waiting", minute=2
        ),
    )
    assert 'secret "tls"' in only(text, VOLUME_RULE).title


def test_a_claim_without_a_volume() -> None:
    text = listed(event("ProvisioningFailed", 'storageclass "fast" not found', about="PersistentVolumeClaim/data"))
    assert "PersistentVolumeClaim data has no volume" in only(text, "claim-has-no-volume").title
