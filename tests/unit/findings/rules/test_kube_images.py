"""Rules about images: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    alarms,
    container,
    described_events,
    event,
    findings,
    listed,
    only,
    pod,
    waiting,
)

IMAGE = "registry.test/app:1"
PULL = f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = failed to pull and unpack image "{IMAGE}": '


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("toomanyrequests: You have reached your pull rate limit", "rate limit"),
        ("dial tcp: lookup registry.test on 10.0.0.10:53: no such host", "not found in DNS"),
        ("pull access denied, repository does not exist or may require authorization", "does not exist or is private"),
        ("unexpected status from HEAD request: 401 Unauthorized", "requires authentication"),
        ("error from registry: denied", "denies access"),
        ("registry.test/app:1: not found", "does not exist"),
        ("manifest unknown: manifest unknown", "does not exist"),
        ("no match for platform in manifest: not found", "platform"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("http: server gave HTTP response to HTTPS client", "speaks HTTP"),
        ("dial tcp 10.0.0.9:443: connect: connection refused", "refuses the connection"),
        ("dial tcp 10.0.0.9:443: i/o timeout", "does not answer in time"),
        ("write /var/lib/containerd/x: no space left on device", "disk of the node is full"),
    ],
)
def test_why_an_image_cannot_be_pulled(answer: str, cause: str) -> None:
    rows = [
        ("Normal", "Pulling", "77s (x2 over 2m32s)", f'Pulling image "{IMAGE}"'),
        ("Warning", "Failed", "16s (x2 over 90s)", PULL + answer),
        ("Warning", "Failed", "16s (x2 over 90s)", "Error: ErrImagePull"),
        ("Normal", "BackOff", "4s (x2 over 89s)", f'Back-off pulling image "{IMAGE}"'),
    ]
    (finding,) = findings(described_events(rows))
    assert (finding.rule, finding.severity) == ("image-cannot-be-pulled", "critical")
    assert f'Image "{IMAGE}"' in finding.title
    assert cause in finding.title
    assert answer in finding.detail
    assert finding.advice


def test_an_image_in_a_state_with_the_answer_of_the_registry() -> None:
    message = f'Back-off pulling image "{IMAGE}": ErrImagePull: {PULL.partition(": ")[2]}{IMAGE}: not found'
    state = waiting("ImagePullBackOff", message)
    finding = only(listed(pod(container(state=state, ready=False), ready=False)), "image-cannot-be-pulled")
    assert "does not exist" in finding.title
    assert "Container app" in finding.detail


def test_an_image_that_was_pulled_later_is_over() -> None:
    events = [
        event("Failed", PULL + "i/o timeout", minute=1),
        event("Pulled", f'Successfully pulled image "{IMAGE}" in 2s', kind="Normal", minute=2),
        event("Started", "Started container app", kind="Normal", minute=3),
    ]
    assert only(listed(*events), "image-cannot-be-pulled").severity == "info"
    assert not alarms(listed(*reversed(events)))  # the time counts, not the order
