"""How long an incident waits: from PagerDuty's webhook to the first note, and to the link."""

import json
import resource
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab.pagerduty
from benchmarks.measure import Measured
from benchmarks.result import Ratio, Result
from lab.demo import notes, running_pod
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.pagerduty.webhooks import incident_event
from lab.project import JOBS, lab_project
from lab.rundeck.webhook import Webhook, listening
from tools.package import slim

ROUNDS = 3
SECRET = "Bearer bench"  # noqa: S105 - of a server that lives for some seconds
TITLE = """\
alert-to-link: a deadlocked service in an image without a shell. Ours: an Alertmanager alert's webhook starts the job in
Rundeck's engine (a JVM and a Python), which finds the pod, captures it with a debug container, stores it in S3 and
edits the incident's note. Theirs: somebody who knows the service's name runs the job that asks for it, at once. Our
memory is that of the largest process, the JVM."""


def run() -> Result:
    """Compare the automatic capture with one that an operator starts."""
    first: list[float] = []
    links: list[float] = []
    by_name: list[float] = []
    ours_ok = theirs_ok = True
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        plugin = slim()
        for number in range(ROUNDS):
            incident = f"Q1BENCH{time.time_ns() % 10**9:09}"
            note_s, link_s, ok = _ours(plugin, Path(scratch, f"ours-{number}"), incident)
            first.append(note_s)
            links.append(link_s)
            took_s, is_correct = _theirs(plugin, Path(scratch, f"theirs-{number}"))
            by_name.append(took_s)
            ours_ok, theirs_ok = ours_ok and ok, theirs_ok and is_correct
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    ours = Measured("webhook to link", tuple(links), peak_mb, ours_ok)
    theirs = Measured("job by name", tuple(by_name), peak_mb, theirs_ok)
    note_s = statistics.median(first)
    title = f"{TITLE}\n  webhook to the first note {note_s:.2f} s, to the link {ours.median_s:.2f} s (medians)"
    return Result(
        title,
        ours,
        theirs,
        (
            Ratio("alert-to-note", "first note over the other job's end", note_s, theirs.median_s, "s", 0.4),
            Ratio("alert-to-link", "link over the other job's end", ours.median_s, theirs.median_s, "s", 1.0),
        ),
    )


def _ours(plugin: Path, spool: Path, incident: str) -> tuple[float, float, bool]:
    """Return the seconds to the first note and to the link, and whether all went well."""
    project = lab_project(plugin, sys.executable).changed(spool=str(spool)).alerted()
    hook = Webhook.defined_in(JOBS / "archive" / "webhooks.yaml", JOBS, "bench", SECRET)
    subject = Subject("lab", "shop", "checkout", running_pod("checkout"), "checkout")
    details = alert_bodies(subject)["Alertmanager"]
    _post(f"{lab.pagerduty.endpoint().url}/_control", {"incident": {"id": incident, "alerts": [details]}})
    with listening(hook, lambda file, options: project.run(file.name, options)) as url:
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            _post(url, incident_event(incident), Authorization=SECRET)
            ended = pool.submit(lambda: hook.runs[0].result())
            note_s = _until(lambda: bool(notes(incident)), started)
            link_s = _until(lambda: any("Evidence: " in note for note in notes(incident)) or ended.done(), started)
            run = ended.result()
    linked = any(run.data.get("link", "no link") in note for note in notes(incident))
    return note_s, link_s, run.succeeded and linked


def _theirs(plugin: Path, spool: Path) -> tuple[float, bool]:
    """Return the seconds from the start of the job that asks for a name to its end, when the link is in the note."""
    project = lab_project(plugin, sys.executable).changed(spool=str(spool))
    started = time.monotonic()
    options = {"namespace": "shop", "workload": "checkout", "incident_id": "Q1CHECKOUT0001"}
    run = project.run("capture-service.yaml", options)
    return time.monotonic() - started, run.succeeded


def _until(true: Callable[[], bool], started: float) -> float:
    """Return how long it took from ``started`` until it was ``true``."""
    while not true():
        if time.monotonic() - started > 120:
            raise TimeoutError("no note after two minutes")
        time.sleep(0.05)
    return time.monotonic() - started


def _post(url: str, body: object, **headers: str) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        answer.read()
