"""Reads YAML of this repository with libyaml, which is ten times faster than the reader in Python."""

from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Return the only document in ``text``."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def read_documents(text: str) -> list[Any]:
    """Return all documents in ``text``."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))
