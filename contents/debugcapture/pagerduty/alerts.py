"""Find the target in the alerts of an incident. Pure.

Anyone can send an alert. A part of a target counts only if it is a valid name in Kubernetes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from ..settings.declare import NAME, POD_NAME
from .facts import KINDS, Block, read_alert
from .senders import PARTS, Sender

_SHORT_KINDS: Final = ("hpa", "pdb", "pvc")
_CLUSTER = r"[A-Za-z0-9][\w.:/@-]{0,252}"
# The ID of a cluster in Azure. The IDs of other resources, such as a workspace for logs, name no cluster.
_AZURE_CLUSTER = re.compile(
    r"/subscriptions/[\w./-]{1,200}/(?:managedclusters|connectedclusters)/([\w.-]{1,63})", re.ASCII | re.IGNORECASE
)
_VALID: Final = {
    "cluster": re.compile(f"{_CLUSTER}|{_AZURE_CLUSTER.pattern}", re.ASCII | re.IGNORECASE),
    "namespace": re.compile(NAME),
    "pod": re.compile(POD_NAME),
    "container": re.compile(NAME),
    "kind": re.compile("|".join((*KINDS, *_SHORT_KINDS)), re.IGNORECASE),
    "workload": re.compile(POD_NAME),
}
_SHARED_PARTS: Final = ("cluster", "namespace")
"""Parts that a block may leave to what is said for all blocks."""

_NOT_NAMESPACES: Final = ("namespace", "ns", "the", "pod", "pods")
"""Words before the name of a namespace or of a pod in a sentence."""

_NOT_PODS: Final = frozenset({"and", "are", "for", "from", "has", "in", "is", "name", "of", "on", "or", "that", "was"})
"""Words that follow the word pod, deployment, ... in a sentence without its name."""

_FILE_TYPES: Final = ("log", "txt", "json", "yaml", "yml", "html", "gz")
"""Endings of file names, which look like the namespace in POD.NAMESPACE."""

_NO_NAMES: Final = frozenset({"unknown", "none", "null", "n", "na", "nil", "undefined"})
"""What senders write for a part that they do not know."""

_SCRAPED: Final = ("namespace", "ns")
"""Names that Prometheus adds to a metric for the program that it was read from, which may report about another."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an alert says about the target. A part that it does not name is "". ``kind`` is in lower case."""

    sender: str
    cluster: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    kind: str = ""
    workload: str = ""


def find_candidates(alerts: Iterable[Any], senders: Sequence[Sender]) -> list[Candidate]:
    """Return the targets that ``alerts`` (items of "List alerts for an incident") name, best first, without duplicates.

    For each block of an alert, the first sender that finds a pod or a workload decides. What stands outside of the
    blocks is a separate target only if the blocks name none, or if it names a pod.
    """
    return list(dict.fromkeys(candidate for alert in alerts for candidate in _from_alert(alert, senders)))


def _from_alert(alert: Any, senders: Sequence[Sender]) -> Iterator[Candidate]:
    names = frozenset(name for sender in senders for values in sender.names.values() for name in values)
    blocks = list(read_alert(alert, names).inner_first())
    decided: set[int] = set()
    for sender in senders:
        for block in blocks:
            if id(block) in decided:
                continue
            candidates = [_in_namespace(candidate, block, senders) for candidate in _from_sender(block, sender)]
            if any(id(inner) in decided for inner in block.inner_first()):
                candidates = [candidate for candidate in candidates[:1] if candidate.pod and sender.names]
            if candidates:
                decided.add(id(block))
                yield from candidates


def _in_namespace(candidate: Candidate, block: Block, senders: Sequence[Sender]) -> Candidate:
    """Return ``candidate``; without a namespace, in the one that ``block`` names in the words of any sender."""
    if candidate.namespace:
        return candidate
    names = [name for sender in senders if sender.any_case for name in sender.names.get("namespace", ())]
    own_names = [name for name in names if name not in _SCRAPED]
    values = (value for outer in block.ancestors() for name in own_names for value in outer.values(name, any_case=True))
    return replace(candidate, namespace=next(filter(partial(_is_valid, "namespace"), values), ""))


def _from_sender(block: Block, sender: Sender) -> list[Candidate]:
    """Return the targets in ``block``, each of which has a pod or a workload."""
    if sender.when and not any(outer.values(name) for name in sender.when for outer in block.ancestors()):
        return []
    shared = {part: _inherit(block, sender, part) for part in _SHARED_PARTS}
    candidates: list[Candidate] = []
    parts = _parts_by_name(block, sender)
    if parts.get("pod") or parts.get("workload"):
        candidates.append(_make_candidate(sender.name, shared | parts))
    candidates += _from_text(block, sender, shared)
    complete = [candidate for candidate in candidates if all(getattr(candidate, part) for part in sender.needs)]
    return [candidate for candidate in complete if candidate.pod or candidate.workload]


