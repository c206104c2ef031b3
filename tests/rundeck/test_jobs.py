"""The exported jobs, run by Rundeck's engine on the lab, and the results that an operator gets."""

from __future__ import annotations

import html
import json
import re
import secrets
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

import lab.demo
from lab.demo import links, notes, opened, running_pod, state_line
from lab.kubernetes.kubectl import Kubectl
from lab.project import JobSet, Project
from lab.rundeck import JobRun
from lab.rundeck.model import NodeSource
from tests.rundeck.conftest import Service

SHOP = "shop"
Start = Callable[[str], Service]


def capture(project: JobSet, app: str, incident: str = "") -> JobRun:
    options = {"namespace": SHOP, "pod": running_pod(app)}
    return project.run("capture-pod.yaml", options | ({"incident_id": incident} if incident else {}))


def artifact(run: JobRun, name: str) -> str:
    """The artifact ``name``, opened by its link in the report page."""
    return lab.demo.artifact(run.data["link"], name)


def test_a_deadlock_without_a_shell_is_linked_in_the_incident(project: JobSet) -> None:
    run = capture(project, "checkout", "Q1CHECKOUT0001")
    assert run.succeeded, run.errors
    note = next(note for note in notes("Q1CHECKOUT0001") if run.data["capture_id"] in note)
    assert "complete" in state_line(note)
    assert {"Deadlock", "checkout-1", "checkout-2"} <= set(re.findall(r"[\w-]+", note.splitlines()[0]))
    dump = lab.demo.artifact(links(note)[0], "jvm-threads.txt")
    assert "Found one Java-level deadlock" in dump
    assert {'"checkout-1"', '"checkout-2"'} <= set(re.findall(r'"[^"\n]*"', dump))
    page = opened(links(note)[0])
    assert "Found one Java-level deadlock" in page
    assert "No events" in page or "LAST SEEN" in page


def test_the_pods_of_a_service_are_captured_in_parallel(project: JobSet) -> None:
    options = {"namespace": SHOP, "workload": "checkout", "symptom": "stuck", "incident_id": "Q1CHECKOUT0001"}
    run = project.run("capture-service.yaml", options)
    assert run.succeeded, run.errors
    assert artifact(run, "jvm-thread-dumps.txt").count("Found one Java-level deadlock") == 2
    (note,) = [note for note in notes("Q1CHECKOUT0001") if f"[debug-capture {run.data['capture_id']}]" in note]
    assert "complete" in state_line(note)


def test_stored_files_are_removed_from_the_spool(project: JobSet) -> None:
    run = capture(project, "checkout")
    assert run.succeeded, run.errors
    files = {file.name for file in Path(run.data["bundle"]).rglob("*") if file.is_file()}
    assert files == {"manifest.json", "stored.json", "index.html"}


def test_an_image_with_its_tools_gets_no_debug_container(project: JobSet, own_service: Start) -> None:
    orders = own_service("orders")
    run = project.run("capture-pod.yaml", orders.options)
    assert run.succeeded, run.errors
    assert "Full thread dump" in artifact(run, "jvm-threads.txt")
    assert "orders-worker-1" in artifact(run, "jvm-threads.txt")
    assert any("by exec: the image has jcmd" in line for line in run.output)
    assert orders.debug_containers() == []


def test_a_crash_loop_keeps_the_last_log_and_reports_what_was_skipped(project: JobSet, kubectl: Kubectl) -> None:
    until(lambda: "waiting" in _first_container(kubectl, running_pod("gateway"))["state"])
    run = capture(project, "gateway", "Q1GATEWAY00001")
    assert run.succeeded, run.errors
    assert run.data["status"] in ("complete", "partial")
    assert "cannot load route table" in artifact(run, "logs/gateway.previous.log")
    assert re.search(r"Last exit code: +3", artifact(run, "pod.txt"))
    note = next(note for note in notes("Q1GATEWAY00001") if run.data["capture_id"] in note)
    assert re.search(r"Collectors that need a running process: skipped, container gateway is not running", note)


def test_two_captures_at_once_and_one_after_succeed_and_end_their_containers(
    project: JobSet, own_service: Start
) -> None:
    checkout = own_service("checkout")
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: project.run("capture-pod.yaml", checkout.options), range(2)))
    runs.append(project.run("capture-pod.yaml", checkout.options))
    assert [run.succeeded for run in runs] == [True] * 3, [run.errors for run in runs]
    assert len({run.data["capture_id"] for run in runs}) == 3
    for run in runs:
        assert "Found one Java-level deadlock" in artifact(run, "jvm-threads.txt")
    assert all_ended(checkout, 2, 3)  # two captures at once may share one


