"""The kind of evidence "log": any text, with the included messages or with those of the user too."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from .evidence import Evidence
from .messages import Message, included_messages
from .parsers.log import is_text, parse_log
from .parsers.log_model import Log
from .pictures.rankings import log_messages
from .rules import kernel_log
from .rules import log as log_rules
from .subject import Subject

_COLLECTORS = ("", "pod-snapshot", "logs", "crash-dumps", "files", "node-state")  # "": the user gave the file
_RULES = (*kernel_log.RULES, *log_rules.RULES)


def _parse(evidence: Evidence) -> Log:
    return parse_log(evidence, included_messages())  # read when the first log is explained


def _is_log(evidence: Evidence) -> bool:
    """Return whether the file may be a log. What a tool wrote is none, although it may contain words of one."""
    return evidence.collector in _COLLECTORS and is_text(evidence)


LOG = Subject("Log", _is_log, _parse, _RULES, picture=log_messages)


def log_subject(messages: Sequence[Message]) -> Subject[Log]:
    """Return the kind of evidence with these known messages only."""
    return replace(LOG, parse=partial(parse_log, messages=messages))
