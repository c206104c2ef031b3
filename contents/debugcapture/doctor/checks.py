"""Checks an installation, and yields the command or YAML that fixes each problem.

The checks are independent: if one fails, the others still run. They change nothing in the cluster, except that a pod
runs for some seconds, if the account may create one, to check that the debug image can be pulled.
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
from ..errors import BadInput, CaptureError
from ..files import sha256_of
from ..incident.account import account_of
from ..kube.auth import Connection, connect
from ..kube.client import Api
from ..kube.debug_pod import run_pod
from ..kube.rbac import OPTIONAL, PERMISSIONS, Permission, jobs_by_need, manifest_granting, role
from ..kube.resources import path_of
from ..links.lifetime import short_life
from ..model import Json, Report
from ..runtime.context import require_private
from ..settings.cluster import ConnectionSettings
from ..settings.debug_container import DebugContainerSettings
from ..settings.incident import IncidentSettings
from ..settings.store import StoreSettings
from ..stores.registry import known_retention, open_store
from .result import CheckResult
from .retention import retention_result

_PACKAGES = {"s3": "boto3", "azblob": "azure-storage-blob", "sftp": "paramiko"}
_ALWAYS = ("urllib3", "websocket-client", "PyYAML")
_CERTIFICATE_S = 30 * 24 * 60 * 60
_TOKEN_S = 7 * 24 * 60 * 60
_IF_NEEDED = "Only if you need it:"
_STORE_KEY = "debug-capture-doctor.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """The settings of the installation to check."""

    connection: ConnectionSettings
    namespaces: list[str]
    debug: DebugContainerSettings
    spool: Path
    store: StoreSettings
    incident: IncidentSettings
    report: Report


Check = Callable[[Installation], Iterator[CheckResult]]


def examine(installation: Installation) -> list[CheckResult]:
    """Return the results of all checks."""
    checks = (_python, _cluster, _spool, _store, _incident)
    return [result for check in checks for result in _run_check(check, installation)]


def _run_check(check: Check, installation: Installation) -> Iterator[CheckResult]:
    """Yield the results of ``check``. An error is a result too."""
    try:
        yield from check(installation)
    except CaptureError as error:
        yield CheckResult(error.action, "wrong", error.reason, error.remedy)


def _python(installation: Installation) -> Iterator[CheckResult]:
    yield CheckResult("Python", "ok", platform.python_version())
    store = _PACKAGES.get(urlsplit(installation.store.store).scheme)
    for name in (*_ALWAYS, *([store] if store else [])):
        try:
            yield CheckResult(f"package {name}", "ok", version(name))
        except PackageNotFoundError:
            remedy = "Install the plugin's requirements.lock, or use the bundled plugin."
            yield CheckResult(f"package {name}", "wrong", "missing", remedy)


def _cluster(installation: Installation) -> Iterator[CheckResult]:
    connection = connect(installation.connection)
    api = Api(connection)
    server = api.get("/version", "cannot read the version of the API server")
    yield CheckResult("API server", "ok", f"{connection.server}, Kubernetes {server.get('gitVersion')}")
    yield from _certificate(connection)
    user = _user(api)
    yield CheckResult("identity", "ok", user or "unknown (the server is older than 1.28)")
    yield from _token(connection)
    if not installation.namespaces:
        yield CheckResult("permissions", "note", "no namespace is set: none was checked", "Set namespaces.")
    for namespace in installation.namespaces:
        yield from _namespace(api, namespace, user, installation)


def _token(connection: Connection) -> Iterator[CheckResult]:
    ends = token_end(connection.authorization())
    if ends and ends - time.time() > _TOKEN_S:
        yield CheckResult("token", "ok", f"valid until {_day(ends)}")
    elif ends:
        remedy = "Renew it, or use a token that does not expire: docs/clusters.md."
        yield CheckResult("token", "note", f"valid only until {_day(ends)}", remedy)


def token_end(authorization: str) -> float | None:
    """Return when the token of a service account expires (seconds since 1970); None if it does not contain that.

    Source: RFC 7519, the claim exp.
    """
    try:
        claims = authorization.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _certificate(connection: Connection) -> Iterator[CheckResult]:
    if connection.tls.verify_mode != ssl.CERT_REQUIRED:
        yield CheckResult("certificate", "wrong", "not verified", "Set the CA certificate, and set verify_tls to true.")
        return
    ends = None if connection.proxy else _certificate_end(connection)
    if ends is None:
        yield CheckResult("certificate", "ok", "trusted")
    elif ends - time.time() > _CERTIFICATE_S:
        yield CheckResult("certificate", "ok", f"trusted, valid until {_day(ends)}")
    else:
        yield CheckResult("certificate", "note", f"trusted, but valid only until {_day(ends)}", "Renew it.")


def _certificate_end(connection: Connection) -> float | None:
    """Return when the server's certificate expires; None if the server is only reachable through a proxy."""
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
    """Return the user name that the API server knows; "" if it cannot be read.

    Source: Kubernetes API reference, SelfSubjectReview.
    """
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.post(path_of("SelfSubjectReview"), "cannot read the current user", review)
    except CaptureError:
        return ""  # the caller reports that the user is unknown
    return str(answer["status"]["userInfo"]["username"])


