"""Check an installation: the state of the server, the permissions of each group, and the job of the webhook."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tools.installation import ArchiveContent, State, differences, duplicates
from tools.rundeck_api import Server

NODE_ACTIONS: Final = ("read", "run")
# An event of PagerDuty without an incident: the job succeeds at once.
PING: Final = {"event": {"event_type": "pagey.ping"}}
_NOT_ENDED: Final = ("queued", "running", "scheduled")
_LONGEST_RUN_S: Final = 120
_PAUSE_S: Final = 2


@dataclass(frozen=True)
class Installed:
    """A server, the state of the project on it, and the archive that was installed."""

    server: Server
    state: State
    archive: ArchiveContent

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Return the names of the project's nodes."""
        return tuple(self.server.nodes(self.archive.project))


def check(installed: Installed) -> Iterator[str]:
    """Print the successful checks, and yield each problem with its remedy."""
    for title, find_problems in _CHECKS.items():
        problems = list(find_problems(installed))
        if not problems:
            print(f"✔ {title}")
        yield from problems


def _content(installed: Installed) -> Iterator[str]:
    yield from differences(installed.state, installed.archive)
    yield from duplicates(installed.state, installed.archive)


def _nodes(installed: Installed) -> Iterator[str]:
    server, project = installed.server, installed.archive.project
    for number, error in server.source_errors(project).items():
        yield f"node source {number} of the project: {error}"
    if not installed.nodes:
        yield (
            "the project has no node, so no job runs: open Project Settings → Edit Nodes → Sources, and add "
            "Local, or check the errors of the sources"
        )


def _groups(installed: Installed) -> Iterator[str]:
    for group, jobs in installed.archive.groups.items():
        with installed.server.as_group(group) as member:
            yield from (f"{group} {problem}" for problem in _check_member(member, installed, jobs))


def _check_member(member: Server, installed: Installed, jobs: frozenset[str]) -> Iterator[str]:
    """Yield missing and excess permissions of a member of a group that may run ``jobs``."""
    project = installed.archive.project
    if not member.is_allowed(f"application/project/{project}", "read"):
        yield "may not see the project: a policy of the server must allow read on it"
    for node in installed.nodes:
        if not member.is_allowed(f"project/{project}/node/{node}", *NODE_ACTIONS):
            yield f"may not read and run the node {node}, so its jobs fail there: check the policies of the project"
    for key in sorted(installed.state.keys):
        if not member.can_read_key(project, key):
            yield f"may not read the key {key}, so its jobs fail: check the policies of the project"
    yield from _jobs_of_a_member(member, installed.archive, jobs)


def _jobs_of_a_member(member: Server, archive: ArchiveContent, jobs: frozenset[str]) -> Iterator[str]:
    for identity, job in archive.jobs.items():
        can_run = member.is_allowed(f"project/{archive.project}/job/{identity}", "read", "run")
        if can_run and identity not in jobs:
            yield (
                f"may run “{job.name}”, but not because of a policy of the archive: look for other policies that "
                "name the group"
            )
        if not can_run and identity in jobs:
            yield f"may not run “{job.name}”: look for a policy that denies it"


def _webhooks(installed: Installed) -> Iterator[str]:
    server, hooks = installed.server, installed.state.webhooks
    for identity in installed.archive.webhooks.keys() & hooks.keys():
        response = server.post_event(hooks[identity], PING)
        if response.status == 401:
            print("- the webhook requires its Authorization header, which only PagerDuty has: its job was not started")
            continue
        if not response.succeeded:
            yield f"the webhook returned {response.status}: {response.reason()}"
            continue
        execution = str(response.json()["executionId"])
        if (status := _wait_for_end(server, execution)) != "succeeded":
            page = f"{server.url}/project/{installed.archive.project}/execution/show/{execution}"
            yield f"the job of the webhook did not succeed, its status is {status}: check {page}"


_CHECKS: Final[Mapping[str, Callable[[Installed], Iterator[str]]]] = {
    "the project has all jobs, settings, policies and pages, and the webhook": _content,
    "the project has a node": _nodes,
    "each group may see the project, and may run its jobs and no others": _groups,
    "the webhook responds as expected": _webhooks,
}


def _wait_for_end(server: Server, execution: str) -> str:
    """Wait for the end of the execution. Return its status, also if it is still running after the time limit."""
    status = ""
    for _ in range(_LONGEST_RUN_S // _PAUSE_S):
        if (status := server.execution_status(execution)) not in _NOT_ENDED:
            return status
        time.sleep(_PAUSE_S)
    return status
