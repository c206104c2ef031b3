"""Install into a Rundeck server: `./build.sh install`.

It installs by the API: project, Key Storage, settings, policies, jobs, webhook and start page. A second run only
changes what differs. Then it checks the state of the server and the permissions of each group, and sends the webhook
an event that captures nothing.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from debugcapture import __version__
from tools.installation import ArchiveContent, Plan, State, changes, missing_keys, plan, read_archive
from tools.installed import Installed, check
from tools.package import DIST, NAME
from tools.rundeck_api import InstallError, Server, connections

_KEY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
TOKEN_VARIABLE: Final = "RUNDECK_TOKEN"  # noqa: S105 - its name


@dataclass(frozen=True)
class Installation:
    """What to install: the content of an archive, its bytes, and secrets by the names of their keys."""

    content: ArchiveContent
    archive: bytes
    secrets: Mapping[str, bytes]


def main(arguments: list[str]) -> int:
    """Install and check. Return 0, or 1 if a change failed or the check found a problem."""
    chosen = _parser().parse_args(arguments)
    try:
        content, archive = _archive(chosen.archive, chosen.project)
        installation = Installation(content, archive, dict(map(_secret, chosen.key)))
        server = Server(chosen.url, _token(chosen.token_file), connections(chosen.ca))
        after = install(server, installation)
        problems = list(check(Installed(server, after, content)))
    except InstallError as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"✘ {problem}", file=sys.stderr)
    if not problems:
        print(f"Installed. Next, run the job “Check the installation”: {server.url}/project/{content.project}/jobs")
    return 1 if problems else 0


def install(server: Server, installation: Installation) -> State:
    """Make the project of ``server`` match ``installation``, print each change, and return the new state.

    Raises InstallError if the server rejects a request.
    """
    content = installation.content
    _require_plugin(server, content)
    before = server.state(content)
    if not before.exists:
        server.create_project(content.project)
        print(f"+ project {content.project}")
        before = server.state(content)
    todo = plan(before, content, frozenset(installation.secrets))
    try:
        _apply(server, before, todo, installation)
    finally:  # if a request is rejected, report the changes before it
        after = server.state(content)
        lines = list(changes(before, after, content, todo)) or [f"The project {content.project} is already up to date."]
        print("\n".join([*lines, *missing_keys(after, content)]))
    return after


def _apply(server: Server, before: State, todo: Plan, installation: Installation) -> None:
    project = installation.content.project
    for name, method in todo.keys.items():
        server.store_key(method, project, name, installation.secrets[name])
    if todo.visibility:
        server.write_visibility(project, todo.visibility, create=not before.visibility)
    if todo.properties:
        server.write_settings(project, {**before.properties, **todo.properties})
    for page, text in todo.pages.items():
        server.write_page(project, page, text)
    server.import_archive(project, installation.archive, webhooks=todo.import_webhooks)


def _require_plugin(server: Server, content: ArchiveContent) -> None:
    """Raise InstallError if the plugin is missing or has another version: the jobs would not work."""
    if not content.steps:  # the jobs for Runbook Automation have none
        return
    version = server.plugin_version(min(content.steps))
    if version == __version__:
        print(f"✔ the plugin is loaded, version {version}")
        return
    had = f"has version {version} of the plugin" if version else "has not loaded the plugin"
    raise InstallError(
        f"The server {had}, so nothing was changed. Copy dist/{NAME}-bundled-{__version__}.zip to "
        "$RDECK_BASE/libext/, and delete other versions."
    )


# --- the command line ---------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./build.sh install", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="URL of the Rundeck server")
    parser.add_argument("--project", required=True, help="name of the project, as in ./build.sh package --project")
    parser.add_argument("--archive", type=Path, default=None, help="project archive (default: the one in dist/)")
    parser.add_argument(
        "--token-file", type=Path, help=f"file with an administrator's API token (default: ${TOKEN_VARIABLE})"
    )
    parser.add_argument("--ca", default="", help="file with CA certificates to verify the server")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME=SOURCE",
        help="secret for Key Storage: token=file:PATH, s3-access-key=env:AWS_ACCESS_KEY_ID; can be repeated",
    )
    return parser


def _archive(file: Path | None, project: str) -> tuple[ArchiveContent, bytes]:
    file = file or DIST / f"{NAME}-{__version__}.rdproject.jar"
    remedy = f"run ./build.sh package --project {project}, with the same --set as before"
    try:
        archive = file.read_bytes()
        content = read_archive(archive)
    except (OSError, ValueError) as error:
        raise InstallError(f"Cannot read the archive {file}: {error}: {remedy}") from None
    if content.project != project:
        raise InstallError(f"{file} is for the project {content.project}, not {project}: {remedy}")
    return content, archive


def _token(file: Path | None) -> str:
    token = _read(f"file:{file}" if file else f"env:{TOKEN_VARIABLE}", "the API token")
    if not re.fullmatch(rb"[!-~]+", token):
        raise InstallError("The API token contains invalid characters: check its file or variable")
    return token.decode()


def _secret(argument: str) -> tuple[str, bytes]:
    name, _, source = argument.partition("=")
    if not _KEY_NAME.fullmatch(name):
        raise InstallError(f"invalid key name {name!r}: use letters, digits and dashes")
    return name, _read(source, f"the key {name}")


def _read(source: str, subject: str) -> bytes:
    """Return a secret from ``file:PATH`` or ``env:NAME``, without the line break at its end."""
    kind, _, place = source.partition(":")
    if kind not in ("file", "env") or not place:
        raise InstallError(
            f"{subject}: use file:PATH or env:NAME; all users of this machine can see secrets in arguments"
        )
    try:
        content = Path(place).read_bytes() if kind == "file" else os.environb.get(place.encode(), b"")
    except OSError as error:
        raise InstallError(f"Cannot read {subject} from {place}: {error.strerror}") from None
    if not (secret := content.rstrip(b"\r\n")):
        raise InstallError(f"{subject} is empty: check the {'file' if kind == 'file' else 'variable'} {place}")
    return secret


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
