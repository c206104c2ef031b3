"""Reads kubeconfigs: one, or several that $KUBECONFIG lists. Paths in a file are relative to its directory.

Source: Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files", "Merging kubeconfig files".
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import BadInput

REMEDY: Final = "Correct the cluster connection settings."
_LISTS: Final = ("contexts", "clusters", "users")


@dataclass(frozen=True, slots=True)
class Section:
    """The cluster or the user of a context."""

    values: dict[str, Any]
    folder: Path
    """Directory of the file that it is from."""

    def get(self, key: str) -> Any:
        """Return the value of ``key``; None if it is not set."""
        return self.values.get(key)

    def data(self, key: str) -> str:
        """Return the PEM text in KEY-data, or in the file that KEY names; "" if there is neither. Raises BadInput."""
        if self.values.get(f"{key}-data"):
            try:
                text = "".join(str(self.values[f"{key}-data"]).split())  # some tools break it into lines
                return base64.b64decode(text, validate=True).decode("ascii")
            except ValueError as error:  # from base64 or from the ASCII decoder
                raise BadInput("invalid kubeconfig", f"{key}-data is not base64-encoded PEM", REMEDY) from error
        return read_text(self.folder / self.values[key]) if self.values.get(key) else ""


class Kubeconfig:
    """A kubeconfig, merged from its files: the first file that has an entry counts."""

    def __init__(self, files: Sequence[tuple[dict[str, Any], Path]]) -> None:
        """``files`` are the parsed files, each with its directory."""
        self._files = files

    def context(self, name: str) -> dict[str, Any]:
        """Return the context ``name``, or the current context if it is "". Raises BadInput."""
        current = (config.get("current-context") for config, _ in self._files)
        return self._find("contexts", "context", name or str(next(filter(None, current), ""))).values

    def cluster(self, context: dict[str, Any]) -> Section:
        """Return the cluster of ``context``. Raises BadInput if there is none."""
        return self._find("clusters", "cluster", str(context.get("cluster") or ""))

    def user(self, context: dict[str, Any]) -> Section:
        """Return the user of ``context``. Raises BadInput if there is none."""
        return self._find("users", "user", str(context.get("user") or ""))

    def _find(self, plural: str, singular: str, name: str) -> Section:
        available = set()
        for config, folder in self._files:
            for entry in config.get(plural) or []:
                if str(entry.get("name")) == name and isinstance(entry.get(singular), dict):
                    return Section(entry[singular], folder)
                available.add(str(entry.get("name")))
        names = ", ".join(sorted(available)) or "none"
        reason = f"it does not contain the {singular} {name!r}; available {plural}: {names}"
        raise BadInput("invalid kubeconfig", reason, REMEDY)


def read_kubeconfigs(paths: Sequence[Path]) -> Kubeconfig:
    """Return the kubeconfig that ``paths`` are together. Raises BadInput if one cannot be read or is not valid."""
    if len(paths) == 1:
        return parse_kubeconfig(read_text(paths[0]), str(paths[0]), paths[0].parent)
    parsed = [(_mapping(read_text(path), str(path)), path.parent) for path in paths]
    if not any("clusters" in config for config, _ in parsed):
        raise BadInput("invalid kubeconfig", f"{', '.join(map(str, paths))} contain no clusters", REMEDY)
    return Kubeconfig(parsed)


def parse_kubeconfig(text: str, source: str, folder: Path) -> Kubeconfig:
    """Return the kubeconfig in ``text``. ``source`` names it in errors. Raises BadInput if it is not valid."""
    config = _mapping(text, source)
    if "clusters" not in config:
        raise BadInput("invalid kubeconfig", f"{source} contains no clusters", REMEDY)
    return Kubeconfig([(config, folder)])


def _mapping(text: str, source: str) -> dict[str, Any]:
    import yaml

    from ..yaml_reader import read_yaml

    try:
        config = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        # The library's message quotes the text with its credentials. `from None` keeps it out of the stack trace too.
        raise BadInput("invalid kubeconfig", f"{source} is not YAML", REMEDY) from None
    if config is None:
        return {}  # an empty file is a kubeconfig without entries
    if not isinstance(config, dict):
        raise BadInput("invalid kubeconfig", f"{source} contains no clusters", REMEDY)
    lists = [config.get(key) or [] for key in _LISTS]
    if not all(isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) for entries in lists):
        raise BadInput("invalid kubeconfig", f"{source} does not have the structure of a kubeconfig", REMEDY)
    return config


def header_value(token: str) -> str:
    """Return ``token`` as the value of a header. Raises BadInput, which does not contain it."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput("invalid token", "it contains spaces or line breaks", "Store only the token in Key Storage.")
    return token


def read_text(path: Path) -> str:
    """Return the content of ``path``. Raises BadInput that names it."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadInput(f"cannot read {path}", reason, REMEDY) from error
