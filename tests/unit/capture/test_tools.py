"""tools.py: a file that the pod cannot upload is streamed within the rest of its time limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from debugcapture.capture import tools as module
from debugcapture.capture.tool_run import PendingArtifact
from debugcapture.capture.tools import Tools
from debugcapture.capture.transfer import RemoteFile, TransferResult
from debugcapture.errors import CommandFailed
from debugcapture.model import ContainerRef
from tests.unit.builders import collector, target
from tests.unit.clock import Clock


def test_a_direct_upload_and_its_replacement_share_one_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    limits_s: list[tuple[str, int]] = []

    def send(_api: Any, file: RemoteFile, _name: str, size_limit_bytes: int, _report: Any) -> None:
        limits_s.append(("send", file.time_limit_s))
        assert size_limit_bytes == 5
        clock.sleep(40)
        raise CommandFailed("direct upload", "the store returned HTTP 403")

    def fetch_file(_api: Any, file: RemoteFile, *_: Any) -> TransferResult:
        limits_s.append(("stream", file.time_limit_s))
        return TransferResult("complete")

    monkeypatch.setattr(module, "fetch_file", fetch_file)
    evidence = SimpleNamespace(name=str, record=SimpleNamespace(remark=lambda _line: None))
    scope = SimpleNamespace(target=target(), pod_upload=SimpleNamespace(send=send))
    tools = Tools(*cast("Any", (SimpleNamespace(clock=clock), scope, None, evidence, lambda _line: None)))
    pending = PendingArtifact(collector(kind="binary", size_limit_bytes=5), "heap.hprof", "exec", "")
    debug_container = RemoteFile(ContainerRef("shop", "x", "debug-capture-1"), "/heap", "run-tool", 60)
    assert tools.fetch(pending, debug_container, cast("Any", None)).outcome == "complete"
    assert limits_s == [("send", 60), ("stream", 20)]
