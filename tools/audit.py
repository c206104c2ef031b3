"""Audit the packages of the lock files with pip-audit, and report if no audit service was reachable.

A service that does not respond, or responds without vulnerability data, must not be mistaken for one that found
no vulnerabilities. So each service is first queried about a version with a known vulnerability.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
VULNERABLE: Final = "urllib3==1.26.4"  # CVE-2021-33503
SERVICES: Final = ("pypi", "osv")
NONE_FOUND, FOUND, NOT_AUDITED = 0, 1, 3  # exit codes
Query = Callable[[str, Path], str]
"""Takes a service and a requirements file. Returns the report of pip-audit in JSON, or its error message."""


@dataclass(frozen=True)
class Vulnerability:
    """One known vulnerability of one package."""

    package: str
    version: str
    name: str
    fixed_in: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {self.name}, fixed in {self.fixed_in or 'no version yet'}"


def main() -> int:
    """Audit the lock files, and return the exit code."""
    code, lines = audit([ROOT / lock for lock in LOCKS], _pip_audit)
    for line in lines:
        print(f"audit: {line}")
    return code


def audit(locks: Iterable[Path], query: Query) -> tuple[int, list[str]]:
    """Return the exit code, and the lines to print: each vulnerability, or why the audit failed."""
    problems = []
    for service in SERVICES:
        problem = _problem(service, query)
        if problem:
            problems.append(f"{service}: {problem}")
            continue
        try:
            vulnerabilities = {
                str(vulnerability) for lock in locks for vulnerability in parse_report(query(service, lock))
            }
        except ValueError as error:
            return NOT_AUDITED, [f"NOT AUDITED: {service} failed: {error}"]
        return (
            (FOUND, sorted(vulnerabilities))
            if vulnerabilities
            else (NONE_FOUND, [f"{service} reports no vulnerabilities"])
        )
    return NOT_AUDITED, [f"NOT AUDITED: no audit service was reachable ({'; '.join(problems)})"]


def parse_report(report: str) -> list[Vulnerability]:
    """Return the vulnerabilities in pip-audit's ``report``. Raises ValueError if it is invalid or incomplete."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(" ".join(report.split())[-300:] or "no output") from error
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        raise ValueError(f"it does not know {', '.join(skipped[:3])}")
    return [
        Vulnerability(package["name"], package["version"], bad["id"], ", ".join(bad["fix_versions"]))
        for package in packages
        for bad in package["vulns"]
    ]


def _problem(service: str, query: Query) -> str:
    """Return why ``service`` cannot be used, or ""."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(f"{VULNERABLE}\n")
        requirements.flush()
        try:
            return (
                ""
                if parse_report(query(service, Path(requirements.name)))
                else f"it has no data: it does not report {VULNERABLE}"
            )
        except ValueError as error:
            return str(error)


def _pip_audit(service: str, requirements: Path) -> str:
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--format", "json"]
    command += ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "15", "-r", str(requirements)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    return process.stdout or process.stderr


if __name__ == "__main__":
    sys.exit(main())
