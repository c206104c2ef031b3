"""Time from PagerDuty's webhook to the first note and to the link, compared with a job that is started manually."""

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
from benchmarks.measure import Measurement
from benchmarks.result import Ratio, Result
from lab.demo import notes, running_pod
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.pagerduty.webhooks import incident_event
from lab.project import JOBS, lab_project
from lab.rundeck.webhook import Webhook, listening
from tools.package import slim

ROUNDS = 3
SECRET = "Bearer bench"  # noqa: S105 - of a server that runs for some seconds
TITLE = """\
alert-to-link: a deadlocked service in an image without a shell. The webhook of an incident with an alert from
Alertmanager starts the job in Rundeck's engine (a JVM and a Python process), which finds the pod, captures it with a
debug container, stores the bundle in S3 and edits the note of the incident. Baseline: a person who knows the service
starts the job for it, without delay. The memory is that of the largest process, the JVM."""


def run() -> Result:
    """Compare the automatic capture with one that a person starts."""
    first: list[float] = []
    links: list[float] = []
    manual: list[float] = []
    webhook_ok = manual_ok = True
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        plugin = slim()
        for number in range(ROUNDS):
            incident = f"Q1BENCH{time.time_ns() % 10**9:09}"
            note_s, link_s, is_linked = _run_by_webhook(plugin, Path(scratch, f"webhook-{number}"), incident)
            first.append(note_s)
            links.append(link_s)
            job_s, has_succeeded = _run_manually(plugin, Path(scratch, f"manual-{number}"))
            manual.append(job_s)
            webhook_ok, manual_ok = webhook_ok and is_linked, manual_ok and has_succeeded
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    subject = Measurement("webhook to link", tuple(links), peak_mb, webhook_ok)
    baseline = Measurement("manual job", tuple(manual), peak_mb, manual_ok)
    note_s = statistics.median(first)
    title = f"{TITLE}\n  webhook to the first note {note_s:.2f} s, to the link {subject.median_s:.2f} s (medians)"
    return Result(
        title,
        subject,
        baseline,
        (
            Ratio("alert-to-note", "webhook to first note / manual job", note_s, baseline.median_s, "s", 0.4),
            Ratio("alert-to-link", "webhook to link / manual job", subject.median_s, baseline.median_s, "s", 1.0),
        ),
    )


def _run_by_webhook(plugin: Path, spool: Path, incident: str) -> tuple[float, float, bool]:
    """Return the seconds to the first note and to the link, and whether the job succeeded and its link is in a note."""
    project = lab_project(plugin, sys.executable).changed(spool=str(spool)).for_alerts()
    hook = Webhook.defined_in(JOBS / "archive" / "webhooks.yaml", JOBS, "bench", SECRET)
    alert = Subject("lab", "shop", "checkout", running_pod("checkout"), "checkout")
    details = alert_bodies(alert)["Alertmanager"]
    _post(f"{lab.pagerduty.endpoint().url}/_control", {"incident": {"id": incident, "alerts": [details]}})
    with listening(hook, lambda file, options: project.run(file.name, options)) as url:
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            _post(url, incident_event(incident), Authorization=SECRET)
            ended = pool.submit(lambda: hook.runs[0].result())
            note_s = _wait_until(lambda: bool(notes(incident)), started)
            link_s = _wait_until(lambda: any("Evidence: " in note for note in notes(incident)) or ended.done(), started)
            run = ended.result()
    is_linked = any(run.data.get("link", "no link") in note for note in notes(incident))
    return note_s, link_s, run.succeeded and is_linked


def _run_manually(plugin: Path, spool: Path) -> tuple[float, bool]:
    """Return the duration of the job for a named service in seconds, and whether it succeeded."""
    project = lab_project(plugin, sys.executable).changed(spool=str(spool))
    started = time.monotonic()
    options = {"namespace": "shop", "workload": "checkout", "incident_id": "Q1CHECKOUT0001"}
    run = project.run("capture-service.yaml", options)
    return time.monotonic() - started, run.succeeded


def _wait_until(condition: Callable[[], bool], started: float) -> float:
    """Wait for the ``condition``. Return the seconds since ``started``."""
    while not condition():
        if time.monotonic() - started > 120:
            raise TimeoutError("no note after two minutes")
        time.sleep(0.05)
    return time.monotonic() - started


def _post(url: str, body: object, **headers: str) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        response.read()
