"""Words in the alerts of an incident that mean a target, but do not show which one. Pure."""

import re
from collections.abc import Iterable
from typing import Any, Final

from .facts import read_alert

_MOST_WORDS: Final = 3
_TRAEFIK = re.compile(r"(?<![a-z0-9-])[a-z0-9][a-z0-9-]{2,250}@kubernetes(?:crd|gateway)?(?![a-z0-9-])")
_POD_AND_WORD = re.compile(
    r"\bpods?[ :/]{1,2}[`\"']?([a-z0-9][a-z0-9-]{0,200}-\d{1,5}\.[a-z][a-z0-9-]{0,62})(?![a-z0-9.-]*[a-z0-9-])",
    re.IGNORECASE,
)


def find_unclear(alerts: Iterable[Any]) -> list[str]:
    """Return why ``alerts`` (items of "List alerts for an incident") name no target, although they mean one.

    A service of Traefik is NAMESPACE-SERVICE-PORT@PROVIDER, and both names may contain hyphens. A pod of a StatefulSet
    can be followed by its namespace, or by the service in its DNS name.
    """
    texts = ("\n".join(block.text) for alert in alerts for block in read_alert(alert, frozenset()).inner_first())
    reasons: dict[str, None] = {}
    for text in texts:
        for match in _TRAEFIK.finditer(text):
            reasons[f"{match[0]} of Traefik does not show which namespace and workload it means"] = None
        for match in _POD_AND_WORD.finditer(text):
            pod, _, word = match[1].partition(".")
            reasons[f"“{word}” after pod {pod} may be its namespace or its service"] = None
    return list(reasons)[:_MOST_WORDS]
