"""A Rundeck project for captures, configured as after an installation: Key Storage, project properties, the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import lab.kubernetes
import lab.pagerduty
from lab.paths import REPO, part_dir
from lab.rundeck import JobRun, run_job
from lab.rundeck.engine import NEW_PROJECT, RunOptions
from lab.rundeck.model import Access
from lab.stores import s3_endpoint

if TYPE_CHECKING:
    from typing_extensions import Unpack

JOBS = REPO / "jobs"
PREFIX = "demo"
_STEPS = {
    "k8s-debug-capture": ("kubeconfig", "server", "token", "ca_certificate", "image", "profile", "spool"),
    "k8s-debug-exec": ("kubeconfig", "server", "token", "ca_certificate"),
    "k8s-debug-attach": ("server", "token", "ca_certificate", "image"),
    "k8s-debug-upload": ("store", "s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "spool"),
    "k8s-debug-open": ("store", "s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key"),
    "k8s-debug-links": (
        *("store", "s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "spool"),
        *("pagerduty_token", "pagerduty_from", "pagerduty_url"),
    ),
    "k8s-debug-doctor": (
        *("server", "token", "ca_certificate", "image", "store", "s3_endpoint", "s3_region"),
        *("s3_access_key", "s3_secret_key", "pagerduty_token", "pagerduty_from", "pagerduty_url", "spool"),
    ),
    "k8s-debug-incident-note": ("pagerduty_token", "pagerduty_from", "pagerduty_url", "spool"),
    "k8s-debug-restart": (
        "server",
        "token",
        "ca_certificate",
        "spool",
        "pagerduty_token",
        "pagerduty_from",
        "pagerduty_url",
    ),
}
# Additional settings of captures that an alert starts. Their step also uploads and notifies.
_ALERTED = ("store", "s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "pagerduty_token", "pagerduty_from",
            "pagerduty_url", "cluster", "alert_namespaces", "events")  # fmt: skip
SECRETS = ("token", "ca_certificate", "s3_access_key", "s3_secret_key", "pagerduty_token")


class JobSet(Protocol):
    """An environment that runs the jobs, with or without the plugin."""

    @property
    def settings(self) -> dict[str, str]:
        """The settings of all steps, by name."""
        ...

    @property
    def jobs(self) -> Path:
        """The folder of the exported jobs."""
        ...

    def changed(self, **settings: str) -> JobSet:
        """Return a copy with changed settings."""
        ...

    def for_alerts(self) -> JobSet:
        """Return a copy for captures that PagerDuty starts."""
        ...

    def run(self, file: str, options: dict[str, str], **run_options: Unpack[RunOptions]) -> JobRun:
        """Run a job of ``jobs/``."""
        ...


@dataclass(frozen=True)
class Project:
    """The settings of all steps, by name. Secrets contain their value, and are passed through Key Storage."""

    settings: dict[str, str]
    plugin: Path
    python: str
    steps: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(_STEPS))
    jobs: Path = JOBS
    """The folder of the exported jobs."""
    access: Access | None = None
    """The user who runs them. Without a user, no policy is checked."""

    def for_alerts(self) -> Project:
        """Return a copy with the settings that docs/pagerduty.md adds for captures that PagerDuty starts."""
        return replace(self, steps={**self.steps, "k8s-debug-capture": (*_STEPS["k8s-debug-capture"], *_ALERTED)})

    def changed(self, **settings: str) -> Project:
        """Return a copy with changed settings."""
        return replace(self, settings={**self.settings, **settings})

    def run(self, file: str, options: dict[str, str], **run_options: Unpack[RunOptions]) -> JobRun:
        """Run a job of ``jobs/`` or of another file with the plugin."""
        return run_job(
            self.jobs / file,
            options=options,
            keys=self.keys(),
            project_properties=self.properties(),
            plugins=[self.plugin],
            access=self.access,
            **run_options,
        )

    def keys(self) -> dict[str, str]:
        """Return the content of Key Storage, by path."""
        return keys_of(self.settings)

    def properties(self) -> dict[str, str]:
        """Return the project's defaults for each step. Secrets are paths in Key Storage."""
        properties = dict(NEW_PROJECT)
        for step, names in self.steps.items():
            for prefix in (f"project.plugin.WorkflowStep.{step}.", f"project.plugin.WorkflowNodeStep.{step}-node."):
                properties[f"{prefix}interpreter"] = self.python
                for name in names:
                    if self.settings.get(name):
                        properties[prefix + name] = _key(name) if name in SECRETS else self.settings[name]
        return properties


def lab_project(plugin: Path, python: str) -> Project:
    """Return the project of the lab, with a least-privilege service account of the cluster, S3 and PagerDuty."""
    cluster, store, incidents = lab.kubernetes.endpoint(), s3_endpoint(), lab.pagerduty.endpoint()
    settings = {
        "server": cluster.server,
        "token": cluster.capture_token_file.read_text().strip(),
        "ca_certificate": cluster.ca_file.read_text(),
        "image": cluster.toolbox_image,
        "spool": str(part_dir("rundeck") / "spool"),
        "store": f"s3://{store.bucket}/{PREFIX}",
        "s3_endpoint": store.url,
        "s3_region": store.region,
        "s3_access_key": store.access_key,
        "s3_secret_key": store.secret_key,
        "pagerduty_token": incidents.token,
        "pagerduty_from": incidents.sender,
        "pagerduty_url": incidents.url,
    }
    return Project(settings, plugin, python)


def keys_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets of ``settings`` by their paths in Key Storage."""
    return {_key(name): settings[name] for name in SECRETS if settings.get(name)}


def _key(name: str) -> str:
    return f"keys/project/lab/debug-capture/{name.replace('_', '-')}"
