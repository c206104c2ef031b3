"""Parses the threads of a JVM, in whichever format the file has."""

from types import ModuleType
from typing import Final

from ..evidence import Evidence
from . import jvm_javacore, jvm_thread_dump, jvm_thread_file, jvm_thread_json
from .jvm_model import ThreadDumps

_FEW_LINES: Final = 5  # that tools write before a dump: a PID, a date
_FORMATS: Final[tuple[ModuleType, ...]] = (jvm_javacore, jvm_thread_json, jvm_thread_dump, jvm_thread_file)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains the threads of a JVM."""
    return any(form.recognize(evidence) for form in _FORMATS)


def is_mixed(evidence: Evidence) -> bool:
    """Return whether the dump is in the log of a container, where the JVM writes it on SIGQUIT."""
    before, title, _ = evidence.head.partition(jvm_thread_dump.TITLE)
    return bool(title) and before.count("\n") > _FEW_LINES


def parse(evidence: Evidence) -> ThreadDumps:
    """Return the dumps of ``evidence``."""
    form = next((form for form in _FORMATS if form.recognize(evidence)), jvm_thread_dump)
    dumps: ThreadDumps = form.parse(evidence)
    return dumps
