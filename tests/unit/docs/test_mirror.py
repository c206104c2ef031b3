"""tests/unit mirrors the package: each module has a test file with its name, or the table says which file tests it."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from lab.paths import REPO

PACKAGE, TESTS = REPO / "contents" / "debugcapture", REPO / "tests"
MODULES = sorted(
    file.relative_to(PACKAGE).as_posix()
    for file in PACKAGE.rglob("*.py")
    if file.name not in ("__init__.py", "__main__.py")
)

ELSEWHERE = {
    # Data without logic
    "actions.py": "unit/collectors/test_plan.py",
    "picture.py": "unit/findings/pictures",
    "settings/*.py": "unit/settings/test_declare.py",
    "steps/providers.py": "unit/tools/test_generate.py",
    "cli/commands.py": "unit/cli/test_main.py",
    "stores/base.py": "unit/stores/test_registry.py",
    "targets/problem.py": "unit/targets/test_health.py",
    # A parser and its rules are tested together, with evidence as a tool writes it
    "findings/*.py": "unit/findings",
    # Parts of a capture, tested through the function that combines them
    "capture/evidence.py": "unit/capture/test_tools.py",
    "capture/probe.py": "unit/capture/test_collect_processes.py",
    "capture/readers.py": "unit/capture/test_collect.py",
    "steps/*.py": "unit/steps",
    "incident/notify.py": "unit/steps/test_incident_note.py",
    "pagerduty/client.py": "unit/pagerduty/test_api.py",
    "pagerduty/events.py": "lab/test_pagerduty_conformance.py",
    "pagerduty/facts.py": "unit/pagerduty/test_alerts.py",
    "redaction/*.py": "unit/redaction/test_redactor.py",
    # Tested against real servers
    "fleet/controller.py": "cluster/test_in_cluster.py",
    "fleet/worker.py": "cluster/test_in_cluster.py",
    "stores/presigned.py": "cluster/test_direct.py",
    "stores/s3/*.py": "stores/test_s3.py",
    "stores/sftp/*.py": "stores/test_sftp.py",
    "stores/azure/*.py": "stores/test_azure.py",
}


def mirror_of(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"unit/{folder}/test_{name}".replace("//", "/")


@pytest.mark.parametrize("pattern", ELSEWHERE)
def test_each_entry_names_modules_and_existing_tests(pattern: str) -> None:
    assert (TESTS / ELSEWHERE[pattern]).exists()
    assert [module for module in MODULES if fnmatch(module, pattern)]


def test_each_module_is_tested_by_a_file_of_its_name_or_by_one_in_the_table() -> None:
    assert mirror_of("kube/client.py") == "unit/kube/test_client.py"
    assert mirror_of("text.py") == "unit/test_text.py"
    unmatched = [module for module in MODULES if not any(fnmatch(module, pattern) for pattern in ELSEWHERE)]
    assert len(unmatched) > 80
    assert [module for module in unmatched if not (TESTS / mirror_of(module)).exists()] == []
