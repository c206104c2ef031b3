"""Every command block of README and docs runs on the lab, or states why not, and leads a new user to a capture.

Names in examples are replaced by those of the lab: its API server, registry, bucket and account. `shop` and the account
`debug-capture` are replaced by those of the test, so that the lab does not change.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import lab.demo
import lab.kubernetes
import lab.pagerduty.part
from debugcapture import __version__
from lab.kubernetes.kubectl import Kubectl
from lab.pagerduty.account import Keys
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.pagerduty.webhooks import incident_event
from lab.paths import REPO
from lab.rundeck import server
from lab.rundeck.model import JobRun
from lab.stores import s3_endpoint
from tests.docs.blocks import PAGES, Block, blocks
from tests.simulator import Simulator
from tools import package
from tools.project_archive import Edition, jobs, write_project_archive
from tools.project_ids import id_in
from tools.vendored import Target, vendored

# The reasons why blocks are not run, with the number of blocks.
NOT_RUN = {
    "it builds, as the README's block does": 2,
    "it needs Docker and a registry": 3,
    "it needs the files of a release": 1,
    "it needs the files of a capture": 1,
    "it is a complete test run": 1,
    "it limits the account that all other tests use": 1,
    "it changes the machine": 3,
    "it needs a Rundeck server": 2,
    "it needs an account at a cloud": 4,
    "it needs an account at PagerDuty": 1,
    "it serves until it is stopped": 1,
    "it needs a capture that was signed": 1,
}
LANGUAGES = {"bash", "dockerfile", "json", "mermaid", "properties", "python", "sh", "text", "yaml"}
ALL = [block for page in PAGES for block in blocks(page)]


@dataclass(frozen=True)
class Machine:
    """A folder with the project, a shell with kubectl, and the names of the test instead of those in the examples."""

    folder: Path
    namespace: str
    account: str
    environment: dict[str, str]
    examples: dict[str, str]

    def run(self, block: Block) -> str:
        """Run the commands of ``block`` with the names replaced, and return their output."""
        command = ["bash", "-euo", "pipefail", "-c", self._named(block.text)]
        process = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert process.returncode == 0, (
            f"{block.page.name}:\n{block.text}\n{process.stdout[-2000:]}{process.stderr[-4000:]}"
        )
        return process.stdout

    def _named(self, text: str) -> str:
        named = re.sub(r"\bshop\b", self.namespace, self.own(text))
        for example, is_ours in self.examples.items():
            named = named.replace(example, is_ours)
        return named

    def own(self, text: str) -> str:
        """Replace the account debug-capture by that of the test, but not in the names of files and keys."""
        return re.sub(r"(?<!kubernetes-)(?<!ops/)debug-capture(?!/)", self.account, text)


@pytest.fixture
def machine(tmp_path: Path, namespace: str, kubectl: Kubectl) -> Iterator[Machine]:
    """The tools of an engineer after cloning the project: a shell, kubectl, and the addresses of the services."""
    folder, deploy, account = tmp_path / "clone", tmp_path / "deploy", f"dc-{secrets.token_hex(4)}"
    subprocess.run(["git", "clone", "--quiet", REPO, folder], check=True)
    _link_venv(folder)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(kubectl.program)
    cluster, store, incidents = lab.kubernetes.endpoint(), s3_endpoint(), lab.pagerduty.endpoint()
    of_s3 = f"s3_region={store.region} --set s3_endpoint={store.url} --set pagerduty_url={incidents.url}"
    machine = Machine(
        folder,
        namespace,
        account,
        {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "KUBECONFIG": str(cluster.kubeconfig),
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            "PAGERDUTY_TOKEN": incidents.token,
        },
        {
            "https://kubernetes.example.com:6443": cluster.server,
            "registry.example.com/toolbox:1": cluster.toolbox_image,
            "s3://captures/debug": f"s3://{store.bucket}/{account}",
            "s3_region=eu-central-1": of_s3,
            "rundeck@example.com": incidents.sender,
            "-f deploy/": f"-f {deploy}/",
        },
    )
    shutil.copytree(folder / "deploy", deploy)
    for manifest in (*deploy.glob("rbac*.yaml"), *(deploy / "rbac").rglob("*.yaml")):
        manifest.write_text(machine.own(manifest.read_text()))
    yield machine
    for kind in ("namespace", "clusterrole", "clusterrolebinding"):
        parts = [part for part in kubectl("get", kind, "--output=name").split() if account in part]
        if parts:
            kubectl("delete", "--wait=false", *parts)


def _link_venv(clone: Path) -> None:
    """Link the .venv of this project into ``clone``, which would need minutes to create the same one."""
    shutil.copytree(REPO / ".venv", clone / ".venv", symlinks=True, copy_function=os.link)
    (path_file,) = (clone / ".venv").glob("lib/python*/site-packages/debugcapture.pth")
    path_file.unlink()
    path_file.write_text(f"{clone / 'contents'}\n")


def _link_packages(clone: Path) -> None:
    """Give ``clone`` the packages of the bundled zip by hard links: the same lock and recipe give the same bytes."""
    packages = vendored(Target())
    shutil.copytree(packages, clone / "build" / packages.name, copy_function=os.link)


def test_every_block_names_its_language() -> None:
    assert {block.language for block in ALL} <= LANGUAGES
    assert [block.text for block in ALL if block.reason and block.language != "bash"] == []


def test_each_block_that_is_not_run_has_a_reason() -> None:
    assert Counter(block.reason for block in ALL if block.reason) == NOT_RUN


@pytest.mark.parametrize("block", [block for block in ALL if block.reason], ids=lambda block: block.page.stem)
def test_blocks_that_are_not_run_are_valid_bash(block: Block) -> None:
    subprocess.run(["bash", "-n", "-c", block.text], check=True)


RUN = {page: [block for block in blocks(page) if block.runs] for page in PAGES}
INSTALL_PAGE = REPO / "docs" / "install-oss.md"
BY_CURL = [block for block in RUN[INSTALL_PAGE] if "$RUNDECK" in block.text]


@pytest.mark.parametrize(
    "page", [page for page, commands in RUN.items() if commands and page.name != "README.md"], ids=str
)
def test_commands_of_a_page(page: Path, machine: Machine) -> None:
    """After the README has created the account and its permissions."""
    account, size = "-f deploy/rbac/account.yaml", "-n shop -f deploy/rbac/namespace/capture.yaml"
    machine.run(Block(page, "bash", f"kubectl apply {account}\nkubectl apply {size}", ""))
    for block in RUN[page]:
        if block not in BY_CURL:
            machine.run(block)


def test_the_same_installation_by_curl(tmp_path: Path) -> None:
    """In a shell without a cluster. A failed import, for which the server returns HTTP 200, ends the shell."""
    (tmp_path / "dist").mkdir()
    archive = tmp_path / "dist" / f"kubernetes-debug-capture-{__version__}.rdproject.jar"
    write_project_archive(archive, Edition("ops"))
    (tmp_path / "token").write_text("of-the-cluster\n")
    (tmp_path / "ca-certificate").write_text("PEM\n")
    (tmp_path / "libext").mkdir()
    shutil.copy(package.slim(), tmp_path / "libext")
    rundeck, token = server.State(tmp_path / "libext", tmp_path), secrets.token_hex(8)
    rundeck.users[token] = server.ADMIN
    environment = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PAGERDUTY_TOKEN"), "a-secret")
    environment |= {"PATH": os.environ["PATH"], "RUNDECK_TOKEN": token}
    (block,) = BY_CURL
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    with server.listening(rundeck) as url:
        environment["RUNDECK"] = url
        process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert process.returncode == 0, process.stderr[-4000:]
        ops = rundeck.projects["ops"]
        assert set(ops.jobs) == {id_in("ops", job["uuid"]) for job in jobs()}
        assert ops.properties["resources.source.1.type"] == "local"
        assert len(rundeck.keys) == 5

        (last,) = [line for line in block.text.splitlines() if line.startswith("grep ")]
        refused = '{"import_status": "failed", "successful": false, "errors": ["Heap dump: not valid"]}'
        for answer in (refused, '{"import_status":"successful","acl_errors":["bad"]}', "<html>"):
            (tmp_path / "import.json").write_text(answer)
            failed = subprocess.run(["bash", "-c", last], cwd=tmp_path, capture_output=True, text=True)
            assert failed.returncode == 1
            assert answer in failed.stderr


def test_a_new_user_gets_from_a_clone_to_the_link(machine: Machine, kubectl: Kubectl, tmp_path: Path) -> None:
    """By the README's commands alone: build, plugin, permissions, keys, import, check, capture. Then the link opens.

    Then the same for a second project on that server, where each group captures by the README's last command.
    """
    _link_packages(machine.folder)
    kubectl("label", "namespace", machine.namespace, "pod-security.kubernetes.io/enforce=restricted")
    checkout = (REPO / "lab" / "workloads" / "checkout.yaml").read_text().replace("shop", machine.namespace)
    kubectl("apply", "-f", "-", stdin=checkout)
    kubectl("rollout", "status", f"--namespace={machine.namespace}", "deployment/checkout", "--timeout=120s")
    base = tmp_path / "rundeck"
    (base / "libext").mkdir(parents=True)
    rundeck, token = server.State(base / "libext", base), secrets.token_hex(8)
    rundeck.users[token] = server.ADMIN
    with server.listening(rundeck) as url:
        machine.environment.update(RDECK_BASE=str(base), RUNDECK=url, RUNDECK_TOKEN=token)
        machine.run(_readme())
        _require_link(rundeck.runs)
        machine.run(_readme("ops-east"))
        _require_link(rundeck.runs[3:])
        for group in ("debug-capture-operators", "debug-capture-engineers"):
            machine.environment["RUNDECK_TOKEN"] = member = secrets.token_hex(8)
            rundeck.users[member] = server.User(group, (group,))
            machine.run(Block(REPO / "README.md", "bash", _CAPTURE_AGAIN + RUN[REPO / "README.md"][-1].text, ""))
            run = rundeck.runs[-1]
            assert run.succeeded, (group, run.refused, run.errors)
        pod = lab.demo.running_pod("checkout", machine.namespace)
        incident = _alert(machine.namespace, pod)
        _require_note(_by_webhook(rundeck, url, "ops-east", incident), incident)
    jobs = len(list((REPO / "jobs").glob("*.yaml")))
    for name, project in rundeck.projects.items():
        assert (name, len(project.jobs), len(project.policies)) == (name, jobs, 5)
    assert sorted(hook.project for hook in rundeck.webhooks.values()) == ["ops", "ops-east"]


# What the README's step "Check" leaves for the next step, for another user.
_CAPTURE_AGAIN = """\
echo "X-Rundeck-Auth-Token: $RUNDECK_TOKEN" >rundeck.header
job() { sed -n "s/ $1\\$//p" dist/*.jobs.txt; }
"""


def _readme(project: str = "ops") -> Block:
    """All commands of the README in one shell, for a ``project`` of that name."""
    text = "\n".join(block.text for block in RUN[REPO / "README.md"])
    return Block(REPO / "README.md", "bash", text.replace("--project ops", f"--project {project}"), "")


def _require_link(runs: Sequence[JobRun]) -> None:
    event, check, capture = runs  # the installation sends the webhook an event that captures nothing
    assert event.succeeded, (event.refused, event.errors)
    assert check.succeeded, [line.strip() for line in check.output if "✘" in line]
    _require_note(capture, lab.demo.INCIDENT)


def _require_note(capture: JobRun, incident: str) -> None:
    """Check that a note in ``incident`` links a page with the dump that explains the incident."""
    assert capture.succeeded, (capture.refused, capture.errors)
    (note,) = [note for note in lab.demo.notes(incident) if capture.data["capture_id"] in note]
    dump = lab.demo.artifact(lab.demo.links(note)[0], "jvm-threads.txt")
    assert all(proof in dump for proof in lab.demo.PROOF)


def _alert(namespace: str, pod: str) -> str:
    """Create an incident in the lab's PagerDuty whose alert is about ``pod``; its ID."""
    incident = f"Q1{secrets.token_hex(6).upper()}"
    keys = Keys.load(lab.pagerduty.part.state() / "keys.json")
    body = alert_bodies(Subject("lab", namespace, "checkout", pod, "checkout"))["Alertmanager"]
    Simulator(lab.pagerduty.endpoint().url, keys).create(incident, body)
    return incident


def _by_webhook(rundeck: server.State, url: str, project: str, incident: str) -> JobRun:
    """Deliver an event of ``incident`` to the project's webhook, whose owner is in the group of its policy."""
    (hook,) = [webhook for webhook in rundeck.webhooks.values() if webhook.project == project]
    group = "debug-capture-webhook"
    rundeck.webhooks[hook.uuid] = replace(hook, owner=server.User(group, (group,)))
    event = json.dumps(incident_event(incident)).encode()
    request = urllib.request.Request(f"{url}/api/44/webhook/{hook.token}", data=event, method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answered:
        execution = rundeck.executions[int(json.load(answered)["executionId"]) - 1]
    return execution.run.result()
