"""Reads values of settings from the environment and from a configuration file.

A secret is in the environment, or in a separate file whose path is ``NAME_file``. A configuration file contains only
the path, so it can be shared.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from ..errors import BadInput
from ..settings.declare import Declared

PREFIX: Final = "DEBUG_CAPTURE_"
CONFIG: Final = f"{PREFIX}CONFIG"
SYSTEM_CONFIG: Final = Path("/etc/debug-capture/config.yaml")
STDIN: Final = "-"
_MAX_SECRET_BYTES = 1 << 20
# These come from Key Storage too, but are not secret.
_PUBLIC = ("ca_certificate", "pagerduty_ca", "sftp_known_hosts")


def variable(name: str) -> str:
    """Return the environment variable of the setting ``name``."""
    return PREFIX + name.upper()


def file_of(name: str) -> str:
    """Return the setting that contains the file of the secret ``name``."""
    return f"{name}_file"


def from_environment(settings: Iterable[Declared], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of ``settings`` in ``environment``, without blank ones.

    Raises BadInput if the file of a secret cannot be read.
    """
    return _values(settings, lambda name: environment.get(variable(name), ""))


def from_config(settings: Iterable[Declared], config: Mapping[str, str]) -> dict[str, str]:
    """Return the values of ``settings`` in a configuration file. See `from_environment`."""
    return _values(settings, lambda name: config.get(name, ""))


def config_path(chosen: str, environment: Mapping[str, str]) -> Path | None:
    """Return the configuration file: ``chosen``, or that of the user, or that of the system. None if there is none.

    Raises BadInput if ``chosen`` does not exist.
    """
    chosen = chosen or environment.get(CONFIG, "")
    if chosen:
        if not Path(chosen).is_file():
            raise BadInput(f"cannot read the configuration {chosen}", "the file does not exist")
        return Path(chosen)
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or Path.home(), ".config")
    return next((file for file in (Path(home, "debug-capture", "config.yaml"), SYSTEM_CONFIG) if file.is_file()), None)


def read_config(file: Path, declared: Iterable[Declared]) -> dict[str, str]:
    """Return the values in ``file`` as text. Raises BadInput with all keys that are not ``declared``."""
    import yaml  # only needed if there is a configuration

    try:
        # Values stay text: numbers keep leading zeros, and settings/declare.py parses switches.
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - text and lists only
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise BadInput(f"cannot read the configuration {file}", _without_content(error)) from error
    if content in (None, ""):
        return {}
    if not isinstance(content, dict):
        raise BadInput(f"cannot read the configuration {file}", "it is not a list of NAME: VALUE lines")
    problems = [problem for key, value in content.items() if (problem := _key_problem(str(key), value, declared))]
    if problems:
        raise BadInput(f"wrong configuration {file}", "; ".join(problems), "Nothing was changed. Correct the file.")
    return {str(key): str(value) for key, value in content.items()}


def read_secret(name: str, path: str) -> str:
    """Return the secret ``name`` from the file ``path``. "-" is standard input.

    Raises BadInput if the file cannot be read, or if all users of this machine can read it.
    """
    if path == STDIN:
        return sys.stdin.read(_MAX_SECRET_BYTES)
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IROTH and name not in _PUBLIC:
                reason = f"every user of this machine can read it (mode {stat.S_IMODE(mode):o})"
                raise BadInput(
                    f"cannot use {path} for {name}", reason, f"Run chmod o-r {path}, and consider replacing the secret."
                )
            return file.read(_MAX_SECRET_BYTES)
    except OSError as error:
        raise BadInput(f"cannot read {path} for {name}", error.strerror or str(error)) from error
    except UnicodeError as error:
        raise BadInput(f"cannot read {path} for {name}", "it is not UTF-8 text") from error


def _values(settings: Iterable[Declared], find: Callable[[str], str]) -> dict[str, str]:
    values = {}
    for setting in settings:
        path = find(file_of(setting.name)) if setting.rule.secret else ""
        value = find(setting.name) or (read_secret(setting.name, path) if path else "")
        if value:
            values[setting.name] = value
    return values


def _key_problem(key: str, value: object, declared: Iterable[Declared]) -> str:
    secrets = {setting.name for setting in declared if setting.rule.secret}
    if key in secrets:
        return f"{key} is a secret: write it to a separate file, and set {file_of(key)} to the path of that file"
    if key not in {setting.name for setting in declared} | {file_of(name) for name in secrets}:
        return f"unknown setting {key!r}"
    return "" if isinstance(value, str) else f"{key} must be a single value"


def _without_content(error: Exception) -> str:
    """Return why a file cannot be read, without its content: it may contain a secret by mistake."""
    mark = getattr(error, "problem_mark", None)
    position = f" in line {mark.line + 1}" if mark else ""
    return f"{getattr(error, 'problem', None) or getattr(error, 'strerror', None) or 'it is not UTF-8 text'}{position}"
