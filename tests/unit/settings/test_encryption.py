"""encryption.py: the public keys that a store encrypts for."""

from __future__ import annotations

import pytest

from debugcapture.errors import BadInput
from debugcapture.settings.declare import read
from debugcapture.steps.upload import UploadStep

KEYS = [
    "age1abc",
    "age1abc\nage1def\n",
    "\n  age1abc  \r\n\nssh-ed25519 AAAA+/= jane doe@example.com\nssh-rsa AAAA",
    "",
]


@pytest.mark.parametrize("text", KEYS)
def test_public_keys_are_one_per_line(text: str) -> None:
    read(UploadStep, {"encrypt_to": text})


@pytest.mark.parametrize(
    "text", ["age1a" * 26 + "!", "ssh-rsa A " * 26 + "\r!", "age1abc AGE-SECRET-KEY-1", "age1a age1b"]
)
def test_wrong_public_keys_are_refused(text: str) -> None:
    """A check whose time doubles with each key would not end."""
    with pytest.raises(BadInput, match="encrypt_to must be"):
        read(UploadStep, {"bundle": "/b", "encrypt_to": text})
