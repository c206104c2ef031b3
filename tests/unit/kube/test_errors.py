"""errors.py: the messages of refusals by a server, with remedies."""

from __future__ import annotations

import json
import ssl

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)

from debugcapture.errors import (
    CaptureError,
    Conflict,
    Invalid,
    NotAllowed,
    Rejected,
    TargetNotFound,
    TooManyRequests,
    Unreachable,
)
from debugcapture.kube.errors import error_from_status, translated_errors, unreachable_error

RBAC = 'pods "web-0" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "shop"'
POD_SECURITY = 'pods "web-0" is forbidden: violates PodSecurity "restricted:latest": privileged (container "x")'
QUOTA = 'pods "copy" is forbidden: exceeded quota: full, requested: pods=1, used: pods=1, limited: pods=1'
POLICY = "pods \"web\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'y' denied request: frozen"
WEBHOOK = 'admission webhook "debug.example" denied the request: frozen'
NO_WEBHOOK = 'Internal error occurred: failed calling webhook "debug.example": dial tcp 127.0.0.1:9: connection refused'
SCRIPT = 'error sending request: Post "https://node:10250/exec/shop/web/app?command=sh&command=-c": dial tcp: refused'
UNTRUSTED = "[SSL: CERTIFICATE_VERIFY_FAILED]"
POOL = urllib3.HTTPSConnectionPool("10.0.0.1")


def status(message: str) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "message"),
    [
        (401, status("Unauthorized"), NotAllowed, "rejects the credentials (Unauthorized). Renew the token."),
        (403, status(RBAC), NotAllowed, f"{RBAC}. Grant it: kubectl apply -n shop -f deploy/rbac"),
        (403, status(POD_SECURITY), NotAllowed, "Choose a lower security profile"),
        (404, status('pods "web-0" not found'), TargetNotFound, 'pods "web-0" not found. Check'),
        (500, status("etcdserver: request timed out"), Unreachable, "request timed out (HTTP 500)"),
        (500, status(SCRIPT), Unreachable, 'Post "https://node:10250/exec/shop/web/app": dial tcp: refused'),
        (429, b"", TooManyRequests, "Too Many Requests (HTTP 429). The API server is too busy for this account"),
        (403, status(QUOTA), NotAllowed, f"{QUOTA}. Raise the quota of the namespace."),
        (422, status(POLICY), NotAllowed, f"{POLICY}. An admission rule of the cluster rejects this"),
        (400, status(WEBHOOK), NotAllowed, f"{WEBHOOK}. An admission rule of the cluster rejects this"),
        (500, status(NO_WEBHOOK), Unreachable, "(HTTP 500). An admission webhook of the cluster does not respond"),
        (422, status("spec.x: Invalid value"), Invalid, "spec.x: Invalid value (HTTP 422)"),
        (409, status("the object has been modified"), Conflict, "the object has been modified (HTTP 409)"),
        (400, status("bad selector"), Rejected, "bad selector (HTTP 400)"),
    ],
    ids=[
        *(
            "401",
            "403 RBAC",
            "403 PodSecurity",
            "404",
            "500",
            "script",
            "429",
            "quota",
            "policy",
            "webhook",
            "webhook down",
        ),
        *("invalid", "conflict", "bad request"),
    ],
)
def test_a_refusal_has_the_reason_and_a_remedy(code: int, body: bytes, kind: type[CaptureError], message: str) -> None:
    error = error_from_status("cannot read pod shop/web-0", code, body)
    assert type(error) is kind
    assert str(error).startswith("cannot read pod shop/web-0: ")
    assert message in str(error)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422, 429, 500])
def test_status_and_reason_of_a_refusal_are_kept(code: int) -> None:
    error = error_from_status("cannot x", code, json.dumps({"message": "m", "reason": "AlreadyExists"}).encode())
    assert (error.status, error.status_reason) == (code, "AlreadyExists")


@pytest.mark.parametrize("body", [b"", b"<html>proxy says no</html>", b"[]", b"null", b'"x"', b"{}", b"\xff"], ids=repr)
def test_body_that_is_not_a_status_is_not_shown(body: bytes) -> None:
    assert str(error_from_status("cannot x", 502, body)) == "cannot x: Bad Gateway (HTTP 502)"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NewConnectionError(POOL, "[Errno 111] Connection refused"), "refused). Check the address of the API"),  # type: ignore[arg-type]
        (ConnectTimeoutError(POOL, "Connection timed out"), "did not respond (Connection timed out)"),
        (OSError(113, "No route to host"), "did not respond (No route to host)"),
        (ProtocolError("Connection aborted."), "did not respond (Connection aborted.)"),
        (SSLError("hostname '10.0.0.1' doesn't match"), "certificate is not trusted (hostname"),
        (ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "certificate is not trusted"),
        (HTTPError(), "did not respond ()"),
        (ProxyError("Unable to connect to proxy", OSError("refused")), "cannot connect to the API server (refused)"),
        (ssl.SSLError(1, f"{UNTRUSTED} certificate is not yet valid"), "Correct the clock of this machine"),
        (ssl.SSLError(1, f"{UNTRUSTED} certificate has expired"), "or renew the certificate"),
    ],
    ids=[
        *(
            "refused",
            "timeout",
            "no route",
            "aborted",
            "host name",
            "self-signed",
            "no words",
            "proxy",
            "not yet valid",
        ),
        "expired",
    ],
)
def test_server_that_is_not_reached_is_reported_with_the_cause(error: Exception, message: str) -> None:
    shown = str(unreachable_error("cannot read x", error))
    assert shown.startswith("cannot read x: the ")
    assert message in shown
    assert ("CA certificate" in shown) is ("trusted" in message)


@pytest.mark.parametrize(
    "error",
    [MaxRetryError(POOL, "/", OSError(113, "No route to host")), OSError(113, "No route to host")],
    ids=["after retries", "at once"],
)
def test_exceptions_of_the_library_become_unreachable_errors(error: Exception) -> None:
    with pytest.raises(Unreachable, match="No route to host"), translated_errors("cannot x"):
        raise error


def test_errors_of_this_project_are_not_converted() -> None:
    with pytest.raises(TargetNotFound, match="mine"), translated_errors("cannot x"):
        raise TargetNotFound("mine", "")
