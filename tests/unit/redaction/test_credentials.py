"""credentials.py: no secret is left in any notation, and ordinary lines stay as they are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from debugcapture.redaction.redactor import masked_text, without_hashes
from tests.unit.redaction.forms import FORMS, ORDINARY, SECRET
from tools.yaml_text import read_yaml

# Around a form, as a log has it. A form of several lines begins a line.
SURROUNDINGS = ("¤", "¤\n", "started\n¤\nstopped\n")
# Lines of real logs, each with a known message or one that is similar.
EXAMPLES = Path(__file__).parents[1] / "findings" / "message_examples.yaml"
# A secret of another alphabet stands in these forms, because the format allows no other.
OTHER_ALPHABET = ("presigned", "presigned by Google", "AWS", "DigitalOcean", "Shopify", "Databricks", "age")


def test_the_tables_are_complete() -> None:
    assert len(FORMS) >= 120
    assert len(ORDINARY) >= 40


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=["alone", "line", "between lines"])
def test_no_secret_is_left(name: str, surroundings: str) -> None:
    text = surroundings.replace("¤", FORMS[name].replace("¤", SECRET))
    masked = masked_text(text)
    assert SECRET not in masked
    assert "[masked:" in masked
    if name in OTHER_ALPHABET:
        assert not re.search(r"(?:0a1b){8}|HUNTER2|QPZRY9X8GF", masked)
    assert masked.startswith("started\n") == surroundings.startswith("started\n")
    assert masked.endswith("\nstopped\n") == surroundings.endswith("\nstopped\n")


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_is_not_changed(line: str) -> None:
    assert masked_text(line) == line
    assert masked_text(f"before\n{line}\nafter\n") == f"before\n{line}\nafter\n"


def test_ordinary_log_messages_are_not_changed() -> None:
    """None of these lines contains a credential. A test of single lines is in `ORDINARY`."""
    examples = read_yaml(EXAMPLES.read_text())
    lines = [line for texts in examples.values() for text in texts.values() for line in text.splitlines()]
    assert len(lines) > 150
    assert [line for line in lines if masked_text(line) != line] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"password":["a","b"],"port":80}', '{"password":["[masked]","[masked]"],"port":80}'),
        ('{"token":{"type":"bearer","value":"a"}}', '{"token":{"type":"bearer","value":"[masked]"}}'),
        ('{"otp":123456,"port":80}', '{"otp":[masked],"port":80}'),
        ("password: |\n  a\n  b\nport: 80\n", "password: |\n  [masked]\nport: 80\n"),
        ("tokens:\n- a\n- b\nport: 80\n", "tokens:\n- [masked]\n- [masked]\nport: 80\n"),
        ("GET /?token=a&page=2 HTTP/1.1", "GET /?token=[masked]&page=2 HTTP/1.1"),
        ("<password>a</password><port>80</port>", "<password>[masked]</password><port>80</port>"),
        ("map[Cookie:[a=b] Accept:[*/*]]", "map[Cookie:[[masked]] Accept:[*/*]]"),
        ("root:pw@tcp(db:3306)/shop", "root:[masked]@tcp(db:3306)/shop"),
    ],
)
def test_the_text_around_a_secret_is_not_changed(text: str, expected: str) -> None:
    assert without_hashes(masked_text(text)) == expected


def test_the_same_secret_has_the_same_mask_in_every_notation() -> None:
    texts = (
        "DB_PASSWORD=hunter2",
        '{"password":"hunter2"}',
        "password: |\n  hunter2\n",
        "?token=hunter2&x=1",
        "a --password hunter2",
    )
    masks = {mask for text in texts for mask in re.findall(r"\[masked:[0-9a-f]{4}\]", masked_text(text))}
    assert len(masks) == 1
    others = {masked_text(f"password=hunter{number}") for number in range(100)}
    assert len(others) > 90


def test_a_mask_shows_nothing_of_the_secret_outside_this_process() -> None:
    """The same secret has another mask in another process, so that passwords cannot be tried against it."""
    program = "from debugcapture.redaction.redactor import mask; print(mask(b'a'), mask(b'b'), mask(b'c'))"
    runs = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 2
