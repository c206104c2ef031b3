"""tests/unit mirrors the package: each module has a test file with its name, or the table says which file tests it."""

from __future__ import annotations

import pytest

from lab.paths import REPO

PACKAGE, TESTS = REPO / "contents" / "debugcapture", REPO / "tests"
MODULES = sorted(
    file.relative_to(PACKAGE).as_posix()
    for file in PACKAGE.rglob("*.py")
    if file.name not in ("__init__.py", "__main__.py")
)

# Groups of settings without logic: declarations, which are tested together
SETTINGS = (
    *("azure", "capture", "cluster", "command", "debug_container", "evidence", "explain", "fleet", "links", "listings"),
    *("restart", "result", "s3", "sftp", "signing", "spool", "verify"),
)
ELSEWHERE = {
    # Data without logic
    "actions.py": "unit/collectors/test_plan.py",
    "picture.py": "unit/findings/pictures",
    **{f"settings/{name}.py": "unit/settings/test_declare.py" for name in SETTINGS},
    "settings/incident.py": "unit/incident/test_alert_targets.py",
    "settings/target.py": "unit/settings/test_forms.py",
    "steps/providers.py": "unit/tools/test_generate.py",
    "cli/commands.py": "unit/cli/test_main.py",
    "stores/base.py": "unit/stores/test_registry.py",
    "targets/problem.py": "unit/targets/test_health.py",
    "findings/subject.py": "unit/findings/test_explain.py",
    "findings/subjects.py": "unit/findings/test_explain.py",
    "findings/rules/kube.py": "unit/findings/parsers/test_kube.py",
    # Parts of a parser or a comparison, tested through the one that combines them
    "findings/comparison/facts.py": "unit/findings/comparison/test_differences.py",
    "findings/regex_set.py": "unit/findings/rules/test_log.py",
    "findings/parsers/log_model.py": "unit/findings/rules/test_log.py",
    "findings/parsers/log_scan.py": "unit/findings/rules/test_log.py",
    "findings/parsers/jvm_gc_model.py": "unit/findings/rules/test_jvm_gc_java8.py",
    "findings/parsers/jvm_model.py": "unit/findings/parsers/test_jvm_thread_dump.py",
    "findings/parsers/jvm_thread_file.py": "unit/findings/parsers/test_jvm_thread_dump.py",
    "findings/parsers/kube_objects.py": "unit/findings/parsers/test_kube.py",
    "findings/parsers/kube_text.py": "unit/findings/parsers/test_kube.py",
    "findings/parsers/pcap.py": "unit/findings/rules/test_packets.py",
    "findings/parsers/pcap_packets.py": "unit/findings/rules/test_packets.py",
    "findings/parsers/sections.py": "unit/findings/rules/test_process_limits.py",
    # Parsers of files that have rules under another name
    "findings/parsers/disk_file.py": "unit/findings/rules/test_disk.py",
    "findings/parsers/metrics_file.py": "unit/findings/rules/test_metrics.py",
    "findings/parsers/network_file.py": "unit/findings/rules/test_network.py",
    "findings/parsers/process_file.py": "unit/findings/rules/test_process_limits.py",
    "findings/parsers/release_diff.py": "unit/findings/rules/test_release.py",
    # What several rules share
    "findings/rules/across_rollout.py": "unit/findings/test_across_files.py",
    "findings/rules/jvm_activity.py": "unit/findings/rules/test_jvm_io.py",
    "findings/rules/kube_image_causes.py": "unit/findings/rules/test_kube_images.py",
    "findings/rules/kube_words.py": "unit/findings/rules/test_kube_containers.py",
    "findings/pictures/profiles.py": "unit/findings/test_explain.py",
    # Parts of a capture, tested through the function that combines them
    "capture/evidence.py": "unit/capture/test_tools.py",
    "capture/probe.py": "unit/capture/test_collect_processes.py",
    "capture/readers.py": "unit/capture/test_collect.py",
    "steps/attach.py": "unit/steps/test_command.py",
    "steps/capture_run.py": "unit/steps/test_capture.py",
    "steps/options_server.py": "unit/listings/test_server.py",
    "incident/notify.py": "unit/steps/test_incident_note.py",
    "pagerduty/client.py": "unit/pagerduty/test_api.py",
    "pagerduty/events.py": "lab/test_pagerduty_conformance.py",
    "pagerduty/facts.py": "unit/pagerduty/test_alerts.py",
    # Parts of the search for credentials, tested through the function that combines them
    "redaction/keys.py": "unit/redaction/test_redactor.py",
    "redaction/marks.py": "unit/redaction/test_credentials.py",
    "redaction/notations.py": "unit/redaction/test_credentials.py",
    "redaction/values.py": "unit/redaction/test_credentials.py",
    # Tested against real servers
    "fleet/controller.py": "cluster/test_in_cluster.py",
    "fleet/worker.py": "cluster/test_in_cluster.py",
    "steps/doctor.py": "cluster/test_doctor.py",
    "steps/nodes.py": "cluster/test_nodes.py",
    "steps/options.py": "cluster/test_options.py",
    "steps/restart.py": "cluster/test_restarts.py",
    "stores/presigned.py": "cluster/test_direct.py",
    "stores/s3/growing.py": "stores/test_s3_growing.py",
    "stores/s3/presigned.py": "stores/test_s3_direct.py",
    "stores/s3/upload.py": "stores/test_s3.py",
    "stores/sftp/ssh.py": "stores/test_sftp_login.py",
    "stores/sftp/store.py": "stores/test_sftp.py",
    "stores/sftp/sync.py": "stores/test_sftp_login.py",
    "stores/azure/store.py": "stores/test_azure.py",
}


def mirrors_of(module: str) -> list[str]:
    """The test files with the name of a module. A parser may be tested with the rules of its name, on whole files."""
    folder, _, name = module.rpartition("/")
    folders = [folder, "findings/rules"] if folder == "findings/parsers" else [folder]
    return [f"unit/{folder}/test_{name}".replace("//", "/") for folder in folders]


def has_mirror(module: str) -> bool:
    return any((TESTS / mirror).exists() for mirror in mirrors_of(module))


@pytest.mark.parametrize("module", ELSEWHERE)
def test_each_entry_is_needed_and_names_existing_tests(module: str) -> None:
    assert module in MODULES
    assert (TESTS / ELSEWHERE[module]).exists()
    assert not has_mirror(module)


def test_each_module_is_tested_by_a_file_of_its_name_or_by_one_in_the_table() -> None:
    assert mirrors_of("kube/client.py") == ["unit/kube/test_client.py"]
    assert mirrors_of("text.py") == ["unit/test_text.py"]
    assert mirrors_of("findings/parsers/pcap.py")[1] == "unit/findings/rules/test_pcap.py"
    unmatched = [module for module in MODULES if module not in ELSEWHERE]
    assert len(unmatched) > 200
    assert [module for module in unmatched if not has_mirror(module)] == []
