"""Capture of twenty pods at once, compared with a capture of one pod, and with kubectl.

Processor time for 20 pods (30 November 2026, two processors, shared by API server, kubelet, containerd and step; 20
pods take 8.8 s and 16.7 s of processor time, one pod takes 1.05 s and 1.5 s):

    1.9 s  the step itself, mostly for its start and for the snapshots
    5.6 s  containerd 2.0 s, API server 1.6 s, kubelet 1.4 s, etcd 0.5 s
    4.8 s  processes of the node: the start of 20 containers, 4 execs of 0.06 s in each, gdb
    4.0 s  the kernel: namespaces, control groups and file systems of new and ended containers

One pod does not use both processors, twenty do: each adds 0.8 s of processor time. So the ratio depends on the
machine more than on the step. For kubectl it is 13 (9.6 s and 0.7 s). The start and the end of 20 containers in which
nothing runs take 5.2 s, more than three times one pod. Since the figures above, only the first container
of an image is checked for a shell, which saves 19 of 80 execs.
"""

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cluster import NAMESPACE, BenchPod, bench_pod
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result

ROUNDS = 3
PODS = 20
PROGRAMS = Path(__file__).parent / "programs"
TITLE = f"""\
many-pods: snapshot and native stacks of {PODS} pods without a shell, each with its own debug container, compared
with the capture of one of them, and with a script of kubectl get, logs, debug and exec gdb for all pods at once. The
script computes no checksums, masks no credentials, explains nothing, and does not stop its debug containers. The last
program only starts and ends an ephemeral container in each pod."""


def run() -> Result:
    """Compare a capture of many pods with that of one."""
    with bench_pod() as pod, TemporaryDirectory(prefix="bench-") as spool:
        pod.run("create", "--filename=-", stdin=json.dumps(_deployment()))
        pod.run("rollout", "status", f"--namespace={NAMESPACE}", "deployment/many", "--timeout=120s")
        many, single, scripted, containers = in_turn(_programs(pod, spool), ROUNDS)
    ratios = (
        Ratio("many-pods", f"median wall time of {PODS} pods / 1 pod", many.median_s, single.median_s, "s", 3.0),
        Ratio("many-pods-kubectl", f"{PODS} pods / kubectl, {PODS} pods", many.median_s, scripted.median_s, "s", 1.0),
    )
    return Result(TITLE, many, single, ratios, others=(scripted, containers))


def _programs(pod: BenchPod, spool: str) -> list[Program]:
    settings = {
        "kubeconfig": str(pod.kubeconfig),
        "image": pod.image,
        "namespace": NAMESPACE,
        "workload": "many",
        "collectors": "pod-snapshot,native-stacks",
        "concurrency": str(PODS),
        "spool": spool,
    }
    words = [f"{name}={value}" for name, value in settings.items()]
    place = [pod.image, NAMESPACE, "app=many", str(PODS)]
    capture: list[str | Path] = [sys.executable, PROGRAMS / "capture_step.py", *words]
    script: list[str | Path] = [
        "/bin/sh",
        PROGRAMS / "kubectl_many_pods.sh",
        pod.kubectl,
        pod.kubeconfig,
        *place,
        f"{spool}/script",
    ]
    empty: list[str | Path] = [sys.executable, PROGRAMS / "ephemeral_containers.py", pod.kubeconfig, *place]
    return [
        Program(f"{PODS} pods", [*capture, f"max_pods={PODS}"], lambda output: _is_complete(output, PODS)),
        Program("1 pod", [*capture, "max_pods=1"], lambda output: _is_complete(output, 1)),
        Program(f"kubectl, {PODS} pods", script, lambda output: _has_all_pods(output, "captured")),
        Program(f"{PODS} containers", empty, lambda output: _has_all_pods(output, "ended")),
    ]


def _deployment() -> dict[str, object]:
    template = {
        "metadata": {"labels": {"app": "many"}},
        "spec": {
            "containers": [{"name": "app", "image": "lab.local/pause:1", "imagePullPolicy": "IfNotPresent"}],
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many", "namespace": NAMESPACE},
        "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "many"}}, "template": template},
    }


def _is_complete(output: Path, pods: int) -> bool:
    text = output.read_text()
    return "status=complete" in text and len(re.findall(r"Native stacks: complete", text)) == pods


def _has_all_pods(output: Path, word: str) -> bool:
    return len(re.findall(rf"^{word} ", output.read_text(), re.MULTILINE)) == PODS
