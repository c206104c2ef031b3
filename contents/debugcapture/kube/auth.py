"""Finds the API server and the credentials of this process.

Order: kubeconfig content, kubeconfig file, URL and token, the pod's own service account, then $KUBECONFIG or
~/.kube/config. This module reads static credentials itself, because importing the `kubernetes` package takes a step
more time and memory than its own work. That package handles exec plugins and auth providers.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import BadInput
from ..settings.cluster import REQUESTS_PER_S, ConnectionSettings

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
FIX = "Correct the cluster connection settings."


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
    proxy: str | None = None
    requests_per_s: int = REQUESTS_PER_S
    """Highest average number of requests per second."""


def connect(settings: ConnectionSettings, environment: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection that ``settings`` describe. Nothing is sent.

    Raises BadInput if a file cannot be read or is incomplete.
    """
    connection = replace(_connection(settings, environment), requests_per_s=settings.requests_per_s)
    return connection if connection.proxy else replace(connection, proxy=_proxy(connection.server, environment))


def _connection(settings: ConnectionSettings, environment: Mapping[str, str]) -> Connection:
    if settings.kubeconfig_content:
        return _from_text(settings.kubeconfig_content, "the kubeconfig content", settings, Path())
    if settings.kubeconfig:
        return _from_file(Path(settings.kubeconfig), settings)
    if settings.server or settings.token:
        return _from_token(settings)
    if "KUBERNETES_SERVICE_HOST" in environment and (SERVICE_ACCOUNT / "token").exists():
        return _in_cluster(environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443"))
    paths = environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    files = [Path(file) for file in paths.split(os.pathsep) if Path(file).exists()]
    if not files:
        reason = f"no kubeconfig, URL or token is set, Rundeck does not run in a pod, and {paths} does not exist"
        raise BadInput("cannot connect to a cluster", reason, FIX)
    return _from_file(files[0], settings)


def _proxy(server: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy in $HTTPS_PROXY, unless $NO_PROXY excludes the server. kubectl uses the same variables."""
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    if not proxy:
        return None
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    host = urlsplit(server).netloc
    return None if proxy_bypass_environment(host, {"no": excluded}) else proxy


def _from_token(settings: ConnectionSettings) -> Connection:
    if not (settings.server and settings.token):
        missing = "token" if settings.server else "server"
        raise BadInput("cannot connect to a cluster", f"{missing} is missing", "Set both server and token.")
    bearer = f"Bearer {_header_value(settings.token)}"
    tls = _tls(ca=settings.ca_certificate, verify=settings.verify_tls)
    return Connection(settings.server.rstrip("/"), tls, lambda: bearer)


def _in_cluster(host: str, port: str) -> Connection:
    """Connect as the pod's service account, as described in Kubernetes' "Accessing the API from a Pod"."""
    host = f"[{host}]" if ":" in host else host
    tls = _tls(ca=_read(SERVICE_ACCOUNT / "ca.crt"))
    return Connection(f"https://{host}:{port}", tls, lambda: _bearer_of(SERVICE_ACCOUNT / "token"))


def _from_file(path: Path, settings: ConnectionSettings) -> Connection:
    return _from_text(_read(path), str(path), settings, path.parent)


def _from_text(text: str, source: str, settings: ConnectionSettings, folder: Path) -> Connection:
    try:
        return _from_kubeconfig(_parse(text, source), settings, folder)
    except (AttributeError, TypeError) as error:
        raise BadInput("invalid kubeconfig", f"{source} does not have the structure of a kubeconfig", FIX) from error


def _from_kubeconfig(config: dict[str, Any], settings: ConnectionSettings, folder: Path) -> Connection:
    context = _named(config, "contexts", "context", settings.context or str(config.get("current-context") or ""))
    cluster = _named(config, "clusters", "cluster", str(context.get("cluster") or ""))
    user = _named(config, "users", "user", str(context.get("user") or ""))
    server = str(cluster.get("server") or "")
    if not server.startswith("https://"):
        raise BadInput("invalid kubeconfig", f"its server {server!r} is not an https:// URL", FIX)
    ca = _data(cluster, "certificate-authority", folder)
    verify = settings.verify_tls and not cluster.get("insecure-skip-tls-verify")
    if user.keys() & {"exec", "auth-provider", "username"}:
        tls = _tls(ca=ca, verify=verify)
        authorization = _library_authorization(config, settings.context, tls)
    else:
        certificate, key = _data(user, "client-certificate", folder), _data(user, "client-key", folder)
        tls = _tls(ca=ca, verify=verify, certificate=certificate, key=key)
        authorization = _authorization(user, folder)
    return Connection(server.rstrip("/"), tls, authorization, cluster.get("tls-server-name"), cluster.get("proxy-url"))


def _library_authorization(config: dict[str, Any], context: str, tls: ssl.SSLContext) -> Callable[[], str]:
    """Return the source of the Authorization header that the `kubernetes` package provides.

    Only credentials come from that package, not the address and the trusted CAs. A client certificate is added to
    ``tls``.
    """
    from kubernetes.config import ConfigException, new_client_from_config_dict

    try:
        client = new_client_from_config_dict(config, context=context or None)
    except (ConfigException, OSError) as error:
        raise BadInput("cannot get credentials from the kubeconfig", str(error), FIX) from error
    library: Configuration = client.configuration
    if library.cert_file:
        tls.load_cert_chain(library.cert_file, library.key_file)
    # Called for each request, because the package renews expired credentials.
    return lambda: str(library.auth_settings().get("BearerToken", {}).get("value") or "")


def _parse(text: str, source: str) -> dict[str, Any]:
    import yaml

    try:
        config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        # The library's message quotes the text with its credentials. `from None` keeps it out of the stack trace too.
        raise BadInput("invalid kubeconfig", f"{source} is not YAML", FIX) from None
    if not isinstance(config, dict) or "clusters" not in config:
        raise BadInput("invalid kubeconfig", f"{source} contains no clusters", FIX)
    return config


def _named(config: dict[str, Any], plural: str, singular: str, name: str) -> dict[str, Any]:
    entries = {str(entry.get("name")): entry.get(singular) for entry in config.get(plural) or []}
    entry = entries.get(name)
    if not isinstance(entry, dict):
        available = ", ".join(sorted(entries)) or "none"
        raise BadInput(
            "invalid kubeconfig", f"it does not contain the {singular} {name!r}; available {plural}: {available}", FIX
        )
    return entry


def _data(section: dict[str, Any], key: str, folder: Path) -> str:
    """Return the PEM text in KEY-data of ``section``, or in the file that KEY names; "" if there is neither."""
    if section.get(f"{key}-data"):
        try:
            return base64.b64decode(section[f"{key}-data"], validate=True).decode("ascii")
        except ValueError as error:  # from base64 or from the ASCII decoder
            raise BadInput("invalid kubeconfig", f"{key}-data is not base64-encoded PEM", FIX) from error
    return _read(folder / section[key]) if section.get(key) else ""


def _authorization(user: dict[str, Any], folder: Path) -> Callable[[], str]:
    if user.get("tokenFile"):
        return lambda: _bearer_of(folder / user["tokenFile"])
    bearer = f"Bearer {_header_value(user['token'])}" if user.get("token") else ""
    return lambda: bearer


def _bearer_of(file: Path) -> str:
    """Return the header with the token in ``file``. It is read for each request: the kubelet replaces it."""
    return f"Bearer {_header_value(_read(file))}"


def _header_value(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput("invalid token", "it contains spaces or line breaks", "Store only the token in Key Storage.")
    return token


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadInput(f"cannot read {path}", reason, FIX) from error


def _tls(*, ca: str = "", verify: bool = True, certificate: str = "", key: str = "") -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=ca.encode("ascii", "ignore").decode() or None)
        # The strict mode of Python 3.13 rejects the CA of many clusters, because it has no key usage extension.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            _load_client_certificate(context, certificate, key)
    except (ssl.SSLError, ValueError) as error:
        raise BadInput("invalid certificate", f"it is not valid PEM ({error})", FIX) from error
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load the pair from a temporary private file, because `ssl` accepts files only."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(f"{certificate}\n{key}\n")
        pem.flush()
        context.load_cert_chain(pem.name)
