"""Remembers which programs an image does not have, so that only one container of each image is asked for them.

An exec that does not find its program costs the node as much as one that does: about 60 ms of processor time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from ..model import ExitStatus, StartFailure

Output = tuple[ExitStatus, str, str]
"""Status, standard output and standard error of a command."""


@dataclass(slots=True)
class _Program:
    lock: Lock = field(default_factory=Lock)
    """Held while the first container is asked. The others wait for its answer."""
    was_tried: bool = False
    missing: ExitStatus | None = None
    """How the command ended, if the image does not have the program."""


class ImagePrograms:
    """What the containers of one capture have shown about the programs of their images. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._programs: dict[tuple[str, str], _Program] = {}

    def run(self, image_id: str, name: str, run_program: Callable[[], Output]) -> Output:
        """Return the output of ``run_program``, which runs the program ``name`` in a container of ``image_id``.

        If another container has shown that the image does not have the program, return the status that it got, and run
        nothing. ``image_id`` is "" if the image is unknown. Raises what ``run_program`` raises.
        """
        if not image_id:
            return run_program()
        with self._lock:
            program = self._programs.setdefault((image_id, name), _Program())
        with program.lock:
            if program.missing:
                return program.missing, "", ""
            if not program.was_tried:
                status, output, errors = run_program()
                program.was_tried = True
                if status.failure is StartFailure.NO_PROGRAM:
                    program.missing = status
                return status, output, errors
        return run_program()
