"""What several steps share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..errors import CaptureError
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.cluster import NamespacesSettings


class Step(NamedTuple):
    """What a step asks, and the function that does it."""

    settings: type[Any]  # a dataclass of groups of settings
    run: Callable[[Any, RunContext], Outcome]


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Have every error name the pod."""
    try:
        yield
    except CaptureError as error:
        named = error.about(subject)
        if named is error:
            raise
        raise named from error


def printed(text: str, context: RunContext) -> Outcome:
    """Write ``text`` to standard output, and return the outcome of a step that does nothing else."""
    context.stdout.write(text.encode())
    context.stdout.flush()
    return Outcome(0)


def names_of(settings: NamespacesSettings) -> list[str]:
    """Return the namespaces that the settings name."""
    return [name.strip() for name in settings.namespaces.split(",") if name.strip()]