def _namespace(api: Api, namespace: str, user: str, installation: Installation) -> Iterator[CheckResult]:
    if not api.namespace_exists(namespace):
        yield CheckResult(f"namespace {namespace}", "wrong", "it does not exist", "Correct namespaces.")
        return
    missing = [permission for permission in PERMISSIONS if not _all_allowed(api, permission, namespace)]
    yield from _permissions(namespace, missing, user or "USER")
    yield from _pod_security(api, namespace, installation.debug.profile)
    if installation.debug.image:
        may_create = not any(permission.resource == "pods" and "create" in permission.verbs for permission in missing)
        yield from _image(api, namespace, installation.debug.image, installation.report, may_create=may_create)


def _permissions(namespace: str, missing: Sequence[Permission], user: str) -> Iterator[CheckResult]:
    """Yield the permissions in ``namespace``: one line for all jobs with the same needs, then the optional ones."""
    needed = [permission for permission in missing if permission.purpose not in (*OPTIONAL, "restarts")]
    is_printed = False
    for purposes, jobs in jobs_by_need().items():
        lacks = [permission for permission in missing if permission.purpose in purposes]
        check = f"{namespace}: {', '.join(jobs)}"
        if not lacks:
            yield CheckResult(check, "ok", "allowed")
        elif not any(permission in needed for permission in lacks):
            yield CheckResult(check, "note", _may_not(lacks), _IF_NEEDED, _grant(namespace, lacks[0]))
        else:
            # One role has all permissions and is printed once: a second role of the same name would replace it.
            remedy = "Run the same command as above." if is_printed else ""
            script = "" if is_printed else _apply(role(needed, namespace, user))
            is_printed = True
            yield CheckResult(check, "wrong", _may_not(lacks), remedy, script)
    for purpose in sorted(OPTIONAL):
        lacks = [permission for permission in missing if permission.purpose == purpose]
        check = f"{namespace}: {purpose}"
        if lacks:
            yield CheckResult(check, "note", _may_not(lacks), _IF_NEEDED, _grant(namespace, lacks[0]))
        else:
            yield CheckResult(check, "ok", "allowed")


def _may_not(lacks: Sequence[Permission]) -> str:
    return f"may not {', '.join(map(str, lacks))}" if lacks else ""


def _grant(namespace: str, permission: Permission) -> str:
    option = f"-n {namespace} " if permission.scope == "namespace" else ""
    return f"kubectl apply {option}-f {manifest_granting(permission)}"


def _apply(manifest: str) -> str:
    return f"kubectl apply -f - <<'END'\n{manifest}END"


def _all_allowed(api: Api, permission: Permission, namespace: str) -> bool:
    """Ask the API server. Source: Kubernetes API reference, SelfSubjectAccessReview."""
    resource, _, subresource = permission.resource.partition("/")
    place = {"namespace": namespace} if permission.scope == "namespace" else {}
    attributes = {"group": permission.group, "resource": resource, "subresource": subresource, **place}
    return all(_is_allowed(api, {**attributes, "verb": verb}) for verb in permission.verbs)


