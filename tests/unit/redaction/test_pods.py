"""pods.py: a pod, or any other object, is shown without its credentials."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.model import Json
from tests.unit.builders import container, pod
from tests.unit.redaction.masking import (
    MASK,
    masked_pod,
    masked_text,
)

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
def test_a_harmless_variable_is_not_masked(variable: Json) -> None:
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
def test_text_that_looks_like_a_credential_is_masked(text: str, expected: str) -> None:
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
def test_text_that_is_not_a_credential_is_not_changed(text: str) -> None:
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


def test_repetition_of_the_spec_is_left_out() -> None:
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
def test_names_that_only_resemble_a_secret_are_not_masked(text: str) -> None:
    assert masked_text(text) == text
