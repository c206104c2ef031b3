"""The project archive, read as Rundeck's import reads it: by the patterns and names that its documentation gives."""

import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from lab.rundeck.project_import import IMPORTED, imported, job_of
from tools import package
from tools.cloud_jobs import CLOUD
from tools.project_archive import JOBS, WEBHOOKS, Edition, job_list, job_xml, jobs, write_project_archive
from tools.project_ids import DEFAULT_PROJECT, id_in, job_in

ROOT = JOBS.parent
KEYS = ("token", "ca-certificate", "s3-access-key", "s3-secret-key", "pagerduty-token", "other/token")
BY_OPERATORS = {
    "Capture debug state of a pod",
    "Capture debug state of a service",
    "Capture from an incident",
    "Heap dump",
    "Logs and events",
    "Run a diagnostic command",
    "Send captures that are waiting",
    "Open a capture",
    "Renew links",
    "Thread dump",
    "Check the installation",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    goal = tmp_path / "shop.rdproject.jar"
    write_project_archive(goal, Edition("shop"))
    return goal


@pytest.fixture
def cloud_archive(tmp_path: Path) -> Path:
    goal = tmp_path / "shop-cloud.rdproject.jar"
    write_project_archive(goal, Edition("shop", cloud=True))
    return goal


def the_only(archive: Path, kind: str) -> str:
    (content,) = imported(archive, kind).values()
    return content


@pytest.mark.parametrize("folder", [JOBS, CLOUD], ids=["plugin", "cloud"])
def test_each_job_is_imported_as_its_yaml_says(folder: Path, archive: Path, cloud_archive: Path) -> None:
    jobs_before = imported(cloud_archive if folder == CLOUD else archive, "job")
    read = {job["uuid"]: job for job in map(job_of, jobs_before.values())}
    assert read == {id_in("shop", job["uuid"]): job_in("shop", job) for job in jobs(folder)}
    assert all(f"job-{uuid}.xml" in "".join(jobs_before) for uuid in read)


def test_the_cloud_has_no_defaults_of_plugins_and_all_else(archive: Path, cloud_archive: Path) -> None:
    lines = the_only(cloud_archive, "properties").splitlines()
    assert lines == ["project.gui.readme.display=projectHome", "project.gui.motd.display=projectHome"]
    for kind in ("readme", "motd", "policy"):
        assert imported(cloud_archive, kind) == imported(archive, kind)


def test_a_key_that_xml_cannot_express_is_refused() -> None:
    job = next(jobs())
    with pytest.raises(ValueError, match="orchestrator of Capture"):
        job_xml({**job, "orchestrator": {"type": "subset"}})


def test_a_value_that_xml_would_split_is_refused() -> None:
    job = next(job for job in jobs() if job["name"] == "Heap dump")
    with pytest.raises(ValueError, match="value of confirm"):
        job_xml({**job, "options": [{"name": "confirm", "values": ["yes, it may"]}]})


@pytest.mark.parametrize("which", ["archive", "cloud_archive"])
def test_the_webhook_runs_a_job_of_the_archive(which: str, request: pytest.FixtureRequest) -> None:
    archive: Path = request.getfixturevalue(which)
    (hook,) = yaml.safe_load(the_only(archive, "webhooks"))["webhooks"]
    job = yaml.safe_load(hook["config"])["jobId"]
    (document,) = [text for name, text in imported(archive, "job").items() if job in name]
    assert job_of(document)["name"] == "Capture from an incident"
    assert (hook["project"], hook["eventPlugin"]) == ("shop", "webhook-run-job")
    assert not {"user", "roles", "authToken"} & set(hook)  # the importer becomes the owner, and Rundeck makes a token


def test_defaults_are_settings_of_the_steps_and_secrets_are_paths(archive: Path) -> None:
    lines = [line for line in the_only(archive, "properties").splitlines() if line.startswith("project.plugin.")]
    plugin = yaml.safe_load((ROOT / "plugin.yaml").read_text())
    declared = {
        f"project.plugin.{provider['service']}.{provider['name']}.{setting['name']}": setting["renderingOptions"]
        for provider in plugin["providers"]
        for setting in provider["config"]
    }
    for line in lines:
        name, _, value = line.partition("=")
        secret = "storage-path-root" in declared[name]
        assert value.startswith("keys/project/shop/debug-capture/") if secret else not value, line
    used = {command["type"] for job in jobs() for command in job["sequence"]["commands"]}
    on_nodes = {provider["name"] for provider in plugin["providers"] if provider["service"] == "WorkflowNodeStep"}
    assert used | on_nodes <= {line.split(".")[3] for line in lines}


def test_the_project_has_a_node_and_shows_its_pages(archive: Path) -> None:
    lines = the_only(archive, "properties").splitlines()
    assert "resources.source.1.type=local" in lines
    assert {"project.gui.readme.display=projectHome", "project.gui.motd.display=projectHome"} <= set(lines)


def test_no_log_filter_is_without_configuration(archive: Path) -> None:
    """Rundeck reads an empty ``<config />`` as no configuration, and leaves the filter out."""
    for document in imported(archive, "job").values():
        for log_filter in ElementTree.fromstring(document).iter("LogFilter"):
            assert len(log_filter.findall("config/*")) > 0, log_filter.attrib


def test_a_filter_without_configuration_is_refused() -> None:
    job = next(job for job in jobs() if job["name"] == "Heap dump")
    filters = [step["plugins"]["LogFilter"] for step in job["sequence"]["commands"] if "plugins" in step]
    filters[0][0]["config"] = {}
    with pytest.raises(ValueError, match="Rundeck omits a log filter without a configuration"):
        job_xml(job)


def policies_of(archive: Path) -> dict[str, Any]:
    return {Path(name).stem: yaml.safe_load(text) for name, text in imported(archive, "policy").items()}


@pytest.mark.parametrize("group", ["operators", "engineers", "webhook"])
def test_groups_that_run_jobs_may_read_and_run_the_node_of_the_server(group: str, archive: Path) -> None:
    assert policies_of(archive)[group]["for"]["node"] == [{"allow": ["read", "run"]}]


def test_the_node_source_reads_the_keys_of_the_cluster_alone(archive: Path) -> None:
    policy = policies_of(archive)["node-source"]
    assert policy["by"] == {"urn": "project:shop"}
    (rule,) = policy["for"]["storage"]
    assert rule["allow"] == ["read"]
    opened = [name for name in KEYS if re.fullmatch(rule["match"]["path"], f"keys/project/shop/debug-capture/{name}")]
    assert opened == ["token", "ca-certificate"]


def test_operators_may_only_run_jobs_that_change_no_workload(archive: Path) -> None:
    policies = policies_of(archive)
    (rule,) = policies["operators"]["for"]["job"]
    assert {job["name"] for job in jobs() if re.fullmatch(rule["match"]["name"], job["name"])} == BY_OPERATORS
    (rule,) = policies["webhook"]["for"]["job"]
    assert rule["equals"]["name"] in BY_OPERATORS
    assert {job["group"] for job in jobs()} == {rule["equals"]["group"]}
    # Policies of a project take its context; one that names another is not valid.
    assert all("context" not in policy and policy["description"] and policy["by"] for policy in policies.values())


def test_its_keys_are_those_that_the_policy_opens_and_the_page_names(archive: Path) -> None:
    policies = imported(archive, "policy")
    (keys,) = [yaml.safe_load(text) for name, text in policies.items() if name.endswith("keys.aclpolicy")]
    (rule,) = keys["for"]["storage"]
    used = set(re.findall(r"keys/\S+", the_only(archive, "properties")))
    assert all(re.fullmatch(rule["match"]["path"], path) for path in used)
    assert rule["allow"] == ["read"]
    assert all(f"`{path.split('/')[-1]}`" in the_only(archive, "readme") for path in used)


def test_the_page_names_each_job_once_to_run(archive: Path) -> None:
    page = the_only(archive, "readme")
    assert [job["name"] for job in jobs() if f"**{job['name']}**" not in page] == []
    assert "PROJECT" not in page + the_only(archive, "motd")


def test_manifest_names_the_project(archive: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        lines = zipped.read("META-INF/MANIFEST.MF").decode().split("\r\n")
    assert {"Manifest-Version: 1.0", "Rundeck-Archive-Project-Name: shop"} <= set(lines)


def test_an_import_reads_everything_in_the_archive(archive: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        names = set(zipped.namelist())
    assert names == {"META-INF/MANIFEST.MF"}.union(*(imported(archive, kind) for kind in IMPORTED))


def test_a_second_import_finds_the_same_bytes_and_ids(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.rdproject.jar"
    write_project_archive(again, Edition("shop"))
    assert again.read_bytes() == archive.read_bytes()
    assert len({job["uuid"] for job in jobs()}) == len(list(jobs()))


def ids_of(project: str, folder: Path, *, cloud: bool = False) -> tuple[set[str], str]:
    """The UUIDs of jobs and webhook in an archive for ``project``."""
    goal = folder / f"{project}-{cloud}.rdproject.jar"
    write_project_archive(goal, Edition(project, cloud=cloud))
    (hook,) = yaml.safe_load(the_only(goal, "webhooks"))["webhooks"]
    return {job_of(text)["uuid"] for text in imported(goal, "job").values()}, hook["uuid"]


def test_the_default_project_keeps_the_ids_of_the_files(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load(WEBHOOKS.read_text())["webhooks"]
    assert ids_of(DEFAULT_PROJECT, tmp_path) == ({job["uuid"] for job in jobs()}, hook["uuid"])


def test_projects_of_one_server_share_no_id(tmp_path: Path) -> None:
    """A server refuses the UUID of another project's job, and takes its webhook away from it."""
    archives = [ids_of(project, tmp_path) for project in (DEFAULT_PROJECT, "ops", "ops2", "Ops")]
    assert len(set.union(*(jobs_found for jobs_found, _ in archives))) == 4 * len(list(jobs()))
    assert len({hook for _, hook in archives}) == 4
    in_cloud, _ = ids_of("ops", tmp_path, cloud=True)
    assert not in_cloud & archives[1][0]


def test_the_list_of_jobs_has_the_id_of_each_name() -> None:
    listed = [line.partition(" ") for line in job_list(Edition("shop")).splitlines()]
    assert {name: identity for identity, _, name in listed} == {
        job["name"]: id_in("shop", job["uuid"]) for job in jobs()
    }


@pytest.mark.parametrize("name", ["", "two words", "../shop", ".hidden", "a/b", "a\nb"])
def test_a_name_that_rundeck_refuses_is_refused_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        package.main([f"--project={name}"])
    assert ended.value.code == 2
    assert f"invalid project name {name!r}" in capsys.readouterr().err.splitlines()[-1]


def test_it_is_released_with_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "DIST", tmp_path)
    archive = package.project_archive()
    assert re.fullmatch(r"kubernetes-debug-capture-\d+\.\d+\.\d+\.rdproject\.jar", archive.name)


def test_settings_that_are_given_are_defaults_of_each_step_that_has_them(tmp_path: Path) -> None:
    goal = tmp_path / "ops.rdproject.jar"
    values = {"server": "https://10.0.0.1:6443", "store": "s3://captures/debug", "link_base": "https://evidence/"}
    write_project_archive(goal, Edition("ops", values))
    lines = the_only(goal, "properties").splitlines()
    step = "project.plugin.WorkflowStep.k8s-debug"
    of_capture = [f"{step}-capture.{name}={value}" for name, value in values.items()]
    assert {
        line.replace("WorkflowStep.k8s-debug-capture", "WorkflowNodeStep.k8s-debug-capture-node") for line in of_capture
    } <= set(lines)
    assert set(of_capture) | {f"{step}-restart.server=https://10.0.0.1:6443"} <= set(lines)
    assert f"{step}-restart.store=s3://captures/debug" not in lines
    assert len({line.partition("=")[0] for line in lines if "=" in line}) == len(
        [line for line in lines if "=" in line]
    )


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("server=10.0.0.1", "server must be an https:// URL, not '10.0.0.1'"),
        ("token=abc", "token is a secret: store it in Key Storage"),
        ("sever=https://10.0.0.1", "unknown setting sever"),
        ("environment=A=1\nB=2", "environment has several lines"),
    ],
)
def test_a_setting_that_no_step_has_is_refused_in_one_line(
    choice: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        package.main(["--set", choice])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert message in last
    assert "abc" not in last
