"""The exec protocol of Kubernetes (`v5.channel.k8s.io`, `v4.channel.k8s.io`), without a socket.

The first byte of a binary message is its channel. Source: k8s.io/apimachinery pkg/util/remotecommand/constants.go
and k8s.io/client-go tools/remotecommand.
"""

import json
from typing import Any

from ..model import ExitStatus

SUBPROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, STATUS = 1, 2, 3


def exit_status(payload: bytes) -> ExitStatus:
    """Return how the command ended, from the `Status` object of channel 3.

    A failure without an exit code means that the command never ran; its message says why.
    """
    try:
        status = json.loads(payload)
    except ValueError:
        return ExitStatus(None, "BadStatus", "the server's exit status is not JSON")
    if not isinstance(status, dict):
        return ExitStatus(None, "BadStatus", "the server's exit status is no object")
    if status.get("status") == "Success":
        return ExitStatus(0)
    return ExitStatus(_exit_code(status), str(status.get("reason", "")), str(status.get("message", "")))


def broken_stream(detail: str = "") -> ExitStatus:
    """Return the status of a stream that ended without one: what arrived may be short."""
    why = f" ({detail})" if detail else ""
    return ExitStatus(None, "StreamBroken", f"the connection ended before the command did{why}")


def out_of_time(limit_s: float) -> ExitStatus:
    """Return the status of a command that is given up."""
    return ExitStatus(None, "TimeLimit", f"still running after the time limit of {limit_s:.0f} s")


def _exit_code(status: dict[str, Any]) -> int | None:
    causes = (status.get("details") or {}).get("causes") or []
    codes = [str(cause.get("message", "")) for cause in causes if cause.get("reason") == "ExitCode"]
    return int(codes[0]) if codes and codes[0].isdigit() else None
