"""What a step costs before it does anything: start, imports, connection, one command in a pod."""

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks.cluster import CONTAINER, NAMESPACE, POD, BenchPod, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from benchmarks.rival import rival_python
from tools.package import slim

ROUNDS = 9
COMMAND = "id"
CLIENT = Path(__file__).parent / "programs" / "client_exec.py"
TITLE = f"""\
step-cost: a whole process that runs `{COMMAND}` in a pod. Ours is the step k8s-debug-exec, unpacked from the zip and
started as Rundeck does; theirs reads the pod and runs the command with kubernetes 35.0.0. Both have bytecode."""


def run() -> Result:
    """Compare our step with one made of the official client."""
    with bench_pod() as pod, tempfile.TemporaryDirectory(prefix="bench-plugin-") as folder:
        expected = pod.output(COMMAND)
        with zipfile.ZipFile(slim()) as plugin:
            plugin.extractall(folder)
        script = next(Path(folder).glob("*/contents/k8s-debug-exec.py"))

        def right(output: Path) -> bool:
            return output.read_text(encoding="utf-8") == expected

        ours, theirs = side_by_side(
            Program("k8s-debug-exec", [sys.executable, script], right, _rundeck(pod)),
            Program("kubernetes 35.0.0", [rival_python(), CLIENT, *pod.place, COMMAND], right),
            ROUNDS,
        )
    return Result(
        TITLE,
        ours,
        theirs,
        (
            Ratio("step-cost", "our median wall time over theirs", ours.median_s, theirs.median_s, "s", 0.5),
            Ratio("step-cost-memory", "our peak memory over theirs", ours.peak_mb, theirs.peak_mb, "MB", 0.5),
        ),
    )


def _rundeck(pod: BenchPod) -> dict[str, str]:
    """The environment that Rundeck gives the step."""
    settings = {
        "KUBECONFIG": str(pod.kubeconfig),
        "NAMESPACE": NAMESPACE,
        "POD": POD,
        "CONTAINER": CONTAINER,
        "COMMAND": COMMAND,
    }
    return {**os.environ, **{f"RD_CONFIG_{name}": value for name, value in settings.items()}}
