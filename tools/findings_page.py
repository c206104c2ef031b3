"""The list of rules in docs/findings.md, from the rules themselves.

The first line of a rule's docstring is its statement. The rest explains why it matters, and names the source.
"""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from debugcapture.findings.across_files import RULES
from debugcapture.findings.messages import included_messages
from debugcapture.findings.subject import rule_id
from debugcapture.findings.subjects import SUBJECTS

PAGE = Path(__file__).parent.parent / "docs" / "findings.md"
BEGIN, END = "<!-- rules: written by tools/findings_page.py -->\n", "<!-- /rules -->\n"
_HEADER = "| rule | what it states, and why it matters |\n| --- | --- |\n"
_URL = re.compile(r"(?<![<(])https?://[^\s)>,]+(?<![.;:])")


def page() -> str:
    """Return the page with the current rules. Raises ValueError if the marks of the list are missing."""
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has no place for the list of rules: {BEGIN.strip()} … {END.strip()}")
    rules_of = {subject.name: subject.rules for subject in SUBJECTS}  # several parsers can have the same rules
    rules = "".join(itertools.starmap(_section, rules_of.items()))
    rules += _section("Several files of a pod together", RULES)
    return head + BEGIN + rules + _messages() + "\n" + END + tail


def _section(name: str, rules: Sequence[Callable[..., Any]]) -> str:
    rows = "".join(f"| `{rule_id(rule)}` | {' '.join(_paragraphs(rule))} |\n" for rule in rules)
    return f"\n### {name}\n\n{_HEADER}{rows}" if rows else ""


def _messages() -> str:
    """Return the table of known log messages."""
    rows = "".join(
        f"| `{message.id}` | {message.severity} | {message.titled({}).replace('|', '')} | <{message.source}> |\n"
        for message in included_messages()
        if message.severity != "none"
    )
    return f"\n### Known log messages\n\n| ID | severity | what it means | source |\n| --- | --- | --- | --- |\n{rows}"


def _paragraphs(rule: Callable[..., Any]) -> Iterator[str]:
    text = inspect.getdoc(rule)
    if not text:
        raise ValueError(f"the rule {rule_id(rule)} has no docstring")
    for paragraph in text.split("\n\n"):
        line = " ".join(paragraph.split()).replace("|", "\\|")
        yield _URL.sub(lambda url: f"<{url.group()}>", line)
