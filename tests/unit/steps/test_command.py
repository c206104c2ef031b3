"""command.py: what is checked before a command is run."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.errors import (
    BadInput,
    NotRunning,
)
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.attach import AttachStep, attach
from debugcapture.steps.execute import ExecStep, execute
from tests.unit.builders import pod, status, terminated
from tests.unit.steps.support import POD, Cluster, Serve


@pytest.mark.parametrize("command", ["echo 'a", 'echo "a', "a\\"])
@pytest.mark.parametrize(("kind", "run"), [(ExecStep, execute), (AttachStep, attach)])
def test_command_with_open_quotes_is_bad_input(command: str, kind: Any, run: Any, run_context: RunContext) -> None:
    with pytest.raises(BadInput, match="Close the quotes"):
        run(read(kind, POD | {"command": command}), run_context)


@pytest.mark.parametrize(("kind", "run"), [(ExecStep, execute), (AttachStep, attach)])
def test_a_command_needs_a_running_container(kind: Any, run: Any, serve: Serve, run_context: RunContext) -> None:
    crashed = status(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=terminated("Error", 1))
    serve(Cluster(pod(status={"containerStatuses": [crashed]})))
    with pytest.raises(NotRunning, match="it is not running: waiting"):
        run(read(kind, POD | {"command": "ps"}), run_context)
