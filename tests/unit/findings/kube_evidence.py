"""Evidence about a cluster that tests write: objects, descriptions and tables, as the API and kubectl print them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain

Json = dict[str, Any]
QUOTA = (
    'Error creating: pods "shop-7d9-x2x4k" is forbidden: exceeded quota: team, requested: limits.cpu=1, used: '
    "limits.cpu=6, limited: limits.cpu=6"
)


def findings(text: str, name: str = "evidence.txt") -> list[Finding]:
    """What explain finds in a file with ``text``. A parser that breaks fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8", errors="replace", newline="")
        return explain([Evidence(path, name)], _fail)


def by_rule(text: str, rule: str) -> list[Finding]:
    return [finding for finding in findings(text) if finding.rule == rule]


def only(text: str, rule: str) -> Finding:
    """The finding of ``rule``, of which there must be one."""
    (finding,) = by_rule(text, rule)
    return finding


def alarms(text: str) -> list[str]:
    return [finding.title for finding in findings(text) if finding.severity != "info"]


def words_of(finding: Finding) -> str:
    return f"{finding.title}\n{finding.detail}"


def _fail(evidence: Evidence, error: Exception) -> None:
    raise AssertionError(f"{evidence.name} broke a parser") from error


def pod(
    *statuses: Json,
    name: str = "shop-6d4f5b9c7d-x2x4k",
    phase: str = "Running",
    ready: bool = True,
    spec: Json | None = None,
    metadata: Json | None = None,
    status: Json | None = None,
) -> Json:
    owner = {"kind": "ReplicaSet", "name": name.rpartition("-")[0], "controller": True}
    containers = [{"name": entry["name"], "image": f"registry.test/{entry['name']}:1"} for entry in statuses]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [owner], **(metadata or {})},
        "spec": {"nodeName": "node-1", "containers": containers, **(spec or {})},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": list(statuses),
            **(status or {}),
        },
    }


def container(
    name: str = "app",
    state: Json | None = None,
    last: Json | None = None,
    *,
    restarts: int = 0,
    ready: bool = True,
) -> Json:
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": state or {"running": {"startedAt": "2026-11-30T10:00:05Z"}},
        "lastState": last or {},
    }


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", lasted_s: int = 5, **more: Any) -> Json:
    times = {"startedAt": "2026-11-30T10:00:00Z", "finishedAt": f"2026-11-30T10:00:{lasted_s:02}Z"}
    return {"terminated": {"exitCode": code, "reason": reason, **times, **more}}


def event(reason: str, message: str, *, kind: str = "Warning", about: str = "Pod/shop-1", **more: Any) -> Json:
    object_kind, _, name = about.partition("/")
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.17706aa0ee99e24f"},
        "involvedObject": {"kind": object_kind, "name": name, "namespace": "shop"},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": more.pop("count", 1),
        "lastTimestamp": f"2026-11-30T10:{more.pop('minute', 0):02}:00Z",
        **more,
    }


def listed(*objects: Json) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": list(objects)}, indent=1)


def described_events(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """The events of a description. A row: type, reason, age, message."""
    lines = ["Events:", "  Type     Reason     Age                From               Message", "  ----     ------"]
    lines += [f"  {kind:<8} {reason:<18} {age:<18} kubelet            {message}" for kind, reason, age, message in rows]
    return "\n".join(lines) + "\n"


DESCRIPTION = """Name:             shop-6d4f5b9c7d-x2x4k
Namespace:        shop
Priority:         0
Service Account:  default
Node:             node-1/10.0.0.1
Start Time:       Mon, 30 Nov 2026 10:00:00 +0000
Labels:           app=shop
Annotations:      <none>
Status:           Running
IP:               10.1.0.7
Controlled By:    ReplicaSet/shop-6d4f5b9c7d
Containers:
  app:
    Container ID:  containerd://0ca6
    Image:         registry.test/app:1
    Port:          8080/TCP
    Command:
      /bin/sh
    Args:
      -c
      {script}
    State:          {state}
    Ready:          {ready}
    Restart Count:  {restarts}
    Limits:
      memory:  100Mi
    Requests:
      memory:     50Mi
    Readiness:    http-get http://:8080/ready delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:
      MODE:  fast
    Mounts:
      /data from data (rw)
Conditions:
  Type              Status
  Initialized       True
  Ready             {ready}
  PodScheduled      True
Volumes:
  data:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
QoS Class:                   Burstable
Node-Selectors:              <none>
Tolerations:                 node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
"""
RUNNING = "Running\n      Started:      Mon, 30 Nov 2026 10:00:20 +0000"
CRASHED = """Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       {reason}
      Exit Code:    {code}
      Started:      Mon, 30 Nov 2026 10:00:00 +0000
      Finished:     Mon, 30 Nov 2026 10:02:03 +0000"""


def description(
    state: str = RUNNING, *, ready: bool = True, restarts: int = 0, script: str = "exec shop", events: str = ""
) -> str:
    facts = {"state": state, "ready": str(ready), "restarts": str(restarts), "script": script}
    text = DESCRIPTION
    for key, value in facts.items():
        text = text.replace("{" + key + "}", value)
    return text + (events or "Events:                      <none>\n")


def crashed(code: int, reason: str = "Error", restarts: int = 6, script: str = "exec shop") -> str:
    state = CRASHED.replace("{reason}", reason).replace("{code}", str(code))
    return description(state, ready=False, restarts=restarts, script=script)
