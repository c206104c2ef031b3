"""signature.py: only signed manifests are valid. tests/stores/test_verify.py compares with ssh-keygen."""

from __future__ import annotations

import base64
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko import RSAKey
from paramiko.ed25519key import Ed25519Key

from debugcapture.errors import BadInput
from debugcapture.stores.signature import (
    InvalidSignature,
    is_trusted,
    load_signing_key,
    public_key,
    sign,
    signer_of,
)

# Made for this test with ssh-keygen.
PRIVATE = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAwNvG9JpgBGjOJCALh/qoMCsvIhY5qtBRFk5tiwXp52AAAAIjPR+RSz0fk
UgAAAAtzc2gtZWQyNTUxOQAAACAwNvG9JpgBGjOJCALh/qoMCsvIhY5qtBRFk5tiwXp52A
AAAEBlk1LhX1PDcdGdM5MMU5qBvIKtWRGnHUucEofkzrjuaDA28b0mmAEaM4kIAuH+qgwK
y8iFjmq0FEWTm2LBennYAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
"""
CONTENT = b'{"capture_id": "x"}'


@pytest.fixture(scope="module")
def key() -> Ed25519Key:
    return load_signing_key(PRIVATE)


def test_the_signer_of_a_signed_text_is_known(key: Ed25519Key) -> None:
    signature = sign(CONTENT, key)
    assert signature == sign(CONTENT, key), "an upload that starts again stores the same file"
    assert max(map(len, signature.splitlines())) == 70
    signer = signer_of(CONTENT, signature)
    assert signer == public_key(key)
    assert is_trusted(signer, ["ssh-ed25519 AAAA other", f"{signer} me@laptop"])
    assert not is_trusted(signer, ["ssh-ed25519 AAAA other"])


def test_another_text_is_not_signed(key: Ed25519Key) -> None:
    with pytest.raises(InvalidSignature, match="the manifest was changed after it was signed"):
        signer_of(CONTENT + b" ", sign(CONTENT, key))


def test_a_signature_for_another_purpose_is_not_valid(key: Ed25519Key, monkeypatch: pytest.MonkeyPatch) -> None:
    from debugcapture.stores import signature as module

    with monkeypatch.context() as other:
        other.setattr(module, "NAMESPACE", "git")
        signature = sign(CONTENT, key)
    with pytest.raises(InvalidSignature, match="not a signature for debug-capture"):
        signer_of(CONTENT, signature)


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_signature_has_no_other_signer(noise: bytes, position: int, value: int) -> None:
    key = load_signing_key(PRIVATE)
    blob = bytearray(base64.b64decode("".join(sign(CONTENT, key).splitlines()[1:-1])))
    blob[position % len(blob)] ^= value or 1
    for damaged in (bytes(blob), noise):
        text = f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(damaged).decode()}\n-----END SSH SIGNATURE-----\n"
        with pytest.raises(InvalidSignature):
            signer_of(CONTENT + b" ", text)
        # paramiko reads a length that is too large as the rest, so that some damage changes nothing.
        with suppress(InvalidSignature):
            assert signer_of(CONTENT, text) == public_key(key)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n%\n-----END SSH SIGNATURE-----"])
def test_other_text_is_not_a_signature(text: str) -> None:
    with pytest.raises(InvalidSignature):
        signer_of(CONTENT, text)


def other_keys() -> list[str]:
    rsa, file = RSAKey.generate(2048), io.StringIO()
    rsa.write_private_key(file)
    return ["", "hunter2", file.getvalue(), PRIVATE[:150]]


@pytest.mark.parametrize("text", other_keys(), ids=["blank", "text", "rsa", "cut"])
def test_another_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(BadInput, match="cannot read sign_with: it is not an Ed25519 private key") as caught:
        load_signing_key(text)
    assert "hunter2" not in str(caught.value)
