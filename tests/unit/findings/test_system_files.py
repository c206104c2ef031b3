"""Files of the system collectors: any form breaks nothing, and healthy files have no alarm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.findings.kube_evidence import (
    alarms,
    container,
    findings,
    pod,
)
from tests.unit.findings.system_files import RELEASE, disk, kernel, processes, summary, usage
from tests.unit.hostile import TEXT

TEXTS = (processes(("memory.max", "1")), kernel((2, "08", "0500000A:1538", "00000000")), disk(), usage("1Gi"), RELEASE)
PARTS = tuple(dict.fromkeys(line for text in (*TEXTS, summary(pod(container()))) for line in text.splitlines()))


@given(st.sampled_from(TEXTS), st.lists(st.sampled_from(PARTS) | TEXT, max_size=30))
def test_any_file_is_parsed_without_an_exception(text: str, parts: list[str]) -> None:
    head = text.partition("\n")[0]
    findings("\n".join([head, *parts]))
    findings("\n".join([text[: len(text) // 2], *parts]))


def test_healthy_files_have_no_alarm() -> None:
    assert not any(alarms(text) for text in (processes(), kernel(), disk(), usage("1Mi")))
