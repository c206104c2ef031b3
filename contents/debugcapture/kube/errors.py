"""Turns exceptions of the HTTP library and error responses of the API server into CaptureErrors.

Source: Kubernetes API conventions, "Response Status Kind".
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import responses

from urllib3.exceptions import HTTPError, MaxRetryError, ProxyError, SSLError

from ..errors import CaptureError, Conflict, Invalid, NotAllowed, Rejected, TargetNotFound, TooManyRequests, Unreachable
from ..text import without_queries
from .advice import advice
from .rbac import grant_command

TOO_BUSY = (
    "The API server is too busy for this account. Try again later, or ask the administrators of the "
    "cluster to check its flow schema."
)
CHECK_TLS = "Check the CA certificate in the connection settings. For a test cluster, you can turn off verification."
CHECK_CLOCK = "Correct the clock of this machine, or renew the certificate."
CHECK_PROXY = "Check HTTPS_PROXY or proxy-url of the kubeconfig, or add the API server to NO_PROXY."
CHECK_NET = "Check the address of the API server, and the network between it and this machine."
_REJECTED: dict[int, type[Rejected]] = {409: Conflict, 422: Invalid, 429: TooManyRequests}


@contextmanager
def translated_errors(action: str) -> Iterator[None]:
    """Turn exceptions of the HTTP library into Unreachable. Only this function knows these exceptions."""
    try:
        yield
    except MaxRetryError as error:
        raise unreachable_error(action, error.reason or error) from error
    except (HTTPError, OSError) as error:
        raise unreachable_error(action, error) from error


def unreachable_error(action: str, error: BaseException) -> Unreachable:
    """Return the error for a server that did not respond or has an untrusted certificate."""
    reason = str(error.args[-1]) if error.args else str(error)
    if isinstance(error, SSLError) or "CERTIFICATE_VERIFY_FAILED" in reason:
        dated = "not yet valid" in reason or "has expired" in reason
        untrusted = f"the API server's certificate is not trusted ({reason})"
        return Unreachable(action, untrusted, CHECK_CLOCK if dated else CHECK_TLS)
    if isinstance(error, ProxyError):
        return Unreachable(action, f"the proxy cannot connect to the API server ({reason})", CHECK_PROXY)
    return Unreachable(action, f"the API server did not respond ({reason})", CHECK_NET)


def error_from_status(action: str, status: int, body: bytes) -> CaptureError:
    """Return the error for an HTTP ``status``, with the reason that the server gave (a Status object, if it is one)."""
    message, status_reason = _parse_status(body)
    reason = message or responses.get(status, "it failed")
    remedy = advice(reason)
    error_type: type[CaptureError] = _REJECTED.get(status, Rejected)
    if status == 401:
        error_type, reason, remedy = NotAllowed, f"the cluster rejects the credentials ({reason})", "Renew the token."
    elif status == 403 or (status < 500 and remedy):
        error_type, remedy = NotAllowed, remedy or grant_command(reason)
    elif status == 404:
        error_type, remedy = TargetNotFound, "Check the namespace and the name."
    elif status >= 500:
        error_type, reason = Unreachable, f"{reason} (HTTP {status})"
    else:
        reason, remedy = f"{reason} (HTTP {status})", TOO_BUSY if status == 429 else ""
    return error_type(action, reason, remedy, status=status, status_reason=status_reason)


def _parse_status(body: bytes) -> tuple[str, str]:
    """Return message and reason of a Status object; both blank if ``body`` is something else."""
    try:
        status = json.loads(body)
        return without_queries(str(status["message"])), str(status.get("reason") or "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", ""