def _is_allowed(api: Api, attributes: Json) -> bool:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    path, doing = path_of("SelfSubjectAccessReview"), "cannot check permissions"
    answer = api.post(path, doing, {**review, "spec": {"resourceAttributes": attributes}})
    return bool(answer["status"].get("allowed"))


def _pod_security(api: Api, namespace: str, profile: str) -> Iterator[CheckResult]:
    try:
        labels = api.get(path_of("Namespace", name=namespace), f"cannot read namespace {namespace}")["metadata"]
    except CaptureError as error:
        yield CheckResult(f"{namespace}: Pod Security", "note", error.reason)
        return
    level = (labels.get("labels") or {}).get("pod-security.kubernetes.io/enforce", "privileged")
    result = f"{level} is enforced; the job uses profile {profile}"
    least = {"restricted": ("restricted",), "baseline": ("restricted", "baseline")}.get(level, (profile,))
    more = (
        ""
        if profile in least
        else f"Collectors that need more than {level} are skipped there. Set profile to {least[-1]}."
    )
    yield CheckResult(f"{namespace}: Pod Security", "note" if more else "ok", result, more)


def _image(api: Api, namespace: str, image: str, report: Report, *, may_create: bool) -> Iterator[CheckResult]:
    check = f"{namespace}: debug image"
    if not may_create:
        yield CheckResult(check, "note", f"{image} was not tried, because the account may not create pods")
        return
    try:
        with run_pod(api, _probe(namespace, image), report):
            yield CheckResult(check, "ok", f"{image} can be pulled, and has a shell")
    except CaptureError as error:
        yield CheckResult(check, "wrong", error.reason, error.remedy)


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


def _spool(installation: Installation) -> Iterator[CheckResult]:
    spool = installation.spool
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(spool)
        with tempfile.TemporaryFile(dir=spool) as file:
            file.write(b"debug-capture")
    except OSError as error:
        yield CheckResult("spool", "wrong", f"{spool}: {error.strerror or error}", "Choose a writable directory.")
        return
    except BadInput as error:
        yield CheckResult("spool", "wrong", f"{spool}: {error.reason}", error.remedy)
        return
    waits = len(waiting(spool))
    remedy = "Run the job “Send captures that are waiting”." if waits else ""
    yield CheckResult("spool", "note" if waits else "ok", f"{spool}, {waits} captures not uploaded yet", remedy)


def _store(installation: Installation) -> Iterator[CheckResult]:
    if not installation.store.store:
        yield CheckResult("store", "note", "not set: evidence stays in the spool")
        return
    store = open_store(installation.store)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _STORE_KEY
        file.write_text(f"Written by k8s-debug-doctor at {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC.\n")
        stored = store.put(_STORE_KEY, file, sha256_of(file))
    yield CheckResult("store", "ok", f"wrote {stored.url}")
    if stored.link.startswith("http") and stored.expires:
        yield _link(stored.link)
        problem = short_life(stored.expires, installation.store, datetime.now(timezone.utc))
        if problem:
            yield CheckResult("lifetime of links", "note", problem.reason, problem.remedy)
    retention = known_retention(installation.store)
    if retention:
        yield retention_result(retention, installation.store.link_valid_s if stored.expires else 0)


def _link(link: str) -> CheckResult:
    """Open a presigned link in the same way as a user does from the incident."""
    import urllib3

    try:
        answer = urllib3.request("GET", link, timeout=10.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return CheckResult("link", "note", f"this machine cannot open it: {error}")
    if answer.status == 200 and answer.data.startswith(b"Written by k8s-debug-doctor"):
        return CheckResult("link", "ok", "the presigned link works")
    return CheckResult(
        "link", "wrong", f"HTTP {answer.status}", "Allow the store's identity to read the objects that it writes."
    )


def _incident(installation: Installation) -> Iterator[CheckResult]:
    settings = installation.incident
    if not settings.pagerduty_token:
        yield CheckResult("PagerDuty", "note", "no API key is set: no notes are written")
        return
    account = account_of(settings, installation.spool)
    account.check()
    yield CheckResult("PagerDuty", "ok", f"{settings.pagerduty_url} ({account.region} service region) accepts the key")
