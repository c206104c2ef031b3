"""Faults of the pod, its tools and the stream during the capture."""

from __future__ import annotations

import json
from typing import Any

import lab.kubernetes
from tests.cluster.objects import container, deployment, pod, pod_spec
from tests.cluster.slow_proxy import SlowProxy
from tests.faults.world import MARK, World

MIB = 1 << 20
_FLOOD = ["sh", "-c", f"cat /dev/zero | tail -c 1000000000; : {MARK}"]


def _in_mid_stream(world: World, act: Any) -> None:
    """Run ``act`` while the stream arrives from a separate pod."""
    world.own_pod()
    world.collect("pod-snapshot", "stream", "rest", "look")

    def meanwhile() -> None:
        world.arriving("stream.bin")
        act(f"--namespace={world.settings['namespace']}")

    world.at("capturing ", meanwhile)


def deleted(world: World) -> None:
    _in_mid_stream(world, lambda place: world.kubectl("delete", "pod", "web", place, "--now"))


def replaced(world: World) -> None:
    """Delete a pod of a Deployment, which creates another one."""
    namespace = world.own_namespace()
    place = f"--namespace={namespace}"
    world.apply(deployment("web", pod_spec(container())))
    world.kubectl("rollout", "status", "deployment/web", place, "--timeout=60s")
    name = world.kubectl("get", "pods", place, "--output=jsonpath={.items[0].metadata.name}")
    world.settings["pod"] = name
    world.collect("pod-snapshot", "stream", "rest", "look")

    def delete() -> None:
        world.arriving("stream.bin")
        world.kubectl("delete", "pod", name, place, "--now")

    world.at("capturing ", delete)


def evicted(world: World) -> None:
    """Evict the pod through the API that a drain and the descheduler use."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}

    def evict(place: str) -> None:
        path = f"/api/v1/namespaces/{place.partition('=')[2]}/pods/web/eviction"
        world.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))

    _in_mid_stream(world, evict)


def namespace_deleted(world: World) -> None:
    def delete(place: str) -> None:
        world.kubectl("delete", "namespace", place.partition("=")[2], "--wait=false")

    _in_mid_stream(world, delete)


def restarted(world: World) -> None:
    """The container's first process ends, and the kubelet starts it again."""
    world.own_namespace()
    ends = ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.2; done"]
    world.own_pod(pod_spec(container(ends)))
    world.collect("pod-snapshot", "stream", "rest", "look")

    def end() -> None:
        world.arriving("stream.bin")
        place = f"--namespace={world.settings['namespace']}"
        world.kubectl("exec", "web", place, "--container=app", "--", "sh", "-c", "kill 1")

    world.at("capturing ", end)


def deleted_while_waited_for(world: World) -> None:
    """One of two pods crashes, and never runs: its program is missing. The other one is captured nevertheless."""
    world.own_pod(pod_spec(container()), labels={"app": "two"})
    world.apply(pod("crashed", pod_spec(container(["/no-such-program"])), labels={"app": "two"}))
    place = f"--namespace={world.settings['namespace']}"
    waits = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    world.kubectl("wait", place, "pod/crashed", waits, "--timeout=60s")
    world.change(pod="", selector="app=two", wait_for_restart_s="60")
    world.at("for its next start", lambda: world.kubectl("delete", "pod", "crashed", place, "--now"))


def ended_before(world: World) -> None:
    world.own_pod(pod_spec(container(["true"]), restartPolicy="Never"), ready=False)
    place = f"--namespace={world.settings['namespace']}"
    world.kubectl("wait", place, "pod/web", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")


def killed_for_memory(world: World) -> None:
    """The tool runs in the container's own group, so that its memory counts there."""
    world.own_pod(pod_spec(container(resources={"limits": {"memory": "24Mi"}})))
    world.collect("pod-snapshot", "stream", "rest", stream={"in_image": [{"run": _FLOOD}]})


def tool_that_fails(world: World) -> None:
    broken = ["sh", "-c", "echo half of it; echo cannot go on >&2; exit 9"]
    world.collect("pod-snapshot", "words", "rest", words={"in_image": [{"run": broken}]})


def tool_that_hangs(world: World) -> None:
    hangs = ["sh", "-c", f"echo the beginning; while :; do sleep 0.2; done; : {MARK}"]
    world.collect("pod-snapshot", "words", "rest", words={"time_limit_s": 3, "in_image": [{"run": hangs}]})


def tool_that_floods(world: World) -> None:
    flood = ["sh", "-c", f"yes {MARK}"]
    world.collect(
        "pod-snapshot", "words", "rest", words={"size_limit_bytes": MIB, "in_image": [{"run": flood}]}
    )  # fmt: skip


def tool_that_is_missing(world: World) -> None:
    missing = {"in_image": [{"run": ["no-such-tool"]}], "from_debug": [{"run": ["no-such-tool"]}]}
    world.collect("pod-snapshot", "words", "rest", words=missing)


def file_that_is_not_there(world: World) -> None:
    world.collect("pod-snapshot", "rest")
    world.change(files="/tmp/not-there")


def stream_cut_twice(world: World) -> None:
    """The connection breaks because a load balancer in front of the API server is reloaded."""
    proxy = _through_proxy(world)
    proxy.cut_after = 4 * MIB
    _fetching(world, 24)
    world.broken.callback(lambda: _require(proxy.cuts == 2, "the stream was not cut"))


def stream_that_goes_silent(world: World) -> None:
    proxy = _through_proxy(world)
    proxy.stall_after = 1 * MIB
    world.collect("pod-snapshot", "stream", "rest", stream={"time_limit_s": 12})


def slow_line(world: World) -> None:
    proxy = _through_proxy(world)
    proxy.bytes_per_s = 4 * MIB
    _fetching(world, 8)


def _fetching(world: World, mib: int) -> None:
    """Fetch a file of ``mib`` MiB from the pod."""
    world.own_pod()
    make_big(world, mib)
    world.collect("pod-snapshot", "big", "rest", "look")


def make_big(world: World, mib: int) -> None:
    """Put a file of ``mib`` MiB into the pod."""
    place = f"--namespace={world.settings['namespace']}"
    make = f"head -c {mib * MIB} /dev/urandom >/tmp/big"
    world.kubectl("exec", "web", place, "--container=app", "--", "sh", "-c", make)


def _through_proxy(world: World) -> SlowProxy:
    proxy = world.broken.enter_context(SlowProxy(lab.kubernetes.endpoint().server))
    world.change(server=f"https://127.0.0.1:{proxy.port}")
    return proxy


def _require(true: bool, otherwise: str) -> None:
    assert true, otherwise