def test_an_abort_ends_the_debug_container_and_keeps_the_evidence(project: Project, own_service: Start) -> None:
    checkout = own_service("checkout")
    options = checkout.options | {"command": "sleep 300"}
    run = project.run(str(Path(__file__).parent / "jobs/open.yaml"), options, job="attach", abort_after_s=20)
    assert not run.succeeded
    assert all_ended(checkout, 1)


def test_a_command_ends_with_its_own_exit_code(project: JobSet) -> None:
    options = {"namespace": SHOP, "pod": running_pod("orders")}
    run = project.run("run-command.yaml", options | {"command": "sh -c 'echo out; echo err >&2; exit 7'"})
    assert [step.exit_code for step in run.steps] == [7]
    assert {"out", "err"} <= {*run.output, *run.errors}


NODE_JOBS = str(Path(__file__).parent / "jobs/nodes.yaml")


def pods_as_nodes() -> dict[str, dict[str, str]]:
    """Two pods as a node source gives them."""
    pods = {app: running_pod(app) for app in ("orders", "checkout")}
    return {pod: {"namespace": SHOP, "pod": pod, "container": app, "tags": app} for app, pod in pods.items()}


def test_a_node_step_runs_in_the_pod_that_is_its_node(project: Project) -> None:
    run = project.run(NODE_JOBS, {"command": "hostname"}, job="exec on nodes", nodes=pods_as_nodes())
    assert run.succeeded, run.errors
    assert list(run.output) == [running_pod("orders")]


def test_pods_are_nodes_and_a_node_step_runs_on_one_by_its_tags(project: Project) -> None:
    prefix = "project.plugin.WorkflowStep.k8s-debug-exec."  # a node source has no defaults of the project
    common = {key.removeprefix(prefix): value for key, value in project.properties().items() if key.startswith(prefix)}
    nodes = NodeSource("k8s-debug-pods", common | {"namespaces": SHOP, "spool": project.settings["spool"]})
    run = project.run(NODE_JOBS, {"command": "hostname"}, job="exec on nodes", nodes=nodes)
    assert run.succeeded, run.errors
    assert list(run.output) == [running_pod("orders")]


def test_a_node_step_captures_each_pod_on_its_own(project: Project) -> None:
    nodes = pods_as_nodes()
    run = project.run(NODE_JOBS, {}, job="capture nodes", nodes=nodes)
    assert run.succeeded, run.errors
    manifests = Path(project.settings["spool"]).glob("*/manifest.json")
    captured = [json.loads(manifest.read_text()) for manifest in manifests]
    assert {manifest["target"]["pod"] for manifest in captured} == set(nodes)
    assert [manifest["status"] for manifest in captured] == ["complete", "complete"]


def all_ended(service: Service, *counts: int) -> bool:
    """Whether the number of debug containers is one of ``counts``, and each has ended."""

    def ended() -> bool:
        containers = service.debug_containers()
        return len(containers) in counts and all("terminated" in status["state"] for status in containers)

    return until(ended)  # the kubelet reports it a moment later


def _first_container(kubectl: Kubectl, pod: str) -> dict[str, Any]:
    status: dict[str, Any] = kubectl.json("get", "pod", pod, f"--namespace={SHOP}")["status"]["containerStatuses"][0]
    return status


def until(ready: Callable[[], bool]) -> bool:
    """Whether ``ready`` comes true within a minute."""
    for _ in range(120):
        if ready():
            return True
        time.sleep(0.5)
    return False


def test_the_note_leads_to_the_job_that_signs_fresh_links(project: JobSet) -> None:
    run = capture(project, "orders", "Q1ORDERS000001")
    assert run.succeeded, run.errors
    note = next(note for note in notes("Q1ORDERS000001") if run.data["capture_id"] in note)
    page, address = links(note)[:2]
    path, _, query = address.partition("?")
    (job,) = yaml.safe_load((project.jobs / "open-capture.yaml").read_text())
    assert path.endswith(f"/job/show/{job['uuid']}")
    options = {name.removeprefix("opt."): value for name, value in urllib.parse.parse_qsl(query)}
    again = project.run("open-capture.yaml", options)
    assert again.succeeded, again.errors
    fresh = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', shown(again))]
    assert any(link.startswith(f"{page.partition('?')[0]}?") for link in fresh)
    (dump,) = [link for link in fresh if "/jvm-threads.txt" in link]
    assert "Full thread dump" in opened(dump)
    assert "Full thread dump" in lab.demo.artifact(page, "jvm-threads.txt")
    missing = project.run("open-capture.yaml", {"capture_id": f"{options['capture_id']}-x"})
    assert [step.exit_code for step in missing.steps] == [3]


