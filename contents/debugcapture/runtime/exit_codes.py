"""The exit code of a step that fails: that of the error if it has one, and otherwise that of the step.

README.md has the table for users. Pure.
"""

from typing import Final

from ..errors import BadInput, CaptureError, NotAllowed, NoteNotSent, NotStored, TargetNotFound, Unreachable

# The exit codes of steps.
NOTHING_CAPTURED: Final = 5
NOT_STORED: Final = 6
NOT_ANNOTATED: Final = 7
NOT_RESTARTED: Final = 8

# The exit codes of errors, which are the same in each step.
_BY_CAUSE: Final[tuple[tuple[type[CaptureError], int], ...]] = (
    (BadInput, 2),
    (TargetNotFound, 3),
    (NotAllowed, 4),
    (Unreachable, 5),
    (NotStored, NOT_STORED),
    (NoteNotSent, NOT_ANNOTATED),
)


def exit_code(error: CaptureError, otherwise: int = NOTHING_CAPTURED) -> int:
    """Return the exit code for ``error``, or ``otherwise``, the exit code of the step."""
    return next((code for kind, code in _BY_CAUSE if isinstance(error, kind)), otherwise)
