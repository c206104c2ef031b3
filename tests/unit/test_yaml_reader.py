"""yaml_reader.py: the same result as PyYAML, but deeply nested text does not end the process."""

from __future__ import annotations

import pytest
import yaml

from debugcapture.yaml_reader import TooDeep, read_yaml


@pytest.mark.parametrize("unit", ["[", "{", "- ", "? ", "{a: "])
@pytest.mark.parametrize("repeats", [101, 200_000])
def test_text_that_nests_deeply_is_refused(unit: str, repeats: int) -> None:
    with pytest.raises(TooDeep, match="more than 100 levels of nesting"):
        read_yaml(unit * repeats)


def test_values_have_the_types_of_yaml() -> None:
    text = "a: [1, true, null, 2.5, '7']\nb: {c: |\n  text\n  }\n"
    assert read_yaml("a: [1, true, null, 2.5, '7']\nb:\n  c: |\n    text\n") == {
        "a": [1, True, None, 2.5, "7"],
        "b": {"c": "text\n"},
    }
    with pytest.raises(yaml.YAMLError, match="line"):
        read_yaml(text)


def test_no_object_is_made() -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml("!!python/object/apply:os.getcwd []")
