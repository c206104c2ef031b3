"""Check an installation: what is in order, what is not, and the command or YAML that fixes it.

Each check is on its own: one that fails does not keep the next from being made. Nothing is changed in the cluster but
that, where it may, a pod is made for some seconds to see whether the debug image can be pulled.
"""

import base64
import json
import platform
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from ..bundle.bundle import waiting
from ..errors import CaptureError
from ..files import sha256_of
from ..incident.account import account_of
from ..kube.auth import Connection, connect
from ..kube.client import Api
from ..kube.debug_pod import run_pod
from ..kube.rbac import OPTIONAL, PERMISSIONS, Permission, jobs_by_need, manifest_granting, role
from ..kube.resources import path_of
from ..model import Json, Report
from ..settings.cluster import ConnectionSettings
from ..settings.debug_container import DebugContainerSettings
from ..settings.incident import IncidentSettings
from ..settings.store import StoreSettings
from ..stores.registry import open_store
from .result import Finding

_PACKAGES = {"s3": "boto3", "azblob": "azure-storage-blob", "sftp": "paramiko"}
_ALWAYS = ("urllib3", "websocket-client", "PyYAML")
_CERTIFICATE_S = 30 * 24 * 60 * 60
_TOKEN_S = 7 * 24 * 60 * 60
_WHERE_WANTED = "Only if you need it:"
_STORE_KEY = "debug-capture-doctor.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What is examined."""

    connection: ConnectionSettings
    namespaces: list[str]
    debug: DebugContainerSettings
    spool: Path
    store: StoreSettings
    incident: IncidentSettings
    report: Report


def examine(installation: Installation) -> list[Finding]:
    """Return what was found; a check that cannot be made is a finding too."""
    checks = (_python, _cluster, _spool, _store, _incident)
    return [finding for check in checks for finding in _guarded(check, installation)]


def _guarded(check: Callable[[Installation], Iterator[Finding]], of: Installation) -> Iterator[Finding]:
    try:
        yield from check(of)
    except CaptureError as error:
        yield Finding(error.action, "wrong", error.reason, error.remedy)


def _python(of: Installation) -> Iterator[Finding]:
    yield Finding("Python", "ok", platform.python_version())
    store = _PACKAGES.get(urlsplit(of.store.store).scheme)
    for name in (*_ALWAYS, *([store] if store else [])):
        try:
            yield Finding(f"package {name}", "ok", version(name))
        except PackageNotFoundError:
            do = "Install the plugin's requirements.lock, or use the bundled plugin."
            yield Finding(f"package {name}", "wrong", "missing", do)


def _cluster(of: Installation) -> Iterator[Finding]:
    connection = connect(of.connection)
    api = Api(connection)
    server = api.get("/version", "cannot read the version of the API server")
    yield Finding("API server", "ok", f"{connection.server}, Kubernetes {server.get('gitVersion')}")
    yield from _certificate(connection)
    user = _user(api)
    yield Finding("identity", "ok", user or "unknown (the server is older than 1.28)")
    yield from _token(connection)
    if not of.namespaces:
        yield Finding("permissions", "note", "no namespace is set: none was checked", "Set namespaces.")
    for namespace in of.namespaces:
        yield from _namespace(api, namespace, user, of)


def _token(connection: Connection) -> Iterator[Finding]:
    ends = token_end(connection.authorization())
    if ends and ends - time.time() > _TOKEN_S:
        yield Finding("token", "ok", f"valid until {_day(ends)}")
    elif ends:
        do = "Renew it, or use a token that does not expire: docs/clusters.md."
        yield Finding("token", "note", f"valid only until {_day(ends)}", do)


