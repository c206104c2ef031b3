"""kubectl as the administrator of the cluster."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.kubernetes import rest
from lab.part import LabError


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl with one kubeconfig."""

    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Return the output, or "" after a change by `rest`. Raises LabError with the last line if kubectl failed."""
        if rest.change(self.kubeconfig, arguments, stdin):
            return ""
        process = self._run(arguments, stdin)
        if process.returncode:
            raise LabError(f"kubectl {' '.join(arguments)}: {process.stderr.strip() or 'failed'}")
        return process.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Return whether the command succeeds."""
        return self._run(arguments, None).returncode == 0

    def json(self, *arguments: str) -> Any:
        """Return the output with ``--output=json``."""
        if (content := rest.read(self.kubeconfig, arguments)) is not None:
            return content
        return json.loads(self(*arguments, "--output=json"))

    def _run(self, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            self.program,
            f"--kubeconfig={self.kubeconfig}",
            "--request-timeout=20s",
            *arguments,
        ]
        return subprocess.run(command, input=stdin, capture_output=True, text=True)
