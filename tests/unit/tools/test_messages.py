"""messages.py: the texts of the forms are complete, with the same facts in each language."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.steps.providers import PROVIDERS
from tools import generate, messages
from tools.yaml_text import read_yaml

I18N = generate.ROOT / "resources" / "i18n"
# The parts of a text that do not depend on the language: names, numbers and paths.
FACT = re.compile(
    r"""\$\{[^}]+\}              # what a job fills in
      | \w+://[^\s,;]*[\w/]      # addresses
      | ~?[\w.-]*/[\w./-]*\w     # files and folders
      | [A-Z0-9_]{3,}(?![a-z])   # NAME, PORT, PEM, S3
      | \d+(?=[^\d.,]|\.?$)      # numbers, but for their separators
    """,
    re.VERBOSE,
)


def read(name: str) -> dict[str, str]:
    """Read a file as java.util.Properties does."""
    lines = [line for line in (I18N / name).read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    pairs = (re.split(r"(?<!\\)=", line, maxsplit=1) for line in lines)
    return {re.sub(r"\\(.)", r"\1", key): value.encode().decode("unicode-escape") for key, value in pairs}


ENGLISH, GERMAN = read("messages.properties"), read("messages_de.properties")


def test_each_text_exists_in_both_languages() -> None:
    assert list(GERMAN) == list(ENGLISH)
    assert all(text.strip() for text in (*GERMAN.values(), *ENGLISH.values()))


def test_each_form_is_covered() -> None:
    assert {f"{provider.name}.plugin.title" for provider in PROVIDERS} < set(GERMAN)
    names = {entry["name"] for provider in generate.plugin()["providers"] for entry in provider["config"]}
    assert {f"property.{name}.{part}" for name in names for part in ("title", "description")} < set(GERMAN)


def test_heading_of_each_group_has_the_key_that_rundeck_looks_up() -> None:
    shown = [entry["renderingOptions"] for provider in generate.plugin()["providers"] for entry in provider["config"]]
    keys = {f"property.{options.get('grouping', 'primary')}.{options['groupName']}.groupName" for options in shown}
    assert {key for key in GERMAN if key.endswith(".groupName")} == keys
    assert GERMAN["property.secondary.Cluster connection.groupName"] == "Verbindung zum Cluster"
    assert GERMAN["property.secondary.Many pods: Job in the cluster.groupName"] == "Viele Pods: Job im Cluster"


@pytest.mark.parametrize("key", ENGLISH)
def test_both_languages_name_the_same_facts(key: str) -> None:
    assert sorted(set(FACT.findall(GERMAN[key]))) == sorted(set(FACT.findall(ENGLISH[key])))


def test_german_descriptions_differ_from_the_english_ones() -> None:
    same = {key for key, text in GERMAN.items() if key.endswith("description") and text == ENGLISH[key]}
    assert same == set()


def test_a_blank_field_describes_its_default_in_german() -> None:
    assert GERMAN["property.spool_limit_mib.description"] == "Maximale Größe des Spools. Leer: 20480."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda texts: texts["settings"].pop("pod"), "it lacks property.pod.description, property.pod.title"),
        (lambda texts: texts["settings"]["pod"].update(title=""), "it lacks property.pod.title"),
        (lambda texts: texts["settings"].update(pot={"title": "Topf"}), "no form shows property.pot.title"),
        (lambda texts: texts["steps"].update(x={"title": "X"}), "no form shows x.plugin.title"),
        (lambda texts: texts["groups"].pop("Target"), "it lacks property.primary.Target.groupName"),
        (lambda texts: texts["groups"].update(Topf="Topf"), "no form shows group Topf"),
    ],
    ids=["missing", "empty", "unknown setting", "unknown step", "missing group", "unknown group"],
)
def test_the_check_fails_if_a_german_text_is_missing_or_unused(
    change: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = read_yaml(messages.GERMAN.read_text(encoding="utf-8"))
    change(texts)
    source = tmp_path / "german.yaml"
    source.write_text(yaml.safe_dump(texts))
    monkeypatch.setattr(messages, "GERMAN", source)
    assert generate.main(["--check"]) == 1
    assert f"german.yaml: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "written"), [("für", "f\\u00fcr"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("🙂", "\\ud83d\\ude42")]
)
def test_every_reader_of_the_file_gets_the_same_text(text: str, written: str) -> None:
    assert messages.properties({"k": text}).splitlines()[1] == f"k={written}"
