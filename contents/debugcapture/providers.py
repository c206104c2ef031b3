"""The steps that Rundeck offers: name, form, and the function that does it. plugin.yaml is generated from here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import runbook
from .model import Outcome


@dataclass(frozen=True, slots=True)
class Provider:
    """One step plugin."""

    name: str
    title: str
    description: str
    settings: type[Any]  # a dataclass of groups of settings
    run: Callable[[Any, runbook.Caller], Outcome]
    streams: bool = False  # its standard output is that of a command, and nothing else


PROVIDERS = (
    Provider(
        "k8s-debug-capture",
        "Kubernetes Debug / Capture",
        "Captures the debug state of a pod before it is restarted: state, events, logs, previous logs, Java threads. "
        "Runs the image's own tools, or attaches a debug container where it has none.",
        runbook.CaptureStep,
        runbook.capture,
    ),
    Provider(
        "k8s-debug-exec",
        "Kubernetes Debug / Run a command",
        "Runs a command in a container. Its output arrives unchanged, its exit code is the step's.",
        runbook.ExecStep,
        runbook.execute,
        streams=True,
    ),
    Provider(
        "k8s-debug-attach",
        "Kubernetes Debug / Run a command in a debug container",
        "Attaches a debug container that shares the target's processes, runs a command in it, and ends it.",
        runbook.AttachStep,
        runbook.attach,
        streams=True,
    ),
    Provider(
        "k8s-debug-upload",
        "Kubernetes Debug / Upload",
        "Sends a captured bundle to the store. It leaves this machine only when the store has confirmed it.",
        runbook.UploadStep,
        runbook.upload,
    ),
    Provider(
        "k8s-debug-incident-note",
        "Kubernetes Debug / Incident note",
        "Adds a note to the PagerDuty incident: what was captured, what was not and why, and the links.",
        runbook.NoteStep,
        runbook.annotate,
    ),
)


def provider(name: str) -> Provider:
    """Return the provider called ``name``; KeyError when there is none."""
    return {one.name: one for one in PROVIDERS}[name]