def test_links_of_a_note_are_renewed_in_place(project: JobSet) -> None:
    run = capture(project, "orders", "Q1ORDERS000001")
    assert run.succeeded, run.errors
    before = next(note for note in notes("Q1ORDERS000001") if run.data["capture_id"] in note)
    # A signature contains the time in seconds.
    time.sleep(1)
    renewed = project.run("renew-links.yaml", {"renew_before_h": "168"})
    assert renewed.succeeded, renewed.errors
    assert "links renewed for 1 captures, 0 no longer in the store, 0 failed" in renewed.output
    (after,) = [note for note in notes("Q1ORDERS000001") if run.data["capture_id"] in note]
    old, fresh = links(before)[0], links(after)[0]
    assert fresh != old
    assert fresh.partition("?")[0] == old.partition("?")[0]
    assert "Full thread dump" in lab.demo.artifact(fresh, "jvm-threads.txt")


def test_captures_that_wait_are_sent_by_their_own_job(project: JobSet) -> None:
    away = project.changed(store="s3://nonexistent/evidence")
    run = capture(away, "orders")
    assert not run.succeeded
    waits = Path(run.data["bundle"])
    sent = project.run("send-waiting-captures.yaml", {})
    assert sent.succeeded, sent.errors
    assert any(waits.name in line for line in sent.output)
    assert (waits / "stored.json").exists()
    again = project.run("send-waiting-captures.yaml", {})
    assert any("no bundle is in the spool" in line for line in again.output)


def test_the_installation_is_checked_by_its_own_job(project: JobSet) -> None:
    run = project.run("check-installation.yaml", {"namespaces": SHOP})
    assert run.succeeded, run.output
    assert "Capture debug state of a pod" in shown(run)
    assert "all " in shown(run)
    refused = project.run("check-installation.yaml", {"namespaces": "default"})
    assert [step.exit_code for step in refused.steps] == [10]
    assert "kind: RoleBinding" in shown(refused)
    marks = re.findall("<tr><td>(.)</td>", html.unescape(shown(refused)))
    assert marks == sorted(marks, key="✘–✔".index)


def shown(run: JobRun) -> str:
    """What the filter render-datatype shows in the log."""
    (document,) = run.rendered
    return document


def test_a_thread_dump_captures_nothing_else_and_its_result_is_a_table_with_links(project: JobSet) -> None:
    run = project.run("thread-dump.yaml", {"namespace": SHOP, "workload": "checkout"})
    assert run.succeeded, run.errors
    assert "Found one Java-level deadlock" in artifact(run, "jvm-threads.txt")
    table = shown(run)
    assert re.search(
        r'<td>Java threads</td> <td>complete</td> <td>[^<]+</td> <td><a href="http[^"]+">jvm-threads.txt</a>', table
    )
    findings, _, artifacts = table.rpartition("<table")
    assert artifacts.count("<tr>") == 2  # the heading, and nothing else
    assert "<td>critical</td> <td>Deadlock between the threads" in findings


def test_a_log_has_a_line_for_each_collector_and_each_link_once(project: JobSet) -> None:
    run = project.run("thread-dump.yaml", {"namespace": SHOP, "workload": "checkout"})
    assert run.succeeded, run.errors
    log = "\n".join((*run.output, *run.rendered))
    assert len([line for line in run.output if line.startswith("Java threads")]) == 1
    links = re.findall(r'href="([^"]+)"', log)
    assert len(links) == len(set(links)) == 2  # the page and the dump
    assert len(re.findall("https?://[^ ]*X-Amz-Signature", log)) == 2
    assert not any(line.startswith("RUNDECK:DATA") for line in run.output)


def test_a_heap_dump_is_captured_when_the_operator_confirms(project: JobSet) -> None:
    options = {"namespace": SHOP, "pod": running_pod("orders")}
    unconfirmed = project.run("heap-dump.yaml", options)
    assert "confirm" in (unconfirmed.refused or "")
    run = project.run("heap-dump.yaml", options | {"confirm": "yes"})
    assert run.succeeded, run.errors
    assert "jvm-heap.hprof" in shown(run)
    assert any("Java heap dump" in line and "complete" in line for line in run.output)


