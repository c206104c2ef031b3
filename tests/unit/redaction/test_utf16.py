"""utf16.py: text in UTF-16 is masked, and every other byte of it stays."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.redaction.redactor import Redactor, masked_text
from debugcapture.redaction.utf16 import Utf16Redactor, utf16_encoding

ENCODINGS = ("utf-16-le", "utf-16-be")
LINE = "2026-11-30 connect as app, password=hunter2 \u00e9\U0001f600\n"


def masked(text: bytes, encoding: str, chunk_bytes: int) -> bytes:
    redactor = Utf16Redactor(Redactor(), encoding)
    chunks = [redactor.feed(text[start : start + chunk_bytes]) for start in range(0, len(text), chunk_bytes)]
    return b"".join([*chunks, redactor.finish()])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("chunk_bytes", [1, 3, 4096])
def test_a_text_is_masked_wherever_a_chunk_ends(encoding: str, chunk_bytes: int) -> None:
    text = "\ufeff" + LINE * 300
    assert masked(text.encode(encoding), encoding, chunk_bytes).decode(encoding) == masked_text(text)
    assert "hunter2" not in masked_text(text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(raw=st.binary(max_size=300), chunk_bytes=st.integers(1, 50))
def test_bytes_without_a_credential_are_not_changed(encoding: str, raw: bytes, chunk_bytes: int) -> None:
    redactor = Utf16Redactor(Redactor(), encoding)
    chunks = [redactor.feed(raw[start : start + chunk_bytes]) for start in range(0, len(raw), chunk_bytes)]
    output = b"".join([*chunks, redactor.finish()])
    assert output == raw or redactor.count


def test_a_preview_is_in_the_encoding_of_the_text() -> None:
    redactor = Utf16Redactor(Redactor(), "utf-16-le")
    redactor.feed(LINE.encode("utf-16-le"))
    assert redactor.preview().decode("utf-16-le") == masked_text(LINE)


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (codecs.BOM_UTF16_LE + "a".encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + "a".encode("utf-16-be"), "utf-16-be"),
        (LINE.encode("utf-16-le"), "utf-16-le"),
        (LINE.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), ""),
        (b"PATH=/bin\0HOME=/root\0DB_HOST=db\0", ""),
        (LINE.encode(), ""),
        (b"\0" * 64, ""),
        (b"a\0b\0", ""),
        (b"", ""),
    ],
)
def test_an_encoding_is_recognized_by_the_beginning(head: bytes, encoding: str) -> None:
    assert utf16_encoding(head) == encoding
