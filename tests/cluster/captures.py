"""Run a capture on the lab's cluster, as a step does."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import lab.kubernetes
from debugcapture.bundle.bundle import Bundle
from debugcapture.manifest import Artifact, Manifest
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps.capture import capture


@dataclass(frozen=True)
class CaptureRun:
    """The result of a capture."""

    folder: Path
    manifest: Manifest
    log: list[str]

    def artifact(self, collector: str, pod: str = "") -> Artifact:
        return next(
            artifact for artifact in self.manifest.artifacts if artifact.collector == collector and artifact.pod == pod
        )

    def text(self, file: str) -> str:
        return (self.folder / file).read_text(errors="replace")


def run_context(spool: Path, log: list[str]) -> RunContext:
    return RunContext(log.append, io.BytesIO(), io.BytesIO(), spool, "1", {})


def as_captures() -> dict[str, str]:
    """The connection as the account of the captures instead of the administrator."""
    cluster = lab.kubernetes.endpoint()
    return as_bearer(cluster.capture_token_file.read_text().strip())


def as_bearer(token: str) -> dict[str, str]:
    """The connection with ``token``."""
    cluster = lab.kubernetes.endpoint()
    return {"kubeconfig": "", "server": cluster.server, "token": token, "ca_certificate": cluster.ca_file.read_text()}


def settings(**options: str) -> CaptureStep:
    """The settings of a capture by the cluster's administrator, with the lab's debug image."""
    cluster = lab.kubernetes.endpoint()
    common = {"kubeconfig": str(cluster.kubeconfig), "image": cluster.toolbox_image, "fail_when_partial": "false"}
    return read(CaptureStep, common | options)


def captured(spool: Path, **options: str) -> CaptureRun:
    log: list[str] = []
    outcome = capture(settings(**options), run_context(spool, log))
    folder = Path(outcome.data["bundle"])
    return CaptureRun(folder, Bundle(folder).manifest(), log)
