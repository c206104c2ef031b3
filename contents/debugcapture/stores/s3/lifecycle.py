"""How long a bucket keeps objects, according to its lifecycle rules. Pure.

Source: Amazon S3 API Reference, "GetBucketLifecycleConfiguration"; Amazon S3 User Guide, "Lifecycle configuration
elements".
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

Rule = Mapping[str, Any]


def days_until_deletion(rules: Iterable[Rule], prefix: str, tags: Mapping[str, str], now: datetime) -> int | None:
    """Return after how many days the first of ``rules`` deletes objects below ``prefix`` that have ``tags``.

    Return None if no rule deletes them all. Rules for some of the objects, such as those above a size, do not count.
    """
    days = [_days(rule["Expiration"], now) for rule in rules if _covers(rule, prefix, tags) and "Expiration" in rule]
    return min((number for number in days if number is not None), default=None)


def _covers(rule: Rule, prefix: str, tags: Mapping[str, str]) -> bool:
    """Return whether ``rule`` is enabled and applies to each object below ``prefix`` that has ``tags``."""
    # Rules of the first version of the API have a prefix but no filter.
    condition = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    condition = condition.get("And", condition)
    if "ObjectSizeGreaterThan" in condition or "ObjectSizeLessThan" in condition:
        return False
    required = [*condition.get("Tags", ()), *([condition["Tag"]] if "Tag" in condition else [])]
    has_tags = all(tags.get(tag["Key"]) == tag["Value"] for tag in required)
    return rule["Status"] == "Enabled" and has_tags and prefix.startswith(condition.get("Prefix", ""))


def _days(expiration: Mapping[str, Any], now: datetime) -> int | None:
    """Return the days of ``expiration``; None if it only removes markers of deleted objects."""
    if "Days" in expiration:
        return int(expiration["Days"])
    if "Date" in expiration:
        date: datetime = expiration["Date"]
        return max(0, (date.astimezone(timezone.utc) - now).days)
    return None
