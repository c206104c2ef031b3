"""advice.py: what to do about messages of a cluster."""

from __future__ import annotations

import pytest

from debugcapture.kube.advice import advice


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', "lower security profile"),
        ('pods "x" is forbidden: exceeded quota: compute', "Raise the quota"),
        ("unable to create new content in namespace shop because it is being terminated", "is being deleted"),
        ('admission webhook "policy.example" denied the request: no latest tag', "administrators"),
        ('ValidatingAdmissionPolicy "images" with binding "all" denied request: registry', "administrators"),
        ('Internal error occurred: failed calling webhook "x": timeout', "does not respond"),
        ("dial tcp 10.0.0.7:10250: connect: connection refused", "The pod's node does not respond"),
    ],
)
def test_a_known_message_has_advice(message: str, words: str) -> None:
    assert words in advice(message)


@pytest.mark.parametrize("message", ["", "pods is forbidden: User cannot list resource", "the server is busy"])
def test_any_other_message_has_none(message: str) -> None:
    assert advice(message) == ""
