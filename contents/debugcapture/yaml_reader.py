"""Reads YAML with libyaml, which takes a tenth of the time of PyYAML's own reader.

libyaml builds nested values by recursion in C, so that text which nests deeply ends the process. It is rejected before.
"""

from typing import Any

import yaml

_MAX_DEPTH = 100
# PyYAML can be built without libyaml.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooDeep(yaml.YAMLError):
    """The text has too many levels of nesting."""


def read_yaml(text: str, loader: Any = LOADER) -> Any:
    """Return the document in ``text``; ``loader`` is a kind of `LOADER`.

    Raises yaml.YAMLError if the text is not valid, ValueError for a value such as the date 2001-13-45, and
    RecursionError for a mapping that is merged into itself.
    """
    _require_shallow(text)
    return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader


def _require_shallow(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise TooDeep(f"it has more than {_MAX_DEPTH} levels of nesting")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