def token_end(authorization: str) -> float | None:
    """Return when the token of a service account expires (seconds since 1970); None where it does not tell.

    Source: RFC 7519, the claim exp.
    """
    try:
        claims = authorization.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _certificate(connection: Connection) -> Iterator[Finding]:
    if connection.tls.verify_mode != ssl.CERT_REQUIRED:
        yield Finding("certificate", "wrong", "not verified", "Set the CA certificate, and set verify_tls to true.")
        return
    ends = None if connection.proxy else _certificate_end(connection)
    if ends is None:
        yield Finding("certificate", "ok", "trusted")
    elif ends - time.time() > _CERTIFICATE_S:
        yield Finding("certificate", "ok", f"trusted, valid until {_day(ends)}")
    else:
        yield Finding("certificate", "note", f"trusted, but valid only until {_day(ends)}", "Renew it.")


def _certificate_end(connection: Connection) -> float | None:
    """Return when the server's certificate expires, or None where only the HTTP library gets through to it."""
    parts = urlsplit(connection.server)
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=10) as plain,
            connection.tls.wrap_socket(plain, server_hostname=connection.server_name or host) as secure,
        ):
            return ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    except OSError:
        return None


def _day(parse_time: float) -> str:
    return str(datetime.fromtimestamp(parse_time, timezone.utc).date())


def _user(api: Api) -> str:
    """Return who the API server takes us for. Source: Kubernetes API reference, SelfSubjectReview."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.post(path_of("SelfSubjectReview"), "cannot read the current user", review)
    except CaptureError:
        return ""  # said by the caller
    return str(answer["status"]["userInfo"]["username"])


def _namespace(api: Api, namespace: str, user: str, of: Installation) -> Iterator[Finding]:
    if not api.namespace_exists(namespace):
        yield Finding(f"namespace {namespace}", "wrong", "it does not exist", "Correct namespaces.")
        return
    missing = [one for one in PERMISSIONS if not _all_allowed(api, one, namespace)]
    yield from _permissions(namespace, missing, user or "USER")
    yield from _pod_security(api, namespace, of.debug.profile)
    if of.debug.image:
        may = not any(one.resource == "pods" and "create" in one.verbs for one in missing)
        yield from _image(api, namespace, of.debug.image, of.report, may=may)


def _permissions(namespace: str, missing: Sequence[Permission], user: str) -> Iterator[Finding]:
    """Yield what each job may do in ``namespace``, those that need the same in one line, then what none has to have."""
    needed, is_printed = [one for one in missing if one.purpose not in (*OPTIONAL, "restarts")], False
    for purposes, jobs in jobs_by_need().items():
        lacks = [one for one in missing if one.purpose in purposes]
        what = f"{namespace}: {', '.join(jobs)}"
        if not lacks:
            yield Finding(what, "ok", "allowed")
        elif not any(one in needed for one in lacks):
            yield Finding(what, "note", _may_not(lacks), _WHERE_WANTED, _grant(namespace, lacks[0]))
        else:
            # One role has all permissions and is printed once: a second role of the same name would replace it.
            do = "Run the same command as above." if is_printed else ""
            script = "" if is_printed else _apply(role(needed, namespace, user))
            is_printed = True
            yield Finding(what, "wrong", _may_not(lacks), do, script)
    for purpose in sorted(OPTIONAL):
        lacks = [one for one in missing if one.purpose == purpose]
        what = f"{namespace}: {purpose}"
        if lacks:
            yield Finding(what, "note", _may_not(lacks), _WHERE_WANTED, _grant(namespace, lacks[0]))
        else:
            yield Finding(what, "ok", "allowed")


def _may_not(lacks: Sequence[Permission]) -> str:
    return f"may not {', '.join(map(str, lacks))}" if lacks else ""


def _grant(namespace: str, permission: Permission) -> str:
    where = f"-n {namespace} " if permission.scope == "namespace" else ""
    return f"kubectl apply {where}-f {manifest_granting(permission)}"


def _apply(manifest: str) -> str:
    return f"kubectl apply -f - <<'END'\n{manifest}END"


def _all_allowed(api: Api, permission: Permission, namespace: str) -> bool:
    """Ask the API server. Source: Kubernetes API reference, SelfSubjectAccessReview."""
    resource, _, subresource = permission.resource.partition("/")
    place = {"namespace": namespace} if permission.scope == "namespace" else {}
    what = {"group": permission.group, "resource": resource, "subresource": subresource, **place}
    return all(_allowed(api, {**what, "verb": verb}) for verb in permission.verbs)


def _allowed(api: Api, attributes: Json) -> bool:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    path, doing = path_of("SelfSubjectAccessReview"), "cannot check permissions"
    answer = api.post(path, doing, {**review, "spec": {"resourceAttributes": attributes}})
    return bool(answer["status"].get("allowed"))


def _pod_security(api: Api, namespace: str, profile: str) -> Iterator[Finding]:
    try:
        labels = api.get(path_of("Namespace", name=namespace), f"cannot read namespace {namespace}")["metadata"]
    except CaptureError as error:
        yield Finding(f"{namespace}: Pod Security", "note", error.reason)
        return
    level = (labels.get("labels") or {}).get("pod-security.kubernetes.io/enforce", "privileged")
    found = f"{level} is enforced; the job uses profile {profile}"
    least = {"restricted": ("restricted",), "baseline": ("restricted", "baseline")}.get(level, (profile,))
    more = (
        ""
        if profile in least
        else f"Collectors that need more than {level} are skipped there. Set profile to {least[-1]}."
    )
    yield Finding(f"{namespace}: Pod Security", "note" if more else "ok", found, more)


def _image(api: Api, namespace: str, image: str, report: Report, *, may: bool) -> Iterator[Finding]:
    what = f"{namespace}: debug image"
    if not may:
        yield Finding(what, "note", f"{image} was not tried, because the account may not create pods")
        return
    try:
        with run_pod(api, _probe(namespace, image), report):
            yield Finding(what, "ok", f"{image} can be pulled, and has a shell")
    except CaptureError as error:
        yield Finding(what, "wrong", error.reason, error.remedy)


def _probe(namespace: str, image: str) -> Json:
    """Return a pod that does nothing, and that every Pod Security level admits."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    security |= {"runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "probe", "image": image, "command": ["sh", "-c", "sleep 60"], "securityContext": security}
    name = f"debug-capture-doctor-{time.time_ns():x}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 120,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [container],
        },
    }


