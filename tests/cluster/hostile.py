"""Hostile containers, and a capture as a separate step, as Rundeck starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lab.kubernetes
from lab.kubernetes.archive import Layer
from lab.kubernetes.images import Recipe, ensure_built, ensure_imported
from lab.kubernetes.layers import go_program
from lab.paths import REPO
from lab.progress import Progress
from tests.cluster.objects import pod, pod_spec

SOURCE = REPO / "lab" / "workloads" / "hostile" / "main.go"
PROGRAMS = ("sh", "tar", "cat", "find", "timeout", "jcmd")


def hostile_image() -> str:
    """Build the image, load it into the lab's cluster, and return its name."""
    recipe = Recipe("hostile", (SOURCE,), _layer, ("/hostile",), "1000", "/bin")
    ensure_built([recipe], Progress())
    ensure_imported([recipe], Progress())
    return recipe.reference()


def hostile_pod(name: str, mode: str, image: str, **metadata: Any) -> dict[str, Any]:
    """A pod whose container does ``mode``; see lab/workloads/hostile. Its traps are on a volume."""
    entry = {
        "name": "app",
        "image": image,
        "env": [{"name": "HOSTILE", "value": mode}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return pod(name, pod_spec(entry, volumes=[{"name": "data", "emptyDir": {}}]), **metadata)


@dataclass(frozen=True)
class Ran:
    """A step that has ended."""

    code: int
    output: str
    errors: str
    peak_mib: float
    commands: tuple[str, ...]  # command lines of the process and its children while it ran


def run_step(provider: str, spool: Path, environment: Mapping[str, str] | None = None, /, **settings: str) -> Ran:
    """Run ``provider`` in a new process, as the cluster's administrator."""
    cluster = lab.kubernetes.endpoint()
    options = {"kubeconfig": str(cluster.kubeconfig), "image": cluster.toolbox_image, "spool": str(spool)} | settings
    variables = {f"RD_CONFIG_{name.upper()}": value for name, value in options.items() if value}
    with (spool.with_suffix(".out")).open("w+b") as output, (spool.with_suffix(".err")).open("w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, REPO / "contents" / f"{provider}.py"],
            env={"PATH": os.environ["PATH"], "HOME": str(spool), **variables, **(environment or {})},
            stdout=output,
            stderr=errors,
        )
        commands, peak_kib = set[str](), 0
        while process.poll() is None:
            commands |= _command_lines(process.pid)
            peak_kib = max(peak_kib, _peak_kib(process.pid))
            time.sleep(0.01)
        output.seek(0)
        errors.seek(0)
        # Not splitlines: the test reads lines as Rundeck does.
        return Ran(
            process.returncode,
            output.read().decode(),
            errors.read().decode(),
            peak_kib / 1024,
            tuple(sorted(commands)),
        )


def _layer(scratch: Path) -> Layer:
    layer = go_program(scratch, SOURCE, "hostile")
    for name in PROGRAMS:
        layer.link(f"/bin/{name}", "../hostile")
    layer.folder("/data", 0o1777)
    return layer


def _command_lines(pid: int) -> set[str]:
    """Return the command lines of ``pid`` and of its descendants."""
    pids, waiting = set[str](), [pid]
    while waiting:
        process = waiting.pop()
        try:
            pids.add(Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        except OSError:
            continue  # it has ended in the meantime
    return pids


def _peak_kib(pid: int) -> int:
    """Return the peak memory of the program of ``pid``. ru_maxrss would be that of the tests' own process.

    A child begins with its parent's pages, and ru_maxrss keeps that number over the exec.
    """
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        match = None  # it has ended in the meantime
    return int(match.group(1)) if match else 0
