"""What can go wrong, by its cause, as one line: what failed, why, and what to do.

CaptureError
├── BadInput            a setting is wrong or missing; nothing was changed
├── TargetNotFound      the namespace, pod or container does not exist
├── NotAllowed          authentication, RBAC or admission refused
├── Unreachable         a server did not answer, or is not who it should be
├── Rejected            a server refused a request, and none of the above is why
│   ├── Conflict        409: the object exists already, or was changed meanwhile
│   ├── Invalid         422: the object would not be valid
│   └── TooManyRequests 429: the server has no time for this account
├── UnexpectedAnswer    what answered is not what was asked, or its answer cannot be read
├── Aborted             the run is being ended
├── NotRunning          a container does not run, or did not start
├── CommandFailed       a program in a container was not there, or did not do its work
│   └── NeverEnds       a command of little output was still running at its time limit
├── LogRemoved          the kubelet has removed the log
├── NotMeasurable       there is nothing to measure a condition by
├── SpoolFull           the spool's limits leave no room
├── SpoolUnwritable     the spool cannot be written
├── NothingCaptured     every collector failed, each for a reason of its own
├── NotStored           the evidence is in the spool, not in the store
├── NoteNotSent         the incident has no note
├── GateClosed          the capture is not good enough to restart after it
├── RolloutBlocked      a change would start no rollout, or the pod would not come back
└── RolloutNotReady     the workload is not well within the time limit

A cause has no exit code of its own: what a step failed to do by it decides (runtime/exit_codes.py).
"""

import re
from copy import copy
from typing import TypeVar

from .text import one_line

EXIT_PARTIAL = 10

E = TypeVar("E", bound="CaptureError")


class CaptureError(Exception):
    """An error that a user can act on; ``str()`` is one line. Never changed once raised: `about` and others copy."""

    def __init__(self, what: str, why: str, do: str = "", *, status: int = 0, reason: str = "") -> None:
        """``what`` failed (with the pod's name), ``why`` it did, and what to ``do`` about it.

        ``status`` (of HTTP) and ``reason`` ("AlreadyExists", …) are what a server answered, if one did.
        """
        super().__init__(what, why, do)
        self.what, self.why, self.do = (one_line(part) for part in (what, why, do))
        self.status, self.reason = status, reason
        self.data: dict[str, str] = {}

    def about(self: E, subject: str) -> E:
        """Return it with ``subject`` before the line unless that names it: a line is read on its own."""
        subject = one_line(subject)
        if re.search(rf"(?<![\w./-]){re.escape(subject)}(?![\w-]|\.\w)", str(self)):
            return self
        return self._changed(what=f"{subject}: {self.what}")

    def advising(self: E, do: str) -> E:
        """Return it with ``do`` as what to do."""
        return self._changed(do=one_line(do))

    def handing_on(self: E, **data: str) -> E:
        """Return it with ``data`` that later steps can use although this one failed."""
        return self._changed(data={**self.data, **data})

    def _changed(self: E, **attributes: object) -> E:
        changed = copy(self)
        changed.__dict__.update(attributes)
        return changed

    def __str__(self) -> str:
        line = f"{self.what}: {self.why}" if self.why else self.what
        return f"{line.rstrip('.')}. {self.do}" if self.do else line


class BadInput(CaptureError):
    """A setting is wrong or missing. Nothing was changed."""


class TargetNotFound(CaptureError):
    """The namespace, pod or container does not exist."""


class NotAllowed(CaptureError):
    """Authentication, RBAC or an admission rule refused."""


class Unreachable(CaptureError):
    """A server did not answer, or its certificate is not trusted."""


class Rejected(CaptureError):
    """A server refused a request that it understood; ``status`` and ``reason`` say how."""


class Conflict(Rejected):
    """The object exists already, or was changed meanwhile."""


class Invalid(Rejected):
    """The object would not be valid."""


class TooManyRequests(Rejected):
    """The server has no time for this account."""


class UnexpectedAnswer(CaptureError):
    """What answered is not what was asked (a login page), or its answer cannot be read."""


class Aborted(CaptureError):
    """The run is being ended, and begins nothing more."""


class NotRunning(CaptureError):
    """A container does not run, or did not start."""


class CommandFailed(CaptureError):
    """A program in a container was not there, or did not do its work."""


class NeverEnds(CommandFailed):
    """A command of little output was still running at its time limit."""


class LogRemoved(CaptureError):
    """The kubelet has removed the log."""


class NotMeasurable(CaptureError):
    """There is nothing to measure a condition by."""


class SpoolFull(CaptureError):
    """The spool's limits leave no room."""


class SpoolUnwritable(CaptureError):
    """The spool cannot be written."""


class NothingCaptured(CaptureError):
    """Every collector failed, each for a reason of its own."""


class NotStored(CaptureError):
    """The evidence stays in the spool."""


class NoteNotSent(CaptureError):
    """The incident carries no note."""

    def __init__(self, what: str, why: str, do: str = "", *, status: int = 0, waits: bool = False) -> None:
        """``waits``: a later run may succeed with it, so that it is kept in the spool."""
        super().__init__(what, why, do, status=status)
        self.waits = waits


class GateClosed(CaptureError):
    """The capture is not good enough to restart after it."""


class RolloutBlocked(CaptureError):
    """A change would start no rollout, or the pod would not come back."""


class RolloutNotReady(CaptureError):
    """The workload is not well within the time limit."""
