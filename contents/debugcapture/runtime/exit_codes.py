"""The exit code of a step that fails: by its cause, where that says it for every step, else by what the step is for.

README.md has the table for users. Pure.
"""

from typing import Final

from ..errors import BadInput, CaptureError, NotAllowed, NoteNotSent, NotStored, TargetNotFound, Unreachable

# What a step failed to do, when nothing but the step tells.
NOTHING_CAPTURED: Final = 5
NOT_STORED: Final = 6
NOT_ANNOTATED: Final = 7
NOT_RESTARTED: Final = 8

# What means the same whichever step it ends.
_BY_CAUSE: Final[tuple[tuple[type[CaptureError], int], ...]] = (
    (BadInput, 2),
    (TargetNotFound, 3),
    (NotAllowed, 4),
    (Unreachable, 5),
    (NotStored, NOT_STORED),
    (NoteNotSent, NOT_ANNOTATED),
)


def exit_code(error: CaptureError, otherwise: int = NOTHING_CAPTURED) -> int:
    """Return the exit code for ``error``; ``otherwise`` is that of the step, for a cause that has none."""
    return next((code for kind, code in _BY_CAUSE if isinstance(error, kind)), otherwise)
