"""redaction/: the time for a text grows with its length, whatever a container writes."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from debugcapture.collectors.processes import parse
from debugcapture.listings.nodes import guess_runtime
from debugcapture.pagerduty.alerts import find_candidates
from debugcapture.pagerduty.senders import load_senders
from debugcapture.redaction.credentials import NAME_WORDS
from debugcapture.redaction.keys import ENCODED_BEGIN
from debugcapture.redaction.marks import MARKS
from debugcapture.redaction.pods import masked_pod
from debugcapture.redaction.redactor import Redactor
from debugcapture.redaction.tokens import tokens_by_start
from debugcapture.settings.encryption import EncryptionSettings
from debugcapture.text import without_queries
from tests.unit.linear import assert_linear

KEY_BEGIN, KEY_END = b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----"
# One literal of each kind, as written in text, is tried in all ways.
KINDS = (
    b"token", b"tokens", b"pwd", b"auth", b"api_key", b"cookie", b"authorization", b"authorization: digest ",
    b"<password", b"(b'token', ", b"://", b"@tcp(", b"eyJaaaaaaaa", b"-eyJ", b"LS0tLS1CRUdJTiBSU0Eg", b"ghp_",
    b"login -p", KEY_BEGIN,
)  # fmt: skip
LITERALS = (*NAME_WORDS, *MARKS, *tokens_by_start(), ENCODED_BEGIN, KEY_END)

# What follows or separates repeated literals: every character that a form treats in its own way.
JOINTS = (
    b"", b"a", b"-", b".", b" ", b"=", b": ", b"=a", b":a", b'="', b"=\\", b'"', b"'", b"\\", b"[", b"{", b"(", b"<",
    b">", b"@", b"/", b"\n", b"\n ", b"\0", b"&", b"|\n ", b"\x1b[0m", b"aaaaaaaa.", b',"value":"',
    b"=[", b"={", b': {"',
)  # fmt: skip
FILLERS = (
    b" ",
    b"\t",
    b"\\",
    b"a",
    b"-",
    b".",
    b'"',
    b"=",
    b"[",
    b"{",
    b"\n ",
    b'\\"',
    b"a.",
    b"\x1b[0m",
    b"' ",
    b"{'a':",
)


def mask(text: bytes) -> None:
    redactor = Redactor()
    redactor.feed(text)
    redactor.finish()


@pytest.mark.parametrize("literal", KINDS)
def test_many_repeats_of_a_literal_take_time_in_proportion(literal: bytes) -> None:
    for joint in JOINTS:
        assert_linear(mask, b"-" + literal + joint, b"!")


@pytest.mark.parametrize("literal", LITERALS)
def test_every_literal_takes_time_in_proportion(literal: bytes) -> None:
    for joint in (b"", b"=", b"-a.", b" '"):
        assert_linear(mask, literal + joint)


@pytest.mark.parametrize("literal", KINDS)
def test_one_literal_before_a_long_run_takes_time_in_proportion(literal: bytes) -> None:
    for filler in FILLERS:
        for start in (b"", b'="', b": {"):

            def mask_after_start(text: bytes, start: bytes = start) -> None:
                mask(literal + start + text)

            assert_linear(mask_after_start, filler, b"!")


def mask_argument(text: bytes) -> None:
    masked_pod({"metadata": {"name": "p"}, "spec": {"args": [f"--{text.decode()}", "x"]}})


def find_in_alert(text: bytes) -> None:
    find_candidates([{"summary": text.decode()}], load_senders())


def read_recipients(text: bytes) -> None:
    (field,) = fields(EncryptionSettings)
    assert not re.fullmatch(field.metadata["rule"].pattern, text.decode())


def guess(text: bytes) -> None:
    words = text.decode()
    guess_runtime({"image": words, "command": [words], "env": [{"name": words}]})


@pytest.mark.parametrize("unit", [b"age1", b"age1a\n", b"ssh-rsa ", b" ", b"\n"])
def test_a_list_of_recipients_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(read_recipients, unit, b"!")


@pytest.mark.parametrize("unit", [b"token", b"secret-", b"--token", b"api_key", b"passw.", b"--", b"a"])
def test_an_argument_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(mask_argument, unit, b"!")


@pytest.mark.parametrize("unit", [b"http://", b"https://a", b"http://a ", b"http://a?", b"?"])
def test_an_error_message_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(lambda text: without_queries(text.decode()), unit)


@pytest.mark.parametrize("unit", [b"\nS 1", b"\nP 1 2 3 4 x", b"HAS a\n", b"\nOWN", b"\nM /a", b"\n", b"P ", b"HAS "])
def test_a_list_of_processes_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(lambda text: parse(text.decode()), unit)


@pytest.mark.parametrize("unit", [b"java", b"JAVA_TOOL_OPTIONS", b"python3.", b"PYTHON", b"node", b"php-fpm", b"a/"])
def test_the_spec_of_a_pod_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(guess, unit, b"!")


@pytest.mark.parametrize("unit", [b"pod=a", b"pod", b"a-", b"namespace: a ", b"x" * 63 + b" ", b'{"a":'])
def test_an_alert_takes_time_in_proportion(unit: bytes) -> None:
    assert_linear(find_in_alert, unit)
