"""Time and memory of a short step: start, imports, connection, one command in a pod."""

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks.baseline import baseline_python
from benchmarks.cluster import CONTAINER, NAMESPACE, POD, BenchPod, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from tools.package import slim

ROUNDS = 9
COMMAND = "id"
CLIENT_EXEC = Path(__file__).parent / "programs" / "kubernetes_client_exec.py"
TITLE = f"""\
step-cost: a process that runs `{COMMAND}` in a pod. k8s-debug-exec is unpacked from the zip and started as Rundeck
does; the baseline reads the pod and runs the command with kubernetes 35.0.0. Both use bytecode."""


def run() -> Result:
    """Compare the step with a script that uses the official client."""
    with bench_pod() as pod, tempfile.TemporaryDirectory(prefix="bench-plugin-") as folder:
        expected = pod.output(COMMAND)
        with zipfile.ZipFile(slim()) as plugin:
            plugin.extractall(folder)
        script = next(Path(folder).glob("*/contents/k8s-debug-exec.py"))

        def is_correct(output: Path) -> bool:
            return output.read_text(encoding="utf-8") == expected

        subject, baseline = side_by_side(
            Program("k8s-debug-exec", [sys.executable, script], is_correct, _rundeck(pod)),
            Program("kubernetes 35.0.0", [baseline_python(), CLIENT_EXEC, *pod.place, COMMAND], is_correct),
            ROUNDS,
        )
    return Result(
        TITLE,
        subject,
        baseline,
        (
            Ratio("step-cost", "median wall time / baseline", subject.median_s, baseline.median_s, "s", 0.5),
            Ratio("step-cost-memory", "peak memory / baseline", subject.peak_mb, baseline.peak_mb, "MB", 0.5),
        ),
    )


def _rundeck(pod: BenchPod) -> dict[str, str]:
    """Return the environment that Rundeck passes to the step."""
    settings = {
        "KUBECONFIG": str(pod.kubeconfig),
        "NAMESPACE": NAMESPACE,
        "POD": POD,
        "CONTAINER": CONTAINER,
        "COMMAND": COMMAND,
    }
    return {**os.environ, **{f"RD_CONFIG_{name}": value for name, value in settings.items()}}
