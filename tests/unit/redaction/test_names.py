"""names.py: which names are those of credentials, and which are those of classes."""

from __future__ import annotations

import pytest

from tests.unit.redaction.masking import (
    redacted,
)


@pytest.mark.parametrize(
    "text",
    [
        b"2026-01-02 INFO TokenService: Refreshed\n",
        b"JwtTokenFilter: rejected, PasswordValidator: Loaded. ApiKeyHandler: ready\n",
        b"com.acme.SecretException: cannot read\n",
    ],
)
def test_a_class_name_is_not_a_credential(text: bytes) -> None:
    assert redacted(text) == (text, 0)


@pytest.mark.parametrize("text", [b"TokenService: s3cr3t", b"tokenService=hunter", b"token: Refreshed", b"passwd: abc"])
def test_what_may_be_a_credential_is_masked_although_it_is_named_like_a_class(text: bytes) -> None:
    assert redacted(text)[1] == 1
