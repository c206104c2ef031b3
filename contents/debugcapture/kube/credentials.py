"""Credentials of a kubeconfig that a program or an identity provider issues. The `kubernetes` package talks to them.

Source: Kubernetes documentation, "Authenticating": client-go credential plugins, OpenID Connect tokens.
"""

import ssl
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import Any, Final

from ..errors import BadInput, CaptureError, Unreachable
from ..text import one_line
from .kubeconfig import REMEDY, Section
from .values import parse_time

_RENEWED_BEFORE: Final = timedelta(seconds=30)
_REMOVED_PROVIDERS: Final = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}


class CredentialPlugin:
    """A program that prints an ExecCredential, such as `aws eks get-token`. It runs again when its token expires."""

    def __init__(self, user: Section, cluster: Section) -> None:
        """Nothing runs before `authorization`. Raises BadInput if the plugin's entry is not complete."""
        self._config = dict(user.get("exec") or {})
        for key in ("command", "apiVersion"):
            if not isinstance(self._config.get(key), str):
                raise BadInput("invalid kubeconfig", f"its credential plugin has no {key}", REMEDY)
        self._name = self._config["command"]
        if "/" in self._name:
            self._config["command"] = str(user.folder / self._name)
        self._cluster = cluster.values
        self._lock, self._status, self._expires = Lock(), dict[str, Any](), datetime.min.replace(tzinfo=timezone.utc)

    def authorization(self) -> str:
        """Return the Authorization header; "" if the plugin issues a certificate. Raises BadInput if it fails."""
        with self._lock:
            if datetime.now(timezone.utc) >= self._expires:
                self._renew()
            token = str(self._status.get("token") or "")
        return f"Bearer {token}" if token else ""

    def load_certificate(self, tls: ssl.SSLContext) -> None:
        """Add the client certificate to ``tls`` if the plugin issues one. Raises BadInput if the plugin fails."""
        self.authorization()
        certificate, key = self._status.get("clientCertificateData"), self._status.get("clientKeyData")
        if certificate and key:
            load_client_certificate(tls, str(certificate), str(key))

    def _renew(self) -> None:
        from kubernetes.config import ConfigException
        from kubernetes.config.exec_provider import ExecProvider
        from kubernetes.config.kube_config import ConfigNode

        config, cluster = ConfigNode("exec", self._config), ConfigNode("cluster", self._cluster)
        try:
            status = ExecProvider(config, None, cluster).run()
        except OSError as error:
            raise self._failed(f"it cannot be run: {error.strerror or error}") from error
        except (ConfigException, AttributeError, TypeError) as error:  # the last two: its answer has another structure
            raise self._failed(_shortened(str(error).removeprefix("exec: "))) from error
        if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
            raise self._failed("it printed neither a token nor a certificate")
        expires = parse_time(status.get("expirationTimestamp"))
        self._status = status
        self._expires = expires - _RENEWED_BEFORE if expires else datetime.max.replace(tzinfo=timezone.utc)

    def _failed(self, reason: str) -> BadInput:
        hint = one_line(self._config.get("installHint") or "")
        remedy = (
            hint or "Run it as the user of the Rundeck process to see what is missing: its PATH and its environment."
        )
        return BadInput(f"the credential plugin {self._name} failed", reason, remedy)


def _shortened(reason: str) -> str:
    """Return how the plugin ended, and the last line that it wrote: it may have written a stack trace."""
    ended, _, words = reason.partition(". ")
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"{ended}. {lines[-1]}" if lines else ended


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
