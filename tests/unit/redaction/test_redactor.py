"""redactor.py: a text of any length loses its credentials, wherever it is cut, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture.errors import BadInput
from debugcapture.redaction import redactor as redact
from debugcapture.redaction.credentials import NAME_WORDS
from debugcapture.redaction.marks import MARKS
from debugcapture.redaction.redactor import (
    OVERLAP_BYTES,
    WINDOW_BYTES,
    Redaction,
    redaction,
    without_hashes,
)
from tests.unit.redaction.forms import FORMS
from tests.unit.redaction.forms import SECRET as FORM_SECRET
from tests.unit.redaction.masking import (
    CREDENTIALS,
    MASK,
    SECRET,
    M,
    masked_text,
    plain,
    redacted,
)


@pytest.mark.parametrize(("text", "expected"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_is_masked_and_counted(text: bytes, expected: bytes) -> None:
    assert redacted(text) == (expected.replace(b"%s", M), 1)


@pytest.mark.parametrize(
    "text",
    [
        b"\tat com.acme.TokenFilter.doFilter(TokenFilter.java:51)\n",
        b"main.go:12 auth/token.go:88 +0x1d\n    at check (/app/secret.js:10:15)\n",
        b'"token-refresher" #23 daemon prio=5 os_prio=0 cpu=1.20ms elapsed=9.1s tid=0x00007f waiting\n',
        b"2026-01-02 INFO 1 --- [main] c.acme.SecretService     : Refreshed in 5 ms\n",
        b"secretName: checkout-db\ntokenPath: /var/run/secrets/token\nautomountServiceAccountToken: false\n",
        b"imagePullSecrets:\n- name: registry\nsecret:\n  secretName: a\nsecretKeyRef:\n  key: password\n",
        b"max_tokens=512 total_tokens: 99\n",
        b'PWD=/app\nOLDPWD=/\n{"key": "order-1", "monkey": "x"}\n',
        b"GET https://api.example.com:443/v1/orders?q=a@b compass: north bypass=true token=null\n",
        b"asia-east1 xoxo npm_config_cache=/x passed: 3 basic authentication\n",
    ],
)
def test_text_about_the_failure_is_not_changed(text: bytes) -> None:
    assert redacted(text) == (text, 0)


PIECES = st.sampled_from(
    [text for text, _ in CREDENTIALS.values()] + [b"\n", b" ", b"x", b'"', b"\\", b"password=", b"\xff\0", b"ok " * 9]
)
TEXTS = st.lists(PIECES, max_size=12).map(b"".join)
LINES = b"nothing to see here\n" * (WINDOW_BYTES // 20 + 1)
HOSTILE_BYTES = 20_000
OWN = redaction(r"order-(\d+)" + "\n" + r"^x+$")


@given(TEXTS, st.lists(st.integers(0, 4000), max_size=6))
def test_the_size_of_chunks_makes_no_difference(text: bytes, cuts: list[int]) -> None:
    assert redacted(text, OWN, tuple(cuts)) == redacted(text, OWN)


@settings(max_examples=150)
@given(TEXTS, st.integers(3_000, 8_200), st.integers(0, 12_000), st.lists(st.integers(0, 20_000), max_size=4))
def test_a_credential_across_the_border_of_a_window_is_masked(
    text: bytes, before: int, after: int, cuts: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "WINDOW_BYTES", 8192)
        patch.setattr(redact, "OVERLAP_BYTES", 4096)
        text_between = LINES[:before] + b"\n" + text + b"\n" + LINES[:after]
        # The text and what follows it: a backslash before a line break continues the line.
        masked, count = redacted(text + b"\n" + LINES[:after], OWN)
        expected = LINES[:before] + b"\n" + masked
        assert redacted(text_between, OWN, tuple(cuts)) == (expected, count)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_across_the_border_of_a_window_is_masked_as_elsewhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "WINDOW_BYTES", 8192)
    monkeypatch.setattr(redact, "OVERLAP_BYTES", 4096)
    text = b"\n" + FORMS[name].replace("¤", FORM_SECRET).encode() + b"\n"
    expected, count = redacted(text)
    for offset in (0, 3, 11, 29, 60, 120, len(text) - 2):
        filler = LINES[: 4096 - offset]
        assert redacted(filler + text + LINES[:9000]) == (filler + expected + LINES[:9000], count)


PGP = (
    b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n"
    + SECRET
    + b"\n-----END PGP PRIVATE KEY BLOCK-----\n"
)


@given(st.lists(st.one_of(PIECES, st.just(PGP)), max_size=8).map(b"".join), st.lists(st.integers(0, 4000), max_size=6))
def test_preview_of_an_unfinished_text_has_no_credential(text: bytes, cuts: list[int]) -> None:
    redactor, output, (masked, _) = Redaction().redactor(), b"", redacted(text)
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    for begin, end in pairwise(places):
        output += redactor.feed(text[begin:end])
        for secret in (SECRET, b"hunter2"):
            assert secret in masked or secret not in output + redactor.preview()
    assert plain(output + redactor.finish()) == masked


def test_key_whose_last_line_is_incomplete_is_not_shown() -> None:
    redactor = Redaction().redactor()
    assert redactor.feed(b"before\n" + PGP[:-1]) == b""
    assert plain(redactor.preview()) == b"before\n"
    assert plain(redactor.preview(b"\n")) == b"before\n" + M + b"\n"


def test_whole_lines_are_shown_and_a_key_when_it_has_ended() -> None:
    redactor = Redaction().redactor()
    assert redactor.feed(b"started\npassword=hunter2\nhalf a li") == b""
    assert plain(redactor.preview()) == b"started\npassword=" + M + b"\n"
    assert plain(redactor.preview(b"ne\n")) == b"started\npassword=" + M + b"\nhalf a line\n"
    begin, end = PGP[:80], PGP[80:]
    redactor.feed(b"ne\n" + begin)
    assert plain(redactor.preview()).endswith(b"half a line\n")
    redactor.feed(end + b"after\n")
    assert plain(redactor.preview()).endswith(b"half a line\n" + M + b"\nafter\n")


def test_nothing_is_shown_where_patterns_of_the_user_may_span_lines() -> None:
    redactor = redaction(r"begin[^.]*end").redactor()
    redactor.feed(b"begin\nhunter2\n")
    assert plain(redactor.preview()) == b""


def test_windows_of_full_size_do_not_split_a_credential() -> None:
    text, expected = CREDENTIALS["private key"]
    filler = LINES[: WINDOW_BYTES - OVERLAP_BYTES - 300]
    assert redacted(filler + text + LINES) == (filler + expected.replace(b"%s", M) + LINES, 1)


@given(TEXTS)
def test_masking_again_changes_nothing_but_what_masks_have_joined(text: bytes) -> None:
    once, _ = redacted(text)
    assert SECRET not in once
    twice, _ = redacted(once)
    assert redacted(twice)[0] == twice


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_masked(text: bytes) -> None:
    masked, count = redacted(text)
    assert masked == text if not count else M in masked


HOSTILE = st.lists(
    st.sampled_from(
        [
            *NAME_WORDS,
            *MARKS,
            b"-----BEGIN PRIVATE KEY-----",
            b"=",
            b":",
            b'"',
            b"'",
            b"\\",
            b" ",
            b"\n  ",
            b"a",
            b".",
            b"@",
        ]
    ),
    min_size=1,
    max_size=5,
).map(b"".join)


@settings(max_examples=30)
@given(HOSTILE)
def test_no_line_is_slow(unit: bytes) -> None:
    """Where a form could match in more than one way, this would not end."""
    text = (unit * (HOSTILE_BYTES // len(unit) + 1))[:HOSTILE_BYTES]
    assert redacted(text, cuts=(1, 5000)) == redacted(text)


@pytest.mark.parametrize(
    ("patterns", "text", "expected"),
    [
        (r"order-(\d+)", b"order-17 of order-18", b"order-%s of order-%s"),
        (r"\d{4}-\d{4}", b"card 1234-5678.", b"card %s."),
        ("a+b\n\n  c+  ", b"aab ccc", b"%s %s"),
        (r"(?i)(?:id)=(\w+)", b"ID=x", b"ID=%s"),
    ],
)
def test_patterns_of_the_user_mask_their_group_or_all(patterns: str, text: bytes, expected: bytes) -> None:
    assert redacted(text, redaction(patterns))[0] == expected.replace(b"%s", M)


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        ("ok\n(open", r"'\(open' is not a valid regular expression: missing \)"),
        ("x*", r"'x\*' matches the empty string"),
    ],
)
def test_a_pattern_that_is_wrong_is_reported(patterns: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        redaction(patterns)


def test_a_line_is_masked_too() -> None:
    assert without_hashes(redaction("").line("exit code 1: password=hunter2")) == f"exit code 1: password={MASK}"
    assert masked_text("é password=hunter2 é") == f"é password={MASK} é"


def test_memory_is_flat() -> None:
    program = """
import resource, sys
from debugcapture.redaction.redactor import Redactor
redactor, piece = Redactor(), b'{"level":"info","token":"abc","message":"order placed"}\\n' * 1000
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for turn in range(85):
    redactor.feed(piece)
    if turn == 15: early = peak()
print(peak() - early)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 1024  # KiB, while 3.7 MiB more went through


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(x+x+)+y", r"(.*a){12}"])
def test_a_pattern_that_backtracks_in_pythons_engine_masks_in_linear_time(pattern: str) -> None:
    own = redaction(pattern)
    for line in (b"a" * 5000, b"x" * 5000):
        assert redacted(line + b"!\n", own)[0].endswith(b"\n")


@pytest.mark.parametrize("pattern", ["(?=x)", "(?<!x)y", r"(a)\1", "(", "a{1001}"])
def test_a_pattern_that_could_run_forever_is_rejected(pattern: str) -> None:
    with pytest.raises(BadInput, match="redact_patterns: .* is not a valid regular expression: .*Lookaround"):
        redaction(pattern)
