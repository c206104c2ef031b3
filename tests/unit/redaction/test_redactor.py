"""redactor.py: a text of any length loses its credentials, wherever it is cut, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from copy import deepcopy
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture.errors import BadInput
from debugcapture.model import Json
from debugcapture.redaction import redactor as redact
from debugcapture.redaction.credentials import NAME_WORDS
from debugcapture.redaction.marks import MARKS
from debugcapture.redaction.pods import masked_pod as masked_pod_with_hashes
from debugcapture.redaction.redactor import (
    OVERLAP_BYTES,
    WINDOW_BYTES,
    Redaction,
    redaction,
    without_hashes,
)
from debugcapture.redaction.redactor import masked_text as masked_text_with_hashes
from tests.unit.builders import container, pod
from tests.unit.redaction.forms import FORMS
from tests.unit.redaction.forms import SECRET as FORM_SECRET

SECRET = b"hunter2hunter2hunter2hunter2hunter2"
KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n" + (SECRET + b"\n") * 40 + b"-----END RSA PRIVATE KEY-----"
JWT = b"eyJhbGciOiJIUzI1NiJ9." + SECRET + b".c2lnbmF0dXJl"
MASK = "[masked]"
M = MASK.encode()


def plain(text: bytes) -> bytes:
    return re.sub(rb"\[masked:[0-9a-f]{4}\]", M, text)


def masked_text(text: str) -> str:
    return without_hashes(masked_text_with_hashes(text))


def masked_pod(document: Json) -> Json:
    masked: Json = json.loads(without_hashes(json.dumps(masked_pod_with_hashes(document))))
    return masked


def redacted(text: bytes, own: Redaction | None = None, cuts: tuple[int, ...] = ()) -> tuple[bytes, int]:
    redactor = (own or Redaction()).redactor()
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    pieces = [redactor.feed(memoryview(text)[begin:end]) for begin, end in pairwise(places)]
    return plain(b"".join([*pieces, redactor.finish()])), redactor.count


CREDENTIALS = {
    "assigned": (b"db.password=hunter2 next", b"db.password=%s next"),
    "JSON": (b'{"token" : "hunter2", "user": "bob"}', b'{"token" : "%s", "user": "bob"}'),
    "escaped quote": (rb'{"password":"a\"hunter2","n":1}', b'{"password":"%s","n":1}'),
    "JSON in JSON": (rb'"{\"client_secret\":\"hunter2\"}"', rb'"{\"client_secret\":\"%s\"}"'),
    "quote not closed": (b'password="hunter2 hunter2\nnext', b'password="%s\nnext'),
    "YAML": (b"dbPassword: hunter2\nport: 80", b"dbPassword: %s\nport: 80"),
    "environment of a process": (b"A=1\0DB_PASS=hunter2\0B=2", b"A=1\0DB_PASS=%s\0B=2"),
    "flag": (b"run --api-key hunter2 -v", b"run --api-key %s -v"),
    "flag in a list": (b"['--password', 'hunter2']", b"['--password', '%s']"),
    "basic": (b"Authorization: Basic aHVudGVyMg==\r\nHost: x", b"Authorization: Basic %s\r\nHost: x"),
    "bearer in a map": (b"{Authorization=[Bearer hunter2hunter2], A=1}", b"{Authorization=[Bearer %s], A=1}"),
    "signed request": (b"authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=c\nx", b"authorization: %s\nx"),
    "cookie": (b"Cookie: a=hunter2; b=hunter2\nx", b"Cookie: %s\nx"),
    "connection string": (b"AccountName=a;AccountKey=hunter2==;", b"AccountName=a;AccountKey=%s"),
    "user and password": (b"jdbc:postgresql://app:hunter2@db:5432/x", b"jdbc:postgresql://%s@db:5432/x"),
    "SAS": (b"https://a/b?sv=1&sig=hunter2hunter2%3D&se=2", b"https://a/b?sv=1&sig=%s&se=2"),
    "presigned": (b"?X-Amz-Signature=" + b"0a" * 32 + b"&x=1", b"?X-Amz-Signature=%s&x=1"),
    "JWT": (b"got " + JWT + b" from x", b"got %s from x"),
    "AWS": (b"id AKIAIOSFODNN7EXAMPLE ok", b"id %s ok"),
    "GitHub": (b"push ghp_" + b"a1" * 18, b"push %s"),
    "private key": (b"before\n" + KEY + b"\nafter", b"before\n%s\nafter"),
    "private key in JSON": (
        KEY.replace(b"\n", rb"\n").join([b'{"private_key": "', b'"}']),
        b'{"private_key": "%s"}',
    ),
    "private key without an end": (KEY[:300] + b"\nServer started on port 80\n", b"%s\nServer started on port 80\n"),
}


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
def test_what_tells_of_the_failure_stays(text: bytes) -> None:
    assert redacted(text) == (text, 0)


PIECES = st.sampled_from(
    [text for text, _ in CREDENTIALS.values()] + [b"\n", b" ", b"x", b'"', b"\\", b"password=", b"\xff\0", b"ok " * 9]
)
TEXTS = st.lists(PIECES, max_size=12).map(b"".join)
LINES = b"nothing to see here\n" * (WINDOW_BYTES // 20 + 1)
HOSTILE_BYTES = 50_000
OWN = redaction(r"order-(\d+)" + "\n" + r"^x+$")


@given(TEXTS, st.lists(st.integers(0, 4000), max_size=6))
def test_where_a_text_is_cut_makes_no_difference(text: bytes, cuts: list[int]) -> None:
    assert redacted(text, OWN, tuple(cuts)) == redacted(text, OWN)


@settings(max_examples=150)
@given(TEXTS, st.integers(3_000, 8_200), st.integers(0, 12_000), st.lists(st.integers(0, 20_000), max_size=4))
def test_what_lies_across_the_border_of_a_window_is_masked(
    text: bytes, before: int, after: int, cuts: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "WINDOW_BYTES", 8192)
        patch.setattr(redact, "OVERLAP_BYTES", 4096)
        text_between = LINES[:before] + b"\n" + text + b"\n" + LINES[:after]
        masked, count = redacted(text + b"\n", OWN)  # a backslash before a line break continues the line
        expected = LINES[:before] + b"\n" + masked + LINES[:after]
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
def test_what_is_shown_of_a_text_that_goes_on_has_no_credential(text: bytes, cuts: list[int]) -> None:
    redactor, output, (masked, _) = Redaction().redactor(), b"", redacted(text)
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    for begin, end in pairwise(places):
        output += redactor.feed(text[begin:end])
        for secret in (SECRET, b"hunter2"):
            assert secret in masked or secret not in output + redactor.preview()
    assert plain(output + redactor.finish()) == masked


def test_key_whose_last_line_is_not_whole_is_not_shown() -> None:
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


def test_windows_of_full_size_are_cut_through_no_credential() -> None:
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
def test_a_pattern_that_is_wrong_is_told(patterns: str, reason: str) -> None:
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
for turn in range(160):
    redactor.feed(piece)
    if turn == 40: early = peak()
print(peak() - early)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 2048  # KiB, while 6 MiB more went through


@pytest.mark.parametrize(
    "text",
    [
        b"2026-01-02 INFO TokenService: Refreshed\n",
        b"JwtTokenFilter: rejected, PasswordValidator: Loaded. ApiKeyHandler: ready\n",
        b"com.acme.SecretException: cannot read\n",
    ],
)
def test_a_class_that_says_something_is_no_credential(text: bytes) -> None:
    assert redacted(text) == (text, 0)


@pytest.mark.parametrize("text", [b"TokenService: s3cr3t", b"tokenService=hunter", b"token: Refreshed", b"passwd: abc"])
def test_what_may_be_a_credential_is_masked_although_it_is_named_like_a_class(text: bytes) -> None:
    assert redacted(text)[1] == 1


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(x+x+)+y", r"(.*a){12}"])
def test_a_pattern_that_would_never_end_in_pythons_engine_masks_in_linear_time(pattern: str) -> None:
    own = redaction(pattern)
    for line in (b"a" * 5000, b"x" * 5000):
        assert redacted(line + b"!\n", own)[0].endswith(b"\n")


@pytest.mark.parametrize("pattern", ["(?=x)", "(?<!x)y", r"(a)\1", "(", "a{1001}"])
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match="redact_patterns: .* is not a valid regular expression: .*Lookaround"):
        redaction(pattern)


JWT_TEXT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJl"
PRIVATE_KEY_TEXT = "-----BEGIN RSA PRIVATE KEY-----\nhunter2\nhunter2\n-----END RSA PRIVATE KEY-----"


def with_env(*env: Json) -> Json:
    return pod(spec={"containers": [container(env=list(env))]})


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "db.passwd",
        "PGPWD",
        "CLIENT_SECRET",
        "GITHUB_TOKEN",
        "API_KEY",
        "apikey",
        "STRIPE-API-KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "SSH_PRIVATE_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS_JSON",
        "Authorization",
        "SENTRY_DSN",
        "AZURE_CONNECTION_STRING",
        "ConnectionString",
        "SESSION_JWT",
    ],
)
def test_variable_with_a_secret_name_is_masked(name: str) -> None:
    masked = masked_pod(with_env({"name": name, "value": "hunter2"}))
    assert masked["spec"]["containers"][0]["env"] == [{"name": name, "value": MASK}]


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "LOG_LEVEL", "value": "debug"},
        {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx512m -XX:+UseG1GC"},
        {"name": "DB_URL", "value": "postgres://db.example:5432/shop?sslmode=require"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"name": "DB_PASSWORD", "value": ""},
    ],
    ids=["level", "options", "URL", "reference", "blank"],
)
def test_variable_that_helps_stays(variable: Json) -> None:
    assert masked_pod(with_env(variable)) == with_env(variable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://shop:hunter2@db:5432/shop", f"postgres://{MASK}@db:5432/shop"),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("key=ASIAIOSFODNN7EXAMPLE,", f"key={MASK},"),
        (f"cookie {JWT_TEXT};", f"cookie {MASK};"),
        (f"a {PRIVATE_KEY_TEXT} b", f"a {MASK} b"),
        (PRIVATE_KEY_TEXT[:-30], MASK),
        ("-H 'X: Bearer hunter2hunter2'", f"-H 'X: Bearer {MASK}'"),
        ("--db-password=hunter2 --port=80", f"--db-password={MASK} --port=80"),
        ("--db-password hunter2 --port=80", f"--db-password {MASK} --port=80"),
        ("-Dapp.token=hunter2", f"-Dapp.token={MASK}"),
        ("export API_KEY=hunter2; run", f"export API_KEY={MASK} run"),
        ("password: hunter2\nport: 80", f"password: {MASK}\nport: 80"),
        ("PASSWORD:\n  hunter2", f"PASSWORD:\n  {MASK}"),
    ],
    ids=[
        "URL",
        "AWS key",
        "AWS session",
        "JWT_TEXT",
        "private key",
        "cut private key",
        "bearer",
        "argument",
        "argument apart",
        "property",
        "shell",
        "YAML",
        "next line",
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, expected: str) -> None:
    assert masked_text(text) == expected
    assert "hunter2" not in masked_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exit code 137 (OOMKilled)",
        "http://metrics:9090/api",
        "pod@sha256:0123456789abcdef",
        "2026-01-02T12:00:00Z",
        "key=value",
        "-----BEGIN CERTIFICATE-----",
        "automountServiceAccountToken",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert masked_text(text) == text


def test_secrets_are_found_at_any_depth() -> None:
    deep = pod(
        metadata={"annotations": {"note": "--token=hunter2"}},
        spec={
            "containers": [
                container(
                    command=["sh", "-c", "PASSWORD=hunter2 run"],
                    livenessProbe={"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "Basic hunter2"}]}},
                )
            ],
            "initContainers": [container("setup", env=[{"name": "TOKEN", "value": "hunter2"}])],
        },
        status={"message": "redis://u:hunter2@cache refused"},
    )
    assert "hunter2" not in str(masked_pod(deep))


def test_what_repeats_the_whole_spec_is_left_out() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "shop"}
    masked = masked_pod(pod(metadata={"managedFields": [{"manager": "kubectl"}], "annotations": annotations}))
    assert "managedFields" not in masked["metadata"]
    assert masked["metadata"]["annotations"] == {"team": "shop"}


def test_pod_itself_is_not_changed() -> None:
    original = with_env({"name": "TOKEN", "value": "hunter2"})
    before = deepcopy(original)
    masked_pod(original)
    assert original == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_json_can_be_masked(value: object) -> None:
    assert masked_pod({"metadata": {}, "spec": value})["metadata"] == {}


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hunter2@redis:6379/0",
        "postgres://u:p@hunter2@db/x",
        "https://hunter2@github.com/x.git",
        '{"spring.datasource.password":"hunter2"}',
        'PASSWORD="hunter2 hunter2"',
        "signing-key: hunter2",
    ],
)
def test_no_form_of_a_credential_is_left(text: str) -> None:
    assert "hunter2" not in masked_text(text)


@pytest.mark.parametrize("name", ["DB_PASS", "MYSQL_PASS", "KEY_PASSPHRASE", "ENCRYPTION_KEY", "SIGNING_KEY"])
def test_a_variable_whose_name_says_secret_is_masked(name: str) -> None:
    variable = {"name": name, "value": "hunter2"}
    assert masked_pod({"metadata": {}, "spec": [variable]})["spec"] == [{"name": name, "value": MASK}]


def test_an_argument_behind_a_secret_flag_is_masked() -> None:
    arguments = ["--db-password", "hunter2", "--port", "80"]
    assert masked_pod({"metadata": {}, "args": arguments})["args"] == ["--db-password", MASK, "--port", "80"]


@pytest.mark.parametrize("text", ["-Xmx64m -XX:+UseSerialGC", "/var/run/secrets/x", "node passed", "secretName"])
def test_what_only_sounds_like_a_secret_is_left(text: str) -> None:
    assert masked_text(text) == text
