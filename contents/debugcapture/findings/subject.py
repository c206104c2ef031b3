"""What a kind of evidence has: how to recognize it, its parser, and its rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..finding import Finding
from .evidence import Evidence

M = TypeVar("M")
Rule = Callable[[M], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Subject(Generic[M]):
    """One kind of evidence. ``M`` is the model that its parser returns."""

    name: str
    """For people: "Java thread dump"."""
    recognize: Callable[[Evidence], bool]
    """Returns whether the content of the file is of this kind. It reads `Evidence.head`, never the name alone."""
    parse: Callable[[Evidence], M]
    rules: Sequence[Rule[M]]
    is_mixed: Callable[[Evidence], bool] | None = None
    """Returns whether the file also contains other text, such as the log around a thread dump. The next kind that
    recognizes the file then explains it too. None if a file of this kind contains nothing else."""

    def explain(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about ``evidence``, in the order of the rules."""
        model = self.parse(evidence)
        for rule in self.rules:
            for finding in rule(model):
                yield replace(finding, rule=rule_id(rule), pod=finding.pod or evidence.pod)


def rule_id(rule: Callable[..., Iterator[Finding]]) -> str:
    """Return the ID of a rule: the name of its function with hyphens."""
    return str(getattr(rule, "__name__", "")).replace("_", "-")
