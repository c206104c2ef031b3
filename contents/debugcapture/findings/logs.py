"""The kind of evidence "log": any text, with the included messages or with those of the user too."""

from collections.abc import Sequence
from functools import partial

from .evidence import Evidence
from .messages import Message, included_messages
from .parsers.log import Log, is_text, parse_log
from .rules import kernel_log
from .rules import log as log_rules
from .subject import Subject

_RULES = (*kernel_log.RULES, *log_rules.RULES)


def _parse(evidence: Evidence) -> Log:
    return parse_log(evidence, included_messages())  # read when the first log is explained


LOG = Subject("Log", is_text, _parse, _RULES)


def log_subject(messages: Sequence[Message]) -> Subject[Log]:
    """Return the kind of evidence with these known messages only."""
    return Subject(LOG.name, is_text, partial(parse_log, messages=messages), _RULES)