def test_a_network_capture_that_the_namespace_forbids_fails_and_stores_the_rest(
    project: JobSet,
) -> None:
    options = {"namespace": SHOP, "pod": running_pod("checkout"), "incident_id": "Q1CHECKOUT0001"}
    run = project.run("network-capture.yaml", options)
    assert not run.succeeded
    assert 10 in [step.exit_code for step in run.steps]
    table = shown(run)
    assert re.search(r"<td>Packets \(30 s\)</td> <td>failed</td> <td></td> <td>[^<]*violates PodSecurity", table)
    assert "network.txt" in table
    assert any(line.startswith("Error: ") and "Packets (30 s) failed" in line for line in run.output)
    (note,) = [note for note in notes("Q1CHECKOUT0001") if f"[debug-capture {run.data['capture_id']}]" in note]
    assert "partial" in state_line(note)


def test_a_second_heap_dump_within_the_cooldown_fails(project: JobSet) -> None:
    options = {"namespace": SHOP, "pod": running_pod("orders"), "confirm": "yes"}
    first, second = project.run("heap-dump.yaml", options), project.run("heap-dump.yaml", options)
    assert first.succeeded, first.errors
    assert not second.succeeded
    assert 10 in [step.exit_code for step in second.steps]
    assert any("Java heap dump failed" in line and "cooldown" in line for line in second.output)


def test_a_thread_dump_of_a_program_that_does_not_run_fails(project: JobSet, kubectl: Kubectl) -> None:
    until(lambda: "waiting" in _first_container(kubectl, running_pod("gateway"))["state"])
    run = project.run("thread-dump.yaml", {"namespace": SHOP, "workload": "gateway"})
    assert not run.succeeded
    assert 5 in [step.exit_code for step in run.steps]
    assert any("is not running" in line for line in run.errors)


def test_logs_and_events_touch_no_pod(project: JobSet, own_service: Start) -> None:
    orders = own_service("orders")
    run = project.run("logs-and-events.yaml", {"namespace": orders.namespace, "workload": "orders"})
    assert run.succeeded, run.errors
    assert "orders" in artifact(run, "logs/orders.log")
    assert orders.debug_containers() == []


def test_an_abort_ends_the_command_in_the_container(project: Project, kubectl: Kubectl) -> None:
    pod, tag = running_pod("orders"), secrets.token_hex(4)
    options = {"namespace": SHOP, "pod": pod, "command": f"sh -c 'echo begun; sleep 600; echo {tag}'"}
    run = project.run("run-command.yaml", options, abort_after_s=6)
    assert run.aborted
    assert "begun" in run.output
    script = 'for one in /proc/[0-9]*; do tr "\\0" " " <$one/cmdline; echo; done 2>/dev/null'
    until(lambda: tag not in kubectl("exec", pod, f"--namespace={SHOP}", "--", "sh", "-c", script))


def test_a_diagnostic_command_is_one_of_the_list(project: JobSet) -> None:
    options = {"namespace": SHOP, "pod": running_pod("orders")}
    run = project.run("diagnostic-command.yaml", options | {"command": "cat /proc/loadavg"})
    assert run.succeeded, run.errors
    assert re.match(r"\d+\.\d+ \d+\.\d+", run.output[0])
    assert project.run("diagnostic-command.yaml", options | {"command": "cat /etc/shadow"}).refused


def test_a_toolbox_command_runs_beside_a_container_without_a_shell(project: JobSet) -> None:
    options = {"namespace": SHOP, "pod": running_pod("checkout"), "command": "cat /proc/1/comm"}
    run = project.run("toolbox-command.yaml", options)
    assert run.succeeded, run.errors
    assert "java" in run.output


def test_memory_is_captured_only_above_the_limit_that_is_set(project: JobSet) -> None:
    options = {"namespace": SHOP, "selector": "app=orders"}
    below = project.run("capture-before-out-of-memory.yaml", options | {"percent": "99"})
    assert below.succeeded, below.errors
    assert any("nothing to do" in line for line in below.output)
    above = project.run("capture-before-out-of-memory.yaml", options | {"percent": "10"})
    assert above.succeeded, above.errors
    assert "jvm-heap.hprof" in shown(above)
    again = project.run("capture-before-out-of-memory.yaml", options | {"percent": "10"})
    assert "cool" in shown(again)
