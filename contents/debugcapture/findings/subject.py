"""What a kind of evidence has: how to recognize it, its parser, and its rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..finding import Finding
from ..picture import PodPictures
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
    picture: Callable[[M], PodPictures] | None = None
    """Returns what the report draws of the model. None if there is no picture of this kind."""
    has_names_only: bool = False
    """Whether its findings and pictures contain nothing but counts, addresses and names of functions, hosts or classes.
    A file of this kind that is not masked is then explained too."""

    merge: Callable[[Sequence[M]], M] | None = None
    """Returns one model for all files of this kind that a capture has of one pod. None if files are not merged."""

    def explain(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about ``evidence``, in the order of the rules."""
        yield from self.findings(self.parse(evidence), evidence.pod)

    def examine(self, model: M, pod: str) -> "Examined":
        """Return the findings about ``model`` and what the report draws of it. ``pod`` is the one it belongs to."""
        picture = self.picture(model) if self.picture else PodPictures("")
        return Examined(tuple(self.findings(model, pod)), replace(picture, pod=pod))

    def findings(self, model: M, pod: str) -> Iterator[Finding]:
        """Yield the findings about ``model``, in the order of the rules. ``pod`` is the one it belongs to."""
        for rule in self.rules:
            for finding in rule(model):
                yield replace(finding, rule=rule_id(rule), pod=finding.pod or pod)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a model shows."""

    findings: tuple[Finding, ...]
    pictures: PodPictures


def rule_id(rule: Callable[..., Iterator[Finding]]) -> str:
    """Return the ID of a rule: the name of its function with hyphens."""
    return str(getattr(rule, "__name__", "")).replace("_", "-")
