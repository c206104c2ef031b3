"""The UUIDs of jobs and webhook in a project: a server knows each UUID once, in whatever project it is.

With the same UUID a second project gets no job ("a Job already exists with this UUID"), and takes the webhook away from
the first one. So each project has UUIDs of its own, which a later package finds again: they depend on nothing else.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

DEFAULT_PROJECT: Final = "debug-capture"
_NAMESPACE: Final = uuid.UUID("6d1c2f0e-94b7-5c3a-8f5e-2b7a9d406e31")


def id_in(project: str, identity: str) -> str:
    """Return the UUID in ``project`` of what has ``identity`` in jobs/; the default project has that itself."""
    return identity if project == DEFAULT_PROJECT else str(uuid.uuid5(_NAMESPACE, f"{project}/{identity}"))


def job_in(project: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``job`` with its UUID in ``project``."""
    identity = id_in(project, job["uuid"])
    return {**job, "uuid": identity, "id": identity}
