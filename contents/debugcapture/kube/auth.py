"""Finds the API server and the credentials of this process.

Order: kubeconfig content, kubeconfig file, URL and token, the pod's own service account, then $KUBECONFIG or
~/.kube/config. This module reads static credentials itself, because importing the `kubernetes` package takes a step
more time and memory than its own work. credentials.py uses that package for credential plugins and auth providers.
"""

import base64
import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput
from ..settings.cluster import REQUESTS_PER_S, ConnectionSettings
from .credentials import CredentialPlugin, load_client_certificate, provider_authorization
from .kubeconfig import REMEDY, Kubeconfig, Section, header_value, parse_kubeconfig, read_kubeconfigs, read_text
from .proxy import Proxy, parse_proxy, proxy_of_environment

_KEY_PATH = re.compile(r"keys(/[\w .@-]+)+")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of the API server, and the credentials for it."""

    server: str
    """https://host:port[/path], without a slash at the end."""
    tls: ssl.SSLContext
    authorization: Callable[[], str]
    """Returns the value of the Authorization header; "" if a client certificate is used instead."""
    server_name: str | None = None
    """Name expected in the certificate, if it is not the host of the URL."""
    proxy: Proxy | None = None
    requests_per_s: int = REQUESTS_PER_S
    """Highest average number of requests per second."""


def connect(settings: ConnectionSettings, environment: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection that ``settings`` describe. Nothing is sent.

    Raises BadInput if a file cannot be read or is incomplete.
    """
    _require_values(settings)
    connection = replace(_connection(settings, environment), requests_per_s=settings.requests_per_s)
    if connection.proxy:  # the kubeconfig's own
        return connection
    return replace(connection, proxy=proxy_of_environment(connection.server, environment))


def _require_values(settings: ConnectionSettings) -> None:
    """Raise BadInput if a setting contains the path of a key, not its value.

    Rundeck passes the path if it does not read the key: in a node source before version 3.4 (rundeck/rundeck#6775).
    """
    for name in ("kubeconfig_content", "token", "ca_certificate"):
        value = getattr(settings, name).strip()
        if _KEY_PATH.fullmatch(value):
            reason = f"it is the path {value} in Key Storage, because Rundeck did not read the key"
            raise BadInput(
                f"cannot use {name}", reason, "Allow the project to read the key (ACL), or use a kubeconfig file."
            )


def _connection(settings: ConnectionSettings, environment: Mapping[str, str]) -> Connection:
    if settings.kubeconfig_content:
        content = parse_kubeconfig(settings.kubeconfig_content, "the kubeconfig content", Path())
        return _from_kubeconfig(content, settings)
    if settings.kubeconfig:
        return _from_kubeconfig(read_kubeconfigs([Path(settings.kubeconfig)]), settings)
    if settings.server or settings.token:
        return _from_token(settings)
    if "KUBERNETES_SERVICE_HOST" in environment and (SERVICE_ACCOUNT / "token").exists():
        return _in_cluster(environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443"))
    paths = environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    files = [Path(file) for file in paths.split(os.pathsep) if file and Path(file).exists()]
    if not files:
        reason = f"no kubeconfig, URL or token is set, Rundeck does not run in a pod, and {paths} does not exist"
        raise BadInput("cannot connect to a cluster", reason, REMEDY)
    return _from_kubeconfig(read_kubeconfigs(files), settings)


def _from_token(settings: ConnectionSettings) -> Connection:
    if not (settings.server and settings.token):
        missing = "token" if settings.server else "server"
        raise BadInput("cannot connect to a cluster", f"{missing} is missing", "Set both server and token.")
    bearer = f"Bearer {header_value(settings.token)}"
    tls = _tls(ca=settings.ca_certificate, verify=settings.verify_tls)
    return Connection(settings.server.rstrip("/"), tls, lambda: bearer)


def _in_cluster(host: str, port: str) -> Connection:
    """Connect as the pod's service account, as described in Kubernetes' "Accessing the API from a Pod"."""
    host = f"[{host}]" if ":" in host else host
    tls = _tls(ca=read_text(SERVICE_ACCOUNT / "ca.crt"))
    return Connection(f"https://{host}:{port}", tls, lambda: _bearer_of(SERVICE_ACCOUNT / "token"))


def _from_kubeconfig(config: Kubeconfig, settings: ConnectionSettings) -> Connection:
    try:
        return _of_context(config, settings)
    except (AttributeError, KeyError, TypeError) as error:
        reason = "an entry does not have the structure that kubeconfigs have"
        raise BadInput("invalid kubeconfig", reason, REMEDY) from error


def _of_context(config: Kubeconfig, settings: ConnectionSettings) -> Connection:
    context = config.context(settings.context)
    cluster, user = config.cluster(context), config.user(context)
    server = str(cluster.get("server") or "")
    if not server.lower().startswith("https://"):
        raise BadInput("invalid kubeconfig", f"its server {server!r} is not an https:// URL", REMEDY)
    verify = settings.verify_tls and not cluster.get("insecure-skip-tls-verify")
    tls = _tls(ca=cluster.data("certificate-authority"), verify=verify)
    authorization = _authorization(user, cluster, tls)
    proxy = parse_proxy(cluster.get("proxy-url")) if cluster.get("proxy-url") else None
    server = "https://" + server[len("https://") :].rstrip("/")
    return Connection(server, tls, authorization, cluster.get("tls-server-name"), proxy)


def _authorization(user: Section, cluster: Section, tls: ssl.SSLContext) -> Callable[[], str]:
    """Return the source of the Authorization header, and load the client certificate into ``tls`` if there is one."""
    if user.get("exec"):
        plugin = CredentialPlugin(user, cluster)
        plugin.load_certificate(tls)
        return plugin.authorization
    if user.get("auth-provider"):
        return provider_authorization(user, cluster)
    certificate = user.data("client-certificate")
    if certificate:
        load_client_certificate(tls, certificate, user.data("client-key"))
    header = _static_header(user)
    if user.get("tokenFile"):
        return lambda: _bearer_of(user.folder / user.values["tokenFile"])
    return lambda: header


def _static_header(user: Section) -> str:
    if user.get("token"):
        return f"Bearer {header_value(user.values['token'])}"
    if user.get("username"):
        login = f"{user.get('username')}:{user.get('password') or ''}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"
    return ""


def _bearer_of(file: Path) -> str:
    """Return the header with the token in ``file``. It is read for each request: the kubelet replaces it."""
    return f"Bearer {header_value(read_text(file))}"


def _tls(*, ca: str = "", verify: bool = True) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=ca.encode("ascii", "ignore").decode() or None)
    except (ssl.SSLError, ValueError) as error:
        raise BadInput("invalid certificate", f"it is not valid PEM ({error})", REMEDY) from error
    # The strict mode of Python 3.13 rejects the CA of many clusters, because it has no key usage extension.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