def _spool(of: Installation) -> Iterator[Finding]:
    spool = of.spool
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=spool) as file:
            file.write(b"debug-capture")
    except OSError as error:
        yield Finding("spool", "wrong", f"{spool}: {error.strerror or error}", "Choose a writable directory.")
        return
    waits = len(waiting(spool))
    do = "Run the job “Send captures that are waiting”." if waits else ""
    yield Finding("spool", "note" if waits else "ok", f"{spool}, {waits} captures not uploaded yet", do)


def _store(of: Installation) -> Iterator[Finding]:
    if not of.store.store:
        yield Finding("store", "note", "not set: evidence stays in the spool")
        return
    store = open_store(of.store)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _STORE_KEY
        file.write_text(f"Written by k8s-debug-doctor at {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC.\n")
        stored = store.put(_STORE_KEY, file, sha256_of(file))
    yield Finding("store", "ok", f"wrote {stored.url}")
    if stored.link.startswith("http") and stored.expires:
        yield _link(stored.link)


def _link(link: str) -> Finding:
    """Open a signed link as somebody would who has it from the incident."""
    import urllib3

    try:
        answer = urllib3.request("GET", link, timeout=10.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return Finding("link", "note", f"this machine cannot open it: {error}")
    if answer.status == 200 and answer.data.startswith(b"Written by k8s-debug-doctor"):
        return Finding("link", "ok", "the presigned link works")
    return Finding(
        "link", "wrong", f"HTTP {answer.status}", "Allow the store's identity to read the objects that it writes."
    )


def _incident(of: Installation) -> Iterator[Finding]:
    settings = of.incident
    if not settings.pagerduty_token:
        yield Finding("PagerDuty", "note", "no API key is set: no notes are written")
        return
    account = account_of(settings, of.spool)
    account.check()
    yield Finding("PagerDuty", "ok", f"{settings.pagerduty_url} ({account.region} service region) accepts the key")
