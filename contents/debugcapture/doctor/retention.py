"""Checks how long the store keeps evidence. Pure."""

from ..settings.declare import DAY_S
from ..stores.base import Retention
from .result import CheckResult

_RULE_REMEDY = "To delete old evidence, add a lifecycle rule for the prefix of the store (docs/stores.md)."


def retention_result(retention: Retention, link_valid_s: int) -> CheckResult:
    """Return whether the store deletes evidence, and not before its links expire.

    ``link_valid_s`` is the lifetime of a link, or 0 if links do not expire.
    """
    days = retention.days
    if days is None:
        return CheckResult("retention", "note", "the store keeps evidence forever", _RULE_REMEDY)
    if days * DAY_S < link_valid_s:
        reason = (
            f"the store deletes evidence after {days} days, but its links are valid for {link_valid_s / DAY_S:g} days"
        )
        return CheckResult("retention", "note", reason, "Raise the days of the lifecycle rule, or lower link_valid_s.")
    return CheckResult("retention", "ok", f"the store deletes evidence after {days} days")
