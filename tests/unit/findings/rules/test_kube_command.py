"""Rules about the command of a container: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    by_rule,
    crashed,
    description,
    findings,
    only,
)

SYNTAX = "shell-command-has-a-syntax-error"


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ("serve; while true; do sleep 10; done; fi", '"fi" without "if"'),
        ("if [ -f /x ]; then serve", '"if" without "fi"'),
        ("for x in a b; do echo $x; done; done", '"done" without "do"'),
    ],
)
def test_a_shell_command_that_no_shell_can_read(script: str, wrong: str) -> None:
    finding = only(crashed(2, script=script), SYNTAX)
    assert wrong in finding.title
    assert findings(crashed(2, script=script))[0].rule == SYNTAX


@pytest.mark.parametrize(
    "script",
    [
        "if [ -f /x ]; then serve; fi",
        "echo 'fi'; exit 2",
        "echo done fi",
        "case $1 in a) x;; b) y;; esac; exit 2",
        "# fi",
        "cat <<END\nfi\nEND",
        "echo 'it does not end",
        "",
    ],
)
def test_a_shell_command_that_a_shell_can_read(script: str) -> None:
    assert not by_rule(crashed(2, script=script), SYNTAX)


def test_a_syntax_error_has_exit_code_2() -> None:
    assert not by_rule(crashed(1, script="serve; fi"), SYNTAX)


def test_a_command_that_tests_a_variable() -> None:
    rule = "command-tests-a-missing-variable"
    finding = only(crashed(0, "Completed", script='if [ -z "${SHOP_ENV}" ]; then exit; fi'), rule)
    assert "SHOP_ENV" in finding.title
    assert not by_rule(crashed(0, "Completed", script='if [ -z "$MODE" ]; then exit; fi'), rule)
    assert not by_rule(crashed(0, "Completed", script='X=1; [ -z "$X" ] || exit'), rule)
    assert not by_rule(description(script='if [ -z "$SHOP_ENV" ]; then exit; fi'), rule)
