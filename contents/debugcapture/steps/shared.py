"""Types and functions that several steps share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..errors import CaptureError
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.cluster import NamespacesSettings


class Step(NamedTuple):
    """The settings of a step, and the function that runs it."""

    settings: type[Any]
    """A dataclass of groups of settings."""
    run: Callable[[Any, RunContext], Outcome]


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Add ``subject`` to the message of each CaptureError that does not contain it."""
    try:
        yield
    except CaptureError as error:
        changed = error.about(subject)
        if changed is error:
            raise
        raise changed from error


def printed(text: str, context: RunContext) -> Outcome:
    """Write ``text`` to standard output, and return the outcome of a successful step."""
    context.stdout.write(text.encode())
    context.stdout.flush()
    return Outcome(0)


def names_of(settings: NamespacesSettings) -> list[str]:
    """Return the namespaces in the settings, [] for all."""
    return [name.strip() for name in settings.namespaces.split(",") if name.strip()]
