"""Mask credentials in the JSON of a pod. The rest of its configuration stays readable. Pure."""

import re
from typing import Any, Final

from ..model import Json
from .names import Kind, is_secret_variable, kind_of
from .redactor import mask, masked_text

_NOISE: Final = ("managedFields",)
# Contains a copy of the spec, including secret values.
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_FLAG = re.compile(r"--?[\w.-]+")
# The flag whose value, joined to it or behind it, is a password of these programs.
_PASSWORD_FLAGS: Final = {"mysql": "-p", "mariadb": "-p", "redis-cli": "-a", "sshpass": "-p", "ldap": "-w"}


def masked_pod(pod: Json) -> Json:
    """Return a copy of ``pod`` without secret values, managed fields and the last applied configuration."""
    copy: Json = _mask(pod)
    metadata = {key: value for key, value in copy["metadata"].items() if key not in _NOISE}
    if "annotations" in metadata:
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    return copy | {"metadata": metadata}


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked_member(value, key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return _masked_list(value)
    return masked_text(value) if isinstance(value, str) else value


def _masked_member(parent: Json, key: Any, value: Any) -> Any:
    """Return the masked value of ``key``. The value of an EnvVar or of a header is secret if their name is."""
    if not isinstance(value, str) or not value:
        return _mask(value)
    is_secret = is_secret_variable(str(parent.get("name", ""))) if key == "value" else _is_secret_key(str(key))
    return _mask_text(value) if is_secret else masked_text(value)


def _is_secret_key(key: str) -> bool:
    """Return whether a text under ``key`` is secret: not a checksum of a secret, which makes a pod restart."""
    return "checksum/" not in key and kind_of(key.encode(errors="replace")) in (Kind.SECRET, Kind.COUNTED)


def _masked_list(values: list[Any]) -> list[Any]:
    """Mask each item. An item behind a flag with a secret name, such as --password, is masked completely."""
    password_flag = _password_flag(values)
    masked: list[Any] = []
    previous: Any = None
    for value in values:
        if isinstance(value, str) and isinstance(previous, str) and _needs_value(previous, password_flag):
            masked.append(_mask_text(value))
        elif password_flag and isinstance(value, str) and value.startswith(password_flag) and value != password_flag:
            masked.append(password_flag + _mask_text(value.removeprefix(password_flag)))
        else:
            masked.append(_mask(value))
        previous = value
    return masked


def _password_flag(values: list[Any]) -> str:
    """Return the flag of the program of a command line that has a password; "" if it has none."""
    program = str(values[0]).rpartition("/")[2] if values else ""
    return next((flag for start, flag in _PASSWORD_FLAGS.items() if program.startswith(start)), "")


def _needs_value(flag: str, password_flag: str) -> bool:
    """Return whether the item behind ``flag`` is a secret."""
    if password_flag and flag == password_flag:
        return True
    return bool(_FLAG.fullmatch(flag)) and kind_of(flag.encode(errors="replace")) in (Kind.SECRET, Kind.COUNTED)


def _mask_text(text: str) -> str:
    return mask(text.encode(errors="surrogatepass")).decode()
