"""Credentials of a kubeconfig that a program or an identity provider issues.

The `kubernetes` package talks to identity providers. Programs run here, because the package sets them no time limit.
Source: Kubernetes documentation, "Authenticating": client-go credential plugins, OpenID Connect tokens.
"""

import base64
import json
import os
import re
import signal
import ssl
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from ..errors import BadInput, CaptureError, Unreachable
from ..text import one_line
from .kubeconfig import REMEDY, Section, header_value
from .values import parse_time

if TYPE_CHECKING:
    import subprocess

_RENEWED_BEFORE: Final = timedelta(seconds=30)
# A plugin that waits for a login in a browser never ends.
_LIMIT_S: Final = 120
_REMOVED_PROVIDERS: Final = {
    "gcp": "gke-gcloud-auth-plugin",
    "azure": "kubelogin",
    "openstack": "client-keystone-auth",
}
_FRACTION: Final = re.compile(r"\.\d+")  # of a second; Go writes nine digits
_CLUSTER_KEYS: Final = (
    "server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url",
)  # fmt: skip


class CredentialPlugin:
    """A program that prints an ExecCredential, such as `aws eks get-token`. It runs again when its token expires."""

    def __init__(self, user: Section, cluster: Section, limit_s: float = _LIMIT_S) -> None:
        """Nothing runs before `authorization`. Raises BadInput if the plugin's entry is not complete.

        ``limit_s`` is the time that it may take, unless a person at a terminal can answer its questions.
        """
        self._config = dict(user.get("exec") or {})
        for key in ("command", "apiVersion"):
            if not isinstance(self._config.get(key), str):
                raise BadInput("invalid kubeconfig", f"its credential plugin has no {key}", REMEDY)
        self._name = self._config["command"]
        if "/" in self._name:
            self._config["command"] = str(user.folder / self._name)
        self._cluster, self._limit_s = cluster, limit_s
        self._lock, self._status, self._expires = Lock(), dict[str, Any](), datetime.min.replace(tzinfo=timezone.utc)

    def authorization(self) -> str:
        """Return the Authorization header; "" if the plugin issues a certificate. Raises BadInput if it fails."""
        with self._lock:
            if datetime.now(timezone.utc) >= self._expires:
                self._renew()
            token = str(self._status.get("token") or "")
        return f"Bearer {header_value(token)}" if token else ""

    def load_certificate(self, tls: ssl.SSLContext) -> None:
        """Add the client certificate to ``tls`` if the plugin issues one. Raises BadInput if the plugin fails."""
        self.authorization()
        certificate, key = self._status.get("clientCertificateData"), self._status.get("clientKeyData")
        if certificate and key:
            load_client_certificate(tls, str(certificate), str(key))

    def _renew(self) -> None:
        status = self._answer().get("status")
        if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
            raise self._plugin_error("it printed neither a token nor a certificate")
        try:
            expires = parse_time(_FRACTION.sub("", str(status.get("expirationTimestamp") or "")))
        except ValueError:
            raise self._plugin_error("the expirationTimestamp that it printed is not a time") from None
        self._status = status
        self._expires = expires - _RENEWED_BEFORE if expires else datetime.max.replace(tzinfo=timezone.utc)

    def _answer(self) -> dict[str, Any]:
        """Run the plugin and return the ExecCredential that it prints. Raises BadInput."""
        try:
            # Its output may contain a token, so no error quotes it.
            answer = json.loads(self._run())
        except OSError as error:
            raise self._plugin_error(f"it cannot be run: {error.strerror or error}") from error
        except ValueError:
            raise self._plugin_error("it printed no JSON") from None
        if not isinstance(answer, dict) or "status" not in answer:
            raise self._plugin_error("it printed no ExecCredential")
        if answer.get("apiVersion") != self._config["apiVersion"]:
            reason = f"it answers in version {answer.get('apiVersion')}, not {self._config['apiVersion']}"
            raise self._plugin_error(reason)
        return answer

    def _run(self) -> bytes:
        """Return what the plugin prints. Raises OSError if it cannot run, and BadInput if it fails."""
        import subprocess  # few kubeconfigs have a plugin

        has_terminal = bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())
        is_interactive = has_terminal and self._config.get("interactiveMode") != "Never"
        with subprocess.Popen(
            [self._config["command"], *(str(argument) for argument in self._config.get("args") or [])],
            stdin=None if is_interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if is_interactive else subprocess.PIPE,
            env=self._environment(is_interactive=is_interactive),
            start_new_session=not is_interactive,
        ) as process:
            try:
                output, errors = process.communicate(timeout=None if is_interactive else self._limit_s)
            except subprocess.TimeoutExpired:
                _end(process)
                _, errors = process.communicate()
                reason = f"it did not end within {self._limit_s:g} s"
                raise self._plugin_error(_with_last_line(reason, errors)) from None
            except BaseException:  # the step is aborted
                _end(process)
                raise
        if process.returncode:
            raise self._plugin_error(_with_last_line(f"process returned {process.returncode}", errors))
        return output

    def _environment(self, *, is_interactive: bool) -> dict[str, str]:
        """Return the environment of the plugin, with the variables of its entry and KUBERNETES_EXEC_INFO."""
        own = {str(item["name"]): str(item["value"]) for item in self._config.get("env") or []}
        spec: dict[str, Any] = {"interactive": is_interactive}
        if self._config.get("provideClusterInfo"):
            spec["cluster"] = self._cluster_info()
        info = {"apiVersion": self._config["apiVersion"], "kind": "ExecCredential", "spec": spec}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    def _cluster_info(self) -> dict[str, Any]:
        info = {key: self._cluster.values[key] for key in _CLUSTER_KEYS if self._cluster.get(key)}
        if authority := self._cluster.data("certificate-authority"):
            info["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
        for extension in self._cluster.get("extensions") or []:
            if extension.get("name") == "client.authentication.k8s.io/exec":
                info["config"] = extension.get("extension")
        return info

    def _plugin_error(self, reason: str) -> BadInput:
        hint = one_line(self._config.get("installHint") or "")
        remedy = (
            hint or "Run it as the user of the Rundeck process to see what is missing: its PATH and its environment."
        )
        return BadInput(f"the credential plugin {self._name} failed", reason, remedy)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the plugin, and what it started in its session: that holds the pipes open."""
    process.kill()
    with suppress(ProcessLookupError):  # at a terminal, it has no session of its own
        os.killpg(process.pid, signal.SIGKILL)


def _with_last_line(reason: str, errors: bytes | None) -> str:
    """Return ``reason`` with the last line that the plugin wrote: it may have written a stack trace."""
    lines = [line.strip() for line in (errors or b"").decode(errors="replace").splitlines() if line.strip()]
    return f"{reason}. {lines[-1]}" if lines else reason


def provider_authorization(user: Section, cluster: Section) -> Callable[[], str]:
    """Return the source of the Authorization header for the auth-provider of ``user``.

    Raises BadInput for a provider that Kubernetes has removed, and Unreachable if the token cannot be renewed.
    """
    provider = user.get("auth-provider")
    name = str(provider.get("name") if isinstance(provider, dict) else "")
    if name in _REMOVED_PROVIDERS:
        raise BadInput(
            "cannot get credentials from the kubeconfig",
            f"Kubernetes 1.26 removed the auth-provider {name}",
            f"Use the credential plugin {_REMOVED_PROVIDERS[name]}, or a service account token.",
        )
    if name != "oidc":
        raise BadInput("cannot get credentials from the kubeconfig", f"unknown auth-provider {name!r}", REMEDY)
    return _oidc_authorization(user, cluster)


def _oidc_authorization(user: Section, cluster: Section) -> Callable[[], str]:
    from kubernetes.client import ApiException
    from kubernetes.config import ConfigException, new_client_from_config_dict
    from urllib3.exceptions import HTTPError

    config = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": cluster.get("server")}}],
        "users": [{"name": "it", "user": {"auth-provider": user.get("auth-provider")}}],
    }
    action = "cannot get credentials from the identity provider"

    def failed(error: Exception) -> CaptureError:
        return Unreachable(
            action, one_line(error), "Check that the Rundeck server reaches its issuer, or log in again."
        )

    try:
        library = new_client_from_config_dict(config).configuration
    except (ConfigException, KeyError, TypeError) as error:
        raise BadInput(action, f"its entry in the kubeconfig is not complete ({error})", REMEDY) from error
    except (OSError, HTTPError, ApiException, ValueError) as error:
        raise failed(error) from error

    def authorization() -> str:
        # Called for each request, because the package renews expired tokens.
        try:
            return str(library.auth_settings().get("BearerToken", {}).get("value") or "")
        except (OSError, HTTPError, ApiException, ValueError) as error:
            raise failed(error) from error

    return authorization


def load_client_certificate(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load the pair from a temporary private file, because `ssl` accepts files only. Raises BadInput."""
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(f"{certificate}\n{key}\n")
            pem.flush()
            tls.load_cert_chain(pem.name)
    except (ssl.SSLError, ValueError) as error:
        raise BadInput("invalid certificate", f"it is not valid PEM ({error})", REMEDY) from error
