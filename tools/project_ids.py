"""The UUIDs of jobs and webhook in a project: a UUID is unique on a server, across projects.

With the same UUID a second project gets no job ("a Job already exists with this UUID"), and takes the webhook away from
the first one. So each project has its own UUIDs. They depend on nothing else, so that a later package finds them again.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

DEFAULT_PROJECT: Final = "debug-capture"
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_NAMESPACE: Final = uuid.UUID("6d1c2f0e-94b7-5c3a-8f5e-2b7a9d406e31")


def id_in(project: str, identity: str) -> str:
    """Return the UUID in ``project`` for ``identity`` in jobs/. In the default project it is the same."""
    return identity if project == DEFAULT_PROJECT else str(uuid.uuid5(_NAMESPACE, f"{project}/{identity}"))


def job_in(project: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``job`` with its UUID in ``project`` and the UUIDs there of the jobs that its steps refer to."""
    identity, sequence = id_in(project, job["uuid"]), job["sequence"]
    commands = [_replace_ids(project, command) for command in sequence["commands"]]
    return {**job, "uuid": identity, "id": identity, "sequence": {**sequence, "commands": commands}}


def _replace_ids(project: str, value: Any) -> Any:
    """Return ``value``, a part of a step, with each UUID replaced by the one in ``project``."""
    match value:
        case dict():
            return {name: _replace_ids(project, item) for name, item in value.items()}
        case list():
            return [_replace_ids(project, item) for item in value]
        case str():
            return _UUID.sub(lambda match: id_in(project, match[0]), value)
        case _:
            return value
