"""What the tests of the rules for .NET share."""

from __future__ import annotations

import tempfile
from pathlib import Path

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain

HEAD = "# Process 7: .NET 8.0.4 on Linux x64, assembly Service\n"


def findings(text: str) -> list[Finding]:
    """Return the findings about a file with ``text``. An error of a parser or a rule fails the test."""

    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dotnet.txt"
        path.write_bytes(text.encode(errors="surrogatepass"))
        return explain([Evidence(path, path.name)], never)
