"""A server with the project archive imported as README and docs say: into two projects, by an administrator."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.paths import REPO
from lab.project import JOBS
from lab.rundeck import server
from lab.rundeck.server import ADMIN, Project, State, User
from tools.project_archive import Edition, write_project_archive

FIRST, SECOND = "ops", "ops-east"
OPERATOR = User("olga", ("debug-capture-operators",))
ENGINEER = User("emil", ("debug-capture-engineers",))
HOOK = User("pagerduty", ("debug-capture-webhook",))
MAY_RUN = {OPERATOR: 11, ENGINEER: 17, HOOK: 1}
KEYS = ("token", "ca-certificate", "s3-access-key", "s3-secret-key", "pagerduty-token")
_PAGES = (REPO / "README.md", REPO / "docs" / "install-oss.md")
_IMPORT = re.compile(r"/import\?(\S*importConfig=true\S*?)\"")
_SIGHT = re.compile(r"```yaml\n(description: See the project\n.*?)```", re.DOTALL)


@dataclass
class Api:
    """The API as a user."""

    state: State
    user: User = ADMIN

    def ask(self, method: str, path: str, body: Any = b"", content_type: str = "application/json") -> tuple[int, Any]:
        """The status and the content of the answer."""
        token = f"token of {self.user.name}"
        self.state.users[token] = self.user
        headers = {"x-rundeck-auth-token": token, "content-type": content_type, "accept": "application/json"}
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return server.answer(self.state, method, f"/api/40{path}", headers, sent)

    def run(self, job: str, options: dict[str, str]) -> tuple[int, Any]:
        """Start the job of that name in the first project; the answer, and the run in `state.runs` when it began."""
        return self.ask("POST", f"/job/{identity(self.state.projects[FIRST], job)}/run", {"options": options})


def identity(project: Project, job: str) -> str:
    """The UUID of the job of that name."""
    (job_id,) = [job_id for job_id, job_json in project.jobs.items() if job_json["name"] == job]
    return job_id


def documented_import() -> str:
    """The parameters of the import by curl that README or docs print."""
    match = _IMPORT.search("".join(page.read_text() for page in _PAGES))
    assert match, "no page prints an import with the project's configuration"
    return match[1]


def documented_visibility(project: str) -> str:
    """The policy of the server that docs/install-oss.md prints, for ``project``."""
    match = _SIGHT.search(_PAGES[1].read_text())
    assert match, "docs/install-oss.md prints no policy by which the groups see the project"
    return match[1].replace("name: ops}", f"name: {project}}}")


def import_yaml(api: Api, project: str) -> Any:
    """Create ``project``, import each file of jobs/ into it, and return the responses of the server."""
    api.ask("POST", "/projects", {"name": project})
    every = [job for file in sorted(JOBS.glob("*.yaml")) for job in yaml.safe_load(file.read_text())]
    body = yaml.safe_dump(every).encode()
    return api.ask("POST", f"/project/{project}/jobs/import", body, "application/yaml")[1]


def write_jobs(jobs: Iterable[dict[str, Any]], folder: Path) -> None:
    """Write exactly ``jobs`` into ``folder``, with the names of their files in jobs/."""
    by_name = {job["name"]: job for job in jobs}
    for file in JOBS.glob("*.yaml"):
        (source,) = yaml.safe_load(file.read_text())
        (folder / file.name).write_text(yaml.safe_dump([by_name.pop(source["name"])], sort_keys=False))
    assert not by_name


def archive_of(project: str, folder: Path) -> Path:
    """The archive of `./build.sh package --project`, with blank settings."""
    write_project_archive(folder / f"{project}.jar", Edition(project))
    return folder / f"{project}.jar"


def imported(plugin: Path, folder: Path, *projects: str) -> tuple[State, dict[str, Any]]:
    """The server, and its responses to the import into each project."""
    libext = folder / "libext"
    libext.mkdir()
    shutil.copy(plugin, libext)
    api, answers = Api(State(libext, folder)), {}
    for project in projects:
        assert api.ask("POST", "/projects", {"name": project})[0] == 201
        for key in KEYS:
            path = f"/storage/keys/project/{project}/debug-capture/{key}"
            assert api.ask("POST", path, b"secret", "application/x-rundeck-data-password")[0] == 201
        content = archive_of(project, folder).read_bytes()
        path = f"/project/{project}/import?{documented_import()}"
        status, answers[project] = api.ask("PUT", path, content, "application/zip")
        assert status == 200
        policy = {"contents": documented_visibility(project)}
        assert api.ask("POST", f"/system/acl/{project}.aclpolicy", policy)[0] == 201
    return api.state, answers
