"""Complete values for tests. A test only names the fields that matter to it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from debugcapture.manifest import Artifact, Manifest
from debugcapture.model import Collector, ContainerRef, ContainerState, Detect, Json, Target, Tool, User
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.file import FileStore

NOON = datetime(2026, 1, 2, 12, 0, 0, 345000, tzinfo=timezone.utc)
CAPTURE_ID = "20260102T120000Z-checkout-7d9f-abcde-1a2b"
PLACE = ContainerRef("shop", "checkout-7d9f-abcde", "app")


def container(name: str = "app", **fields: Any) -> Json:
    return {"name": name, "image": f"registry.example/{name}:1", **fields}


def status(name: str = "app", **fields: Any) -> Json:
    running = {"running": {"startedAt": "2026-01-02T11:00:00Z"}}
    return {"name": name, "state": running, "restartCount": 0, "containerID": f"containerd://{name}", **fields}


_RUNNING = status()


def pod(*, metadata: Json | None = None, spec: Json | None = None, status: Json | None = None) -> Json:
    """A pod of one running container; each argument is merged over that part."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "shop", "name": "checkout-7d9f-abcde", "uid": "u-1", **(metadata or {})},
        "spec": {"nodeName": "node-1", "containers": [container()], **(spec or {})},
        "status": {"phase": "Running", "containerStatuses": [_RUNNING], **(status or {})},
    }


def terminated(reason: str, exit_code: int, **fields: Any) -> Json:
    return {"terminated": {"reason": reason, "exitCode": exit_code, **fields}}


def target(**fields: Any) -> Target:
    defaults = Target(
        namespace="shop",
        pod="checkout-7d9f-abcde",
        uid="u-1",
        container="app",
        node="node-1",
        workload="checkout",
        image="registry.example/app:1",
        state=ContainerState("running"),
        user=User(1000, 1000),
    )
    return replace(defaults, **fields)


def artifact(**fields: Any) -> Artifact:
    base = Artifact(
        collector="jvm-thread-dump",
        title="Java thread dump",
        file="jvm-threads.txt",
        bytes=7,
        sha256="ab" * 32,
        started=NOON,
        took_s=0.25,
        outcome="complete",
        method="by exec: the image has jcmd",
    )
    return replace(base, **fields)


def nothing(outcome: str, reason: str, **fields: Any) -> Artifact:
    """An artifact without a file."""
    return artifact(file="", bytes=0, sha256="", outcome=outcome, reason=reason, **fields)


def manifest(*artifacts: Artifact, **fields: Any) -> Manifest:
    base = Manifest(
        capture_id=CAPTURE_ID,
        started=NOON,
        finished=NOON + timedelta(seconds=3),
        target=target(),
        trigger={"started_by": "alice"},
        artifacts=artifacts or (artifact(),),
    )
    return replace(base, **fields)


def collector(**fields: Any) -> Collector:
    base = Collector(
        id="jvm-thread-dump",
        title="Java thread dump",
        file="jvm-threads.txt",
        looks_for="Java process",
        in_image=(Tool(run=("jcmd", "{pid}", "Thread.print"), present=("jcmd", "-h")),),
        from_debug=(
            Tool(run=("jattach", "{pid}", "threaddump"), present=("jattach",), denied_pattern="^jattach: denied$"),
        ),
        reads_api="",
        time_limit_s=60,
        size_limit_bytes=1 << 20,
        source="https://example.org",
        runtime="jvm",
        detect=Detect("maps", "/libjvm"),
    )
    return replace(base, **fields)


def failure_status(code: int | None = None, message: str = "", reason: str = "NonZeroExitCode") -> bytes:
    """The Status object of a command that did not succeed; without ``code`` it never ran."""
    causes = [] if code is None else [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps(
        {"status": "Failure", "reason": reason, "message": message, "details": {"causes": causes}}
    ).encode()


SUCCESS = b'{"metadata":{},"status":"Success"}'


def written(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def file_store(root: Path) -> FileStore:
    return FileStore(urlsplit(root.as_uri()))


def store_settings(**values: Any) -> StoreSettings:
    """Return the store's settings, whichever part each of ``values`` belongs to. Nothing is checked."""

    def taken(kind: type[Any]) -> dict[str, Any]:
        return {field.name: values.pop(field.name) for field in fields(kind) if field.name in values}

    parts = tuple(type(part)(**taken(type(part))) for part in StoreSettings().parts)
    settings = StoreSettings(parts=parts, **taken(StoreSettings))
    assert not values
    return settings
