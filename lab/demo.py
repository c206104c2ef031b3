"""The main job, end to end in the lab: `python -m lab.demo ZIP`.

A shell-less Java service is deadlocked; Rundeck's engine runs the exported job; the thread dump goes to S3; the
incident gets a note, whose links are opened to see what they return.
"""

from __future__ import annotations

import html
import re
import sys
import time
import urllib.request
from pathlib import Path

import lab.kubernetes
import lab.pagerduty
from lab.kubernetes.kubectl import Kubectl
from lab.part import LabError
from lab.project import lab_project

INCIDENT = "Q1CHECKOUT0001"
NAMESPACE = "shop"
PROOF = ("Found one Java-level deadlock", '"checkout-1"', '"checkout-2"')


def running_pod(app: str, namespace: str = NAMESPACE) -> str:
    """Return the name of a running pod of ``app``."""
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    pods = kubectl.json("get", "pods", f"--namespace={namespace}", f"--selector=app={app}")["items"]
    names = [pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not names:
        raise LabError(f"no pod of {app} in {namespace}; run: ./build.sh lab up kubernetes")
    return str(names[0])


def notes(incident: str) -> list[str]:
    """Return the notes of the incident from the API, oldest first."""
    account = lab.pagerduty.endpoint()
    headers = {"Authorization": f"Token token={account.user_token}", "Accept": "application/json"}
    request = urllib.request.Request(f"{account.url}/incidents/{incident}/notes", headers=headers)
    import json

    with urllib.request.urlopen(request) as answer:
        return [str(note["content"]) for note in json.load(answer)["notes"]]


def links(note: str) -> list[str]:
    """Return the links in a note."""
    return re.findall(r"https?://\S+", note)


def opened(link: str) -> str:
    """Return the content that the link opens."""
    with urllib.request.urlopen(link) as answer:
        content: bytes = answer.read()
    return content.decode(errors="replace")


def artifact(page_link: str, name: str) -> str:
    """Return the content of the artifact ``name``, opened by its link in the report page."""
    link = re.search(rf'href="([^"]*/{re.escape(name)}(?:\?[^"]*)?)"', opened(page_link))
    if not link:
        raise LabError(f"the report page {page_link} has no link to {name}")
    return opened(html.unescape(link.group(1)))


def state_line(note: str) -> str:
    """Return the line with the status of the capture, which follows the findings."""
    return next(line for line in note.splitlines() if line.startswith("Debug state of "))


def main(arguments: list[str]) -> int:
    """Run the demo with the given plugin zip, and check its result."""
    project = lab_project(Path(arguments[0]).resolve(), sys.executable)
    pod = running_pod("checkout")
    print(f"\nThe job “Capture debug state of a pod” on {NAMESPACE}/{pod}, for incident {INCIDENT}:\n", flush=True)
    started = time.monotonic()
    run = project.run("capture-pod.yaml", {"namespace": NAMESPACE, "pod": pod, "incident_id": INCIDENT}, echo=True)
    took_s = time.monotonic() - started
    if not run.succeeded:
        raise LabError(f"the job failed: {run.refused or '; '.join(run.errors)}")
    note = next((note for note in notes(INCIDENT) if run.data["capture_id"] in note), "")
    page = links(note)[0]
    text = artifact(page, "jvm-threads.txt")
    print(f"\nThe thread dump of the report page ({len(text):,} characters), from the deadlock on:\n\n  {page}\n")
    print(_indent(text[text.find("Found one") :][:1200]))
    print("\nTime of each stage:")
    for step, name in zip(run.steps, ("capture", "upload", "incident note"), strict=True):
        print(f"  {name:<16} {step.wall_s:5.1f} s")
    print(f"  {'job in all':<16} {took_s:5.1f} s (with the start of Rundeck's engine)")
    missing = [proof for proof in PROOF if proof not in text]
    if missing:
        raise LabError(f"the artifact behind the link lacks {', '.join(missing)}")
    incident = f"{lab.pagerduty.endpoint().url}/incidents/{INCIDENT}"
    print(f"\nThe report behind the link shows the deadlock. The note in {incident}:\n\n{_indent(note)}")
    return 0


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LabError as error:
        raise SystemExit(f"Error: {error}") from None