def _from_text(block: Block, sender: Sender, shared: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield what the patterns of ``sender`` find, without what another pattern has found with a namespace."""
    candidates = list(_matches(block, sender))
    workloads = {parts["workload"] for parts in candidates if "workload" in parts}
    names_seen: set[tuple[str, str, str]] = set()
    for parts in candidates:
        names = (parts.get("pod", ""), parts.get("workload", ""))
        is_repeated = (*names, parts.get("namespace", "")) in names_seen or (
            "namespace" not in parts and (*names, "*") in names_seen
        )
        names_seen |= {(*names, parts.get("namespace", "")), (*names, "*")}
        # "Job shop/report-123" is not a pod too.
        if not is_repeated and parts.get("pod") not in workloads:
            yield _make_candidate(sender.name, {**shared, **parts})


def _matches(block: Block, sender: Sender) -> Iterator[dict[str, str]]:
    """Yield the parts that each pattern finds, pattern by pattern, without those of exporters."""
    # A string in JSON may contain half of a surrogate pair, which has no encoding.
    text = "\n".join(block.text).encode(errors="replace").decode() if sender.patterns else ""
    monitor = block.values("pod") if _is_from_monitor(block, sender) else ()
    for pattern in sender.patterns:
        for match in pattern.finditer(text):
            parts = {part: value.rstrip(".-") for part, value in match.groupdict("").items() if value}
            is_exporter = any(_names_exporter(sender, parts.get(part, "")) for part in ("pod", "container", "workload"))
            is_word = (
                parts.get("namespace", "").lower() in _NOT_NAMESPACES
                or any(match[0].rstrip("`\"' .,;:!?)]").endswith(f".{ending}") for ending in _FILE_TYPES)
                or parts.get("pod", parts.get("workload", "")).lower() in _NOT_PODS
            )
            if not is_exporter and not is_word and parts.get("pod") not in monitor:
                yield _valid_parts(parts)


def _parts_by_name(block: Block, sender: Sender) -> dict[str, str]:
    """Return the parts that ``block`` itself names, without those of the exporter that only reported the alert."""
    parts = {part: _first_valid(block, sender, part, part) for part in sender.names if part in PARTS}
    if not parts.get("workload") or not parts.get("kind"):
        kinds = ((kind, _first_valid(block, sender, kind, "workload")) for kind in KINDS)
        kind, workload = next(((kind, name) for kind, name in kinds if name), ("", ""))
        if workload:
            parts |= {"kind": kind, "workload": workload}
    for part in _of_exporter(block, sender, parts):
        parts[part] = ""
    return {part: value for part, value in parts.items() if value}


def _of_exporter(block: Block, sender: Sender, parts: Mapping[str, str]) -> list[str]:
    """Return the names of those ``parts`` that belong to the exporter, whose metrics are about other objects."""
    own = [part for part in ("pod", "container", "workload") if _names_exporter(sender, parts.get(part, ""))]
    if _is_from_monitor(block, sender):
        return [*own, "pod", "container"]
    workload = "" if "workload" in own else parts.get("workload", "")
    is_scraped = any(_names_exporter(sender, job) for job in block.values("job"))
    is_other_pod = is_scraped and bool(workload) and not parts.get("pod", "").startswith(workload)
    return [*own, "pod", "container"] if is_other_pod or "pod" in own or "container" in own else own


def _is_from_monitor(block: Block, sender: Sender) -> bool:
    return any(word in job for job in block.values("job") for word in sender.monitors)


def _names_exporter(sender: Sender, name: str) -> bool:
    return any(word in name for word in sender.exporters)


def _inherit(block: Block, sender: Sender, part: str) -> str:
    """Return ``part`` from ``block``, or from what is said for all blocks."""
    values = (_first_valid(outer, sender, part, part) for outer in block.ancestors())
    return next(filter(None, values), "")


def _first_valid(block: Block, sender: Sender, name: str, part: str) -> str:
    """Return the first value under the names of ``name`` (a part, or a kind of workload) that is valid as ``part``."""
    keys = sender.names.get(name, ())
    values = (value for key in keys for value in block.values(key, any_case=sender.any_case))
    return next(filter(partial(_is_valid, part), values), "")


def _is_valid(part: str, value: str) -> bool:
    return bool(_VALID[part].fullmatch(value)) and value.lower() not in _NO_NAMES


def _valid_parts(parts: Mapping[str, str]) -> dict[str, str]:
    return {part: value for part, value in parts.items() if _is_valid(part, value)}


def _make_candidate(sender: str, parts: Mapping[str, str]) -> Candidate:
    valid = _valid_parts({part: value for part, value in parts.items() if value})
    azure = _AZURE_CLUSTER.fullmatch(valid.get("cluster", ""))
    kind = valid.get("kind", "").lower() if valid.get("workload") else ""
    return Candidate(sender, **{**valid, "kind": kind, **({"cluster": azure[1]} if azure else {})})
