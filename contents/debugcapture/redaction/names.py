"""Decides by its name whether a value is secret: of a field, variable, header, flag, element or column. Pure.

A name is split into words, at separators and at capitals: `X-Api-Key`, `apiKey` and `API_KEY` are the same words.
"""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

# The characters of a name, for bytes.rstrip.
NAME_CHARACTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
LONGEST_NAME: Final = 128


class Kind(Enum):
    """What the value of a name is."""

    ORDINARY = auto()
    """It is not secret."""
    SECRET = auto()
    COUNTED = auto()
    """It is a secret, unless it is a number, as in tokens: 512."""
    DIRECTORY = auto()
    """It is a secret, unless it is a path, as in PWD=/app."""
    ENCODED = auto()
    """It is a secret if it looks like base64, as in the "auth" of a Docker configuration."""
    COOKIE = auto()
    """It is a cookie header, to the end of the line."""
    AUTHORIZATION = auto()
    """It is an authorization header: the secret is behind the scheme."""
    COMMANDED = auto()
    """It is a secret that may follow a blank, as in requirepass hunter2."""


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_PARTS = ("passw", "passphrase", "passcode", "secret", "token", "credential", "jwt", "pwd", "apikey")
_SECRET_LAST = frozenset(
    ("pass", "pw", "psw", "psk", "cred", "creds", "salt", "otp", "totp", "jsessionid", "phpsessid", "sessionid")
)
_SECRET_ENDS = (
    "dbpass",
    "userpass",
    "pgpass",
    "rootpass",
    "adminpass",
    "keypass",
    "storepass",
    "mysqlpass",
    "smtppass",
)
# No secret, although the name ends like PGPASS.
_PASSES = frozenset(("BYPASS", "COMPASS", "SURPASS", "TRESPASS", "OVERPASS", "UNDERPASS", "ENCOMPASS", "MULTIPASS"))
# secretName, tokenPath and similar names refer to a secret, or describe it.
_REFERENCE_ENDS = (
    "name", "names", "ref", "refs", "path", "file", "dir", "seconds", "type", "count", "size", "limit", "ttl", "policy",
    "provider", "manager", "less", "providerclass", "tokenizer", "url", "uri",
)  # fmt: skip
_DESCRIPTIONS = frozenset((
    "age", "alg", "algorithm", "attempts", "audience", "bucket", "buckets", "budget", "changed", "created", "days",
    "disabled", "enabled", "encoder", "endpoint", "error", "errors", "exp", "expiration", "expired", "expires",
    "expiry", "failures", "format", "header", "hours", "index", "issuer", "len", "length", "lifetime", "max",
    "method", "min", "minutes", "mode", "ms", "param", "parameter", "position", "prefix", "rate", "required",
    "requests", "reset", "rotation", "scope", "scopes", "second", "status", "strength", "usage", "used", "valid",
    "validity", "version",
))  # fmt: skip
# Words behind the one that decides: clientKeyData, api_key_base64, password2.
_SUFFIXES = frozenset(("data", "base64", "b64", "value", "pem", "json", "plain", "text", "raw", "old", "new"))
# The word before "key" that makes it a secret.
_SECRET_KEYS = frozenset((
    "access", "account", "admin", "aes", "api", "app", "auth", "cipher", "client", "consumer", "crypt", "crypto",
    "deploy", "enc", "encrypt", "encryption", "hmac", "integration", "license", "licence", "master", "private", "rsa",
    "sas", "secret", "sentry", "session", "shared", "sign", "signing", "ssh", "ssl", "storage", "subscription", "tls",
    "webhook",
))  # fmt: skip
# The word before "KEY" that makes a variable ordinary; every other variable that ends in KEY is secret.
_ORDINARY_KEYS = frozenset((
    "cache", "composite", "foreign", "group", "hash", "host", "idempotency", "index", "lookup", "message", "object",
    "partition", "primary", "public", "range", "registry", "routing", "row", "sort", "topic", "translation", "unique",
))  # fmt: skip
_COOKIES = frozenset(("cookie", "cookies", "cookie2"))
_COUNTED = frozenset(("tokens", "pass", "secrets", "credentials", "passwords"))


@lru_cache(maxsize=4096)
def kind_of(name: bytes) -> Kind:
    """Return the kind of value that ``name`` has in text."""
    text = name.decode("ascii", errors="replace").strip("-._")
    words = [word.lower() for word in _WORD.findall(text)]
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _SUFFIXES):
        words.pop()
    if not words:
        return Kind.ORDINARY
    last, joined = words[-1], "".join(words)
    if special := _special_kind(last, joined):
        return special
    if joined.endswith(_REFERENCE_ENDS) or last in _DESCRIPTIONS or "tokeniz" in joined:
        return Kind.ORDINARY
    if _is_secret(text, words, joined):
        return Kind.COUNTED if last in _COUNTED else Kind.SECRET
    return Kind.ORDINARY


def is_secret_variable(name: str) -> bool:
    """Return whether an environment variable or a header called ``name`` has a secret value, in the spec of a pod.

    More names count than in text, because the spec shows the name and the value for certain.
    """
    encoded = name.encode(errors="replace")
    if kind_of(encoded) not in (Kind.ORDINARY, Kind.DIRECTORY):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    if (
        "auth" in joined
        or "connectionstring" in joined
        or "accesskeyid" in joined
        or "dsn" in words
        or "webhook" in joined
    ):
        return True
    if joined.endswith(_REFERENCE_ENDS):
        return False
    return words[-1:] == ["key"] and len(words) > 1 and words[-2] not in _ORDINARY_KEYS


def _special_kind(last: str, joined: str) -> Kind | None:
    if joined in ("requirepass", "masterauth"):
        return Kind.COMMANDED
    if last == "authorization":
        return Kind.AUTHORIZATION
    if last in _COOKIES:
        return Kind.COOKIE
    if joined in ("pwd", "oldpwd"):
        return Kind.DIRECTORY
    return Kind.ENCODED if joined == "auth" else None


def _is_secret(text: str, words: list[str], joined: str) -> bool:
    last = words[-1]
    if any(part in joined for part in _SECRET_PARTS) or last in _SECRET_LAST or joined.endswith(_SECRET_ENDS):
        return True
    if last == "key" or words[-2:] == ["key", "id"]:
        return _is_secret_key(text, words)
    return text.isupper() and text.endswith("PASS") and text.rpartition("_")[2] not in _PASSES


def _is_secret_key(text: str, words: list[str]) -> bool:
    if words[-1] == "id":
        return words[-3:-2] == ["access"]
    if len(words) < 2:
        return False
    return words[-2] in _SECRET_KEYS or (text.isupper() and "_" in text and words[-2] not in _ORDINARY_KEYS)
