"""A bundle, and a function that runs collectors against the fake cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.bundle.record import Record
from debugcapture.capture.collect import TargetCapture
from debugcapture.capture.debug_session import DebugOptions, DebugSession
from debugcapture.capture.probe import CaptureScope
from debugcapture.collectors.plan import CapturePolicy
from debugcapture.kube.client import Api
from debugcapture.manifest import Artifact
from debugcapture.model import Collector, Target
from debugcapture.settings.debug_container import Profile
from tests.unit.builders import NOON, manifest, target
from tests.unit.capture.collecting import Run
from tests.unit.fakes import Cluster


def report(_line: str) -> None:
    pass


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return create_bundle(tmp_path, "web-0", NOON)


@pytest.fixture
def capture(bundle: Bundle) -> Run:
    """Return a function that runs collectors against a cluster and returns their artifacts."""

    def run(
        cluster: Cluster,
        *collectors: Collector,
        of: Target | None = None,
        ceiling: Profile = "restricted",
        preset: bool = False,
        image: str = "toolbox:1",
    ) -> tuple[Artifact, ...]:
        api, of = cast("Api", cluster), of or target()
        scope = CaptureScope(cluster.pod_json, of, CapturePolicy(ceiling, debug_image=True), preset=preset)
        record = Record(bundle, manifest(artifacts=(), finished=None))
        with DebugSession(api, of, (), DebugOptions(image, ceiling, 90), report) as debug_session:
            TargetCapture(api, scope, debug_session, record, report).run(collectors)
        result = record.finish()
        assert result.finished
        assert bundle.manifest().artifacts == tuple(_saved(artifact) for artifact in result.artifacts)
        return result.artifacts

    return run


def _saved(artifact: Artifact) -> Artifact:
    """Times are saved in milliseconds."""
    return replace(artifact, started=artifact.started.replace(microsecond=artifact.started.microsecond // 1000 * 1000))
