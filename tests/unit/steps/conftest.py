"""What the tests of the steps share: a context, a cluster, and the notes that were posted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.kube import client
from debugcapture.model import Json
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.runtime.context import RunContext
from tests.unit.steps.support import Cluster, Serve, make_bundle


@pytest.fixture
def log_lines() -> list[str]:
    return []


@pytest.fixture
def run_context(tmp_path: Path, log_lines: list[str]) -> RunContext:
    (tmp_path / "store").mkdir()
    trigger = {"execution": "https://rundeck/7"}
    return RunContext(log_lines.append, io.BytesIO(), io.BytesIO(), tmp_path / "spool", "7", trigger)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Return the list of the notes that were posted."""
    posted: list[tuple[str, str, str]] = []

    def annotate(_self: PagerDuty, incident: str, mark: str, content: str, _tries: int) -> str:
        posted.append((incident, mark, content))
        return "added"

    monkeypatch.setattr(PagerDuty, "annotate", annotate)
    return posted


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    def use(cluster: Cluster) -> None:
        monkeypatch.setattr(client, "connect", lambda _: None)
        monkeypatch.setattr(client, "Api", lambda *_: cluster)

    return use


@pytest.fixture
def bundle(run_context: RunContext) -> Bundle:
    return make_bundle(run_context)


@pytest.fixture
def alerted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """The alerts of every incident: one about the cluster's pod."""
    serve(Cluster())
    details = {"alertname": "X", "namespace": "shop", "pod": "checkout-7d9f-abcde"}
    alerts: list[Json] = [{"summary": "X", "created_at": "2026-11-25T09:28:00Z", "body": {"details": details}}]
    monkeypatch.setattr(PagerDuty, "alerts", lambda *_: alerts)
    monkeypatch.setattr(PagerDuty, "incident", lambda *_: {"title": "Something"})
    return alerts
