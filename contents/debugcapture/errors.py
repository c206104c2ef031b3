"""Errors by their cause. Each is one line: what failed, why, and what to do.

CaptureError
├── BadInput            a setting is wrong or missing; nothing was changed
├── TargetNotFound      the namespace, pod or container does not exist
│   └── CaptureGone     the store does not contain the capture, or not any more
├── NotAllowed          authentication, RBAC or admission refused
├── Unreachable         a server did not respond, or its certificate is not trusted
│   └── OptionalApiDown an API that the cluster may do without did not respond, such as the metrics API
├── Rejected            a server rejected a request for another reason
│   ├── Conflict        409: the object exists already, or was changed by someone else
│   ├── Invalid         422: the object is not valid
│   └── TooManyRequests 429: the server is too busy for this account
├── UnexpectedAnswer    the response is from another kind of server, or invalid
├── Aborted             the step was aborted
├── NotRunning          a container is not running, or did not start
│   ├── PodTerminating  the pod is being deleted and starts no container
│   ├── StaticPod       the pod is static and gets no debug container
│   └── PodFull         the pod has too many debug containers
├── CommandFailed       a program in a container is missing, or failed
│   └── NeverEnds       a short command reached its time limit
├── LogRemoved          the kubelet has deleted the log
├── NotMeasurable       the cluster does not provide the value of a condition
├── SpoolFull           the spool's limits leave no room
├── SpoolUnwritable     the spool cannot be written
├── NothingCaptured     every collector failed
├── NotStored           the evidence is in the spool but not in the store
├── StoreBusy           too many requests wait for the store
├── NoteNotSent         the incident has no note
├── GateClosed          the status of the capture does not allow a restart
├── RolloutBlocked      a change would not start a rollout, or the pod would not be replaced
└── RolloutNotReady     the workload was not ready within the time limit

The exit code depends on what the step could not do because of the error (runtime/exit_codes.py).
"""

import re
from copy import copy
from typing import TypeVar

from .text import one_line

EXIT_PARTIAL = 10

E = TypeVar("E", bound="CaptureError")


class CaptureError(Exception):
    """An error that a user can act on. ``str()`` is one line. It is immutable: `about` and the others return copies."""

    def __init__(self, action: str, reason: str, remedy: str = "", *, status: int = 0, status_reason: str = "") -> None:
        """``action`` is what failed (with the name of the pod), ``reason`` is why, and ``remedy`` is what to do.

        ``status`` (HTTP) and ``status_reason`` ("AlreadyExists", …) are from the response of a server, if there is one.
        """
        super().__init__(action, reason, remedy)
        self.action, self.reason, self.remedy = (one_line(part) for part in (action, reason, remedy))
        self.status, self.status_reason = status, status_reason
        self.data: dict[str, str] = {}

    def about(self: E, subject: str) -> E:
        """Return a copy whose line starts with ``subject``, unless the line already contains it."""
        subject = one_line(subject)
        if re.search(rf"(?<![\w./-]){re.escape(subject)}(?![\w-]|\.\w)", str(self)):
            return self
        return self._copy_with(action=f"{subject}: {self.action}")

    def advising(self: E, remedy: str) -> E:
        """Return a copy with another ``remedy``."""
        return self._copy_with(remedy=one_line(remedy))

    def with_data(self: E, **data: str) -> E:
        """Return a copy with ``data``, output of the failed step for later steps."""
        return self._copy_with(data={**self.data, **data})

    def _copy_with(self: E, **attributes: object) -> E:
        changed = copy(self)
        changed.__dict__.update(attributes)
        return changed

    def __str__(self) -> str:
        line = f"{self.action}: {self.reason}" if self.reason else self.action
        return f"{line.rstrip('.')}. {self.remedy}" if self.remedy else line


class BadInput(CaptureError):
    """A setting is wrong or missing. Nothing was changed."""


class TargetNotFound(CaptureError):
    """The namespace, pod or container does not exist."""


class CaptureGone(TargetNotFound):
    """The store does not contain the capture, or not any more."""


class NotAllowed(CaptureError):
    """Authentication, RBAC or an admission rule refused."""


class Unreachable(CaptureError):
    """A server did not respond, or its certificate is not trusted."""


class OptionalApiDown(Unreachable):
    """An API that the cluster may do without did not respond, such as the metrics API."""


class Rejected(CaptureError):
    """A server rejected a request; see ``status`` and ``reason``."""


class Conflict(Rejected):
    """The object exists already, or was changed by someone else."""


class Invalid(Rejected):
    """The object is not valid."""


class TooManyRequests(Rejected):
    """The server is too busy for this account."""


class UnexpectedAnswer(CaptureError):
    """The response is from another kind of server (a login page), or invalid."""


class Aborted(CaptureError):
    """The step was aborted and starts nothing new."""


class NotRunning(CaptureError):
    """A container is not running, or did not start."""


class PodTerminating(NotRunning):
    """The pod is being deleted. The kubelet starts no container in it, but commands still run in those that run."""


class StaticPod(NotRunning):
    """The kubelet runs the pod from a file of its node. The API server adds no debug container to such a pod."""


class PodFull(NotRunning):
    """The pod has as many debug containers as this package attaches to one pod."""


class CommandFailed(CaptureError):
    """A program in a container is missing, or failed."""


class NeverEnds(CommandFailed):
    """A short command reached its time limit."""


class LogRemoved(CaptureError):
    """The kubelet has deleted the log."""


class NotMeasurable(CaptureError):
    """The cluster does not provide the value of a condition."""


class SpoolFull(CaptureError):
    """The limits of the spool leave no room."""


class SpoolUnwritable(CaptureError):
    """The spool cannot be written."""


class NothingCaptured(CaptureError):
    """Every collector failed."""


class NotStored(CaptureError):
    """The evidence stays in the spool."""


class StoreBusy(CaptureError):
    """Too many requests wait for the store."""


class NoteNotSent(CaptureError):
    """The note could not be added to the incident."""

    def __init__(self, action: str, reason: str, remedy: str = "", *, status: int = 0, waits: bool = False) -> None:
        """``waits``: the note stays in the spool, because a later run may succeed."""
        super().__init__(action, reason, remedy, status=status)
        self.waits = waits


class GateClosed(CaptureError):
    """The status of the capture does not allow a restart."""


class RolloutBlocked(CaptureError):
    """A change would not start a rollout, or the pod would not be replaced."""


class RolloutNotReady(CaptureError):
    """The workload was not ready within the time limit."""
