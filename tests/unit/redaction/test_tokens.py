"""tokens.py: the formats of vendors in the catalog are masked, and each names its source."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture.redaction.redactor import masked_text, without_hashes
from debugcapture.redaction.tokens import CATALOG, Token, tokens
from tools.yaml_text import read_yaml


@pytest.mark.parametrize("entry", read_yaml(CATALOG.read_text()), ids=lambda entry: entry["id"])
@settings(max_examples=10)
@given(data=st.data())
def test_every_format_of_a_token_is_masked(entry: dict[str, str], data: st.DataObject) -> None:
    token = data.draw(st.from_regex(entry["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii")))
    masked = masked_text(f"used {token} for it")
    assert token not in masked
    assert without_hashes(masked).endswith("[masked] for it")


@pytest.mark.parametrize("token", tokens(), ids=lambda token: token.id)
def test_a_format_of_a_token_names_its_source(token: Token) -> None:
    assert token.source.startswith("https://")
    assert token.starts
