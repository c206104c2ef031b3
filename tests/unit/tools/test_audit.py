"""tools/audit.py reports success only if an audit service had data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.audit import FOUND, NONE_FOUND, NOT_AUDITED, audit

BAD: dict[str, object] = {"id": "CVE-1", "fix_versions": ["2"]}


def report(*vulnerabilities: dict[str, object], **package: object) -> str:
    return json.dumps({"dependencies": [{"name": "p", "version": "1", "vulns": list(vulnerabilities), **package}]})


@pytest.mark.parametrize(
    ("probe", "locked", "code", "message"),
    [
        (report(BAD), report(), NONE_FOUND, "pypi reports no vulnerabilities"),
        (report(BAD), report(BAD), FOUND, "p 1: CVE-1, fixed in 2"),
        (report(), report(), NOT_AUDITED, "it has no data"),
        (
            "ERROR: connection refused",
            report(),
            NOT_AUDITED,
            "NOT AUDITED: no audit service was reachable (pypi: ERROR",
        ),
        ("", report(), NOT_AUDITED, "no output"),
        (report(skip_reason="not found"), report(), NOT_AUDITED, "it does not know p"),
        (report(BAD), "Traceback", NOT_AUDITED, "NOT AUDITED: pypi failed: Traceback"),
        (report(BAD), report(skip_reason="not found"), NOT_AUDITED, "NOT AUDITED: pypi failed"),
    ],
    ids=["none", "one", "no data", "refused", "no output", "unknown probe", "invalid report", "unknown package"],
)
def test_the_audit_succeeds_only_if_a_service_has_data(probe: str, locked: str, code: int, message: str) -> None:
    lock = Path("requirements.lock")
    exit_code, lines = audit([lock], lambda _service, file: locked if file == lock else probe)
    assert exit_code == code
    assert message in "\n".join(lines)
