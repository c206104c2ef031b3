"""kube_last_words.py: the last message of a container's log, without the stack trace that follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers.kube_last_words import parse, recognize
from debugcapture.findings.parsers.kube_model import Container


def log(folder: Path, text: str, name: str = "logs/app.log", collector: str = "pod-snapshot") -> Evidence:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Evidence(path, name, "web-0", collector)


def container(evidence: Evidence) -> Container:
    (pod,) = parse(evidence).pods
    assert pod.name == "web-0"
    (only,) = pod.containers
    return only


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("2026-11-30T03:45:30Z starting\n2026-11-30T03:45:31Z no route to db\n", 2, "no route to db"),
        ("2026-11-30T03:45:30Z Error: boom\n2026-11-30T03:45:30Z \tat shop.Main\n", 1, "Error: boom"),
        ("panic\n\n\n", 1, "panic"),
        ("first\nsecond, without a line break", 2, "second, without a line break"),
    ],
)
def test_the_last_message(text: str, line: int, message: str, tmp_path: Path) -> None:
    words = container(log(tmp_path, text)).last_words
    assert words is not None
    assert (words.file, words.first, words.quote) == ("logs/app.log", line, (message,))


def test_a_long_log_is_counted_and_not_read_as_text(tmp_path: Path) -> None:
    words = container(log(tmp_path, "one line of many\n" * 20_000 + "the end\n")).last_words
    assert words is not None
    assert (words.first, words.quote) == (20_001, ("the end",))


def test_an_empty_log_has_no_message(tmp_path: Path) -> None:
    assert container(log(tmp_path, "\n \n")).last_words is None


def test_the_log_of_the_previous_run_is_kept_apart(tmp_path: Path) -> None:
    previous = container(log(tmp_path, "gone\n", "web-0/logs/app.previous.log"))
    assert (previous.name, previous.last_words) == ("app", None)
    assert previous.last_words_of_previous is not None


@pytest.mark.parametrize(
    ("name", "collector", "is_log"),
    [
        ("logs/app.log", "pod-snapshot", True),
        ("web-0/logs/app.previous.log", "logs", True),
        ("logs/app.log", "files", False),
        ("files/app.log", "pod-snapshot", False),
    ],
)
def test_logs_of_containers_are_recognized(name: str, collector: str, is_log: bool, tmp_path: Path) -> None:
    assert recognize(log(tmp_path, "x", name, collector)) is is_log
