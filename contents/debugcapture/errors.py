"""What can go wrong, told as one line: what failed, why, and what to do.

CaptureError
├── BadInput          2   a setting is wrong or missing; nothing was touched
├── TargetNotFound    3   the namespace, pod or container does not exist
├── NotAllowed        4   authentication, RBAC or admission refused
├── NothingCaptured   5   no evidence was reached
│   ├── NeverEnds     5   a command of little output was still running at its time limit
│   └── Unreachable   5   the cluster did not answer, or is not who it should be
├── NotStored         6   the evidence is in the spool, not in the store
├── NoteNotSent       7   the evidence is stored, the incident does not say so
└── NotRestarted      8   the gate is closed, or the rollout did not come up
"""

import re
from typing import ClassVar

EXIT_PARTIAL = 10
_QUERY = re.compile(r"(https?://[^\s\"?]+)\?[^\s\"]*")


class CaptureError(Exception):
    """An error that a user can act on; ``str()`` is one line."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, why: str, do: str = "") -> None:
        """``what`` failed (with the pod's name), ``why`` it did, and what to ``do`` about it."""
        super().__init__(what, why, do)
        self.what, self.why, self.do = (one_line(part) for part in (what, why, do))
        self.data: dict[str, str] = {}  # what later steps can use although this one failed

    def about(self, subject: str) -> None:
        """Begin the line with ``subject`` unless it names it already: a line is read on its own, in an incident too."""
        if subject not in str(self):
            self.what = f"{one_line(subject)}: {self.what}"

    def __str__(self) -> str:
        line = f"{self.what}: {self.why}" if self.why else self.what
        return f"{line.rstrip('.')}. {self.do}" if self.do else line


class BadInput(CaptureError):
    """A setting is wrong or missing. Nothing was touched."""

    exit_code = 2


class TargetNotFound(CaptureError):
    """The namespace, pod or container does not exist."""

    exit_code = 3


class NotAllowed(CaptureError):
    """Authentication, RBAC or an admission rule refused."""

    exit_code = 4


class NothingCaptured(CaptureError):
    """No evidence was reached."""

    exit_code = 5


class NeverEnds(NothingCaptured):
    """A command of little output was still running at its time limit."""


class Unreachable(NothingCaptured):
    """The cluster did not answer, or its certificate is not trusted."""


class NotStored(CaptureError):
    """The evidence stays in the spool."""

    exit_code = 6


class NoteNotSent(CaptureError):
    """The incident carries no note."""

    exit_code = 7
    waits = False  # in the spool, until the next run sends it


class NotRestarted(CaptureError):
    """The workload was not restarted, or is not well after it."""

    exit_code = 8


def one_line(text: object) -> str:
    """Return ``text`` without line breaks and control characters, so that it cannot forge a log line."""
    spaced = " ".join(str(text).split())
    return "".join(character for character in spaced if character.isprintable())


def without_queries(text: str) -> str:
    """Return ``text`` with the query of each URL cut off: that of an exec is the whole script."""
    return _QUERY.sub(r"\1", text)
