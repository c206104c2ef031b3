"""Take secrets out of a pod's JSON. Pure; what is left still tells how the pod was configured."""

import re
from typing import Any

from .model import Json

MASK = "[masked]"
_WORDS = r"passw|pwd|passphrase|secret|token|(?:api|access|private|encryption|signing)[_-]?key|credential|jwt"
_SECRET_NAME = re.compile(rf"{_WORDS}|auth|dsn|connection[_-]?string|(?:^|[_-])pass(?:$|[_-])", re.IGNORECASE)
_SECRET_VALUES = (
    re.compile(r"(?<=://)[^/\s]+(?=@)"),  # user and password in a URL
    re.compile(r"\bAKIA[0-9A-Z]{16}\b|\bASIA[0-9A-Z]{16}\b"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JWT
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
)
_NAMED = rf"[\w.-]*(?:{_WORDS})[\w.-]*"
_VALUE = r"""("[^"]*"|'[^']*'|[^\s"']+)"""
_ASSIGNMENT = re.compile(rf"""(?i)({_NAMED}["']?\s*[=:]\s*){_VALUE}""")
_FLAG_AND_VALUE = re.compile(rf"(?i)((?:^|\s)--?{_NAMED}\s+){_VALUE}")
_FLAG = re.compile(rf"(?i)--?{_NAMED}")
_NOISE = ("managedFields",)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # repeats the whole spec, values included


def masked_pod(pod: Json) -> Json:
    """Return a copy of ``pod`` without secret values, managed fields and the last applied configuration."""
    copy: Json = _masked(pod)
    metadata = {key: value for key, value in copy["metadata"].items() if key not in _NOISE}
    if "annotations" in metadata:
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    return copy | {"metadata": metadata}


def masked_text(text: str) -> str:
    """Return ``text`` with what looks like a credential masked."""
    for pattern in _SECRET_VALUES:
        text = pattern.sub(MASK, text)
    for pattern in (_ASSIGNMENT, _FLAG_AND_VALUE):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        if _is_secret_variable(value):
            return value | {"value": MASK}
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return _masked_list(value)
    return masked_text(value) if isinstance(value, str) else value


def _masked_list(values: list[Any]) -> list[Any]:
    """Mask each element, and wholly the one behind a flag whose name says that a secret follows."""
    before = [None, *values]
    follows = [isinstance(one, str) and bool(_FLAG.fullmatch(one)) for one in before[: len(values)]]
    return [MASK if secret else _masked(value) for secret, value in zip(follows, values, strict=True)]


def _is_secret_variable(value: Json) -> bool:
    """Tell whether ``value`` is an EnvVar whose name says that it is secret; a reference to a Secret shows none."""
    return bool(value.get("value")) and bool(_SECRET_NAME.search(str(value.get("name", ""))))
