"""tools/audit.py: a package is never called safe if no service was reachable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.audit import FOUND, NONE_KNOWN, NOT_ASKED, audited

BAD: dict[str, object] = {"id": "CVE-1", "fix_versions": ["2"]}


def report(*vulnerabilities: dict[str, object], **package: object) -> str:
    return json.dumps({"dependencies": [{"name": "p", "version": "1", "vulns": list(vulnerabilities), **package}]})


@pytest.mark.parametrize(
    ("host_keys", "locked", "code", "message"),
    [
        (report(BAD), report(), NONE_KNOWN, "pypi reports no vulnerabilities"),
        (report(BAD), report(BAD), FOUND, "p 1: CVE-1, fixed in 2"),
        (report(), report(), NOT_ASKED, "it has no data"),
        ("ERROR: connection refused", report(), NOT_ASKED, "NOT AUDITED: no audit service was reachable (pypi: ERROR"),
        ("", report(), NOT_ASKED, "no output"),
        (report(skip_reason="not found"), report(), NOT_ASKED, "it does not know p"),
        (report(BAD), "Traceback", NOT_ASKED, "NOT AUDITED: pypi failed: Traceback"),
        (report(BAD), report(skip_reason="not found"), NOT_ASKED, "NOT AUDITED: pypi failed"),
    ],
    ids=["none", "one", "no data", "no answer", "nothing", "unknown package", "breaks off", "a package is unknown"],
)
def test_only_who_has_data_can_say_that_all_is_well(host_keys: str, locked: str, code: int, message: str) -> None:
    lock = Path("requirements.lock")
    advisories_found, lines = audited([lock], lambda _service, file: locked if file == lock else host_keys)
    assert advisories_found == code
    assert message in "\n".join(lines)
