"""node-state.sh: the kernel messages of a node, also where dmesg is restricted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from debugcapture.kube.scripts import shell_command
from tests.unit.builders import written

KILLED = "Out of memory: Killed process 7 (java)"


def programs(folder: Path, **scripts: str) -> None:
    for name, text in scripts.items():
        written(folder, name, f"#!/bin/sh\n{text}\n").chmod(0o755)


def node_state(tmp_path: Path) -> str:
    argv = shell_command("node-state", arguments=(f"{tmp_path}/host",))
    environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout


def killed_for_memory(text: str) -> str:
    return text.partition("== killed for memory\n")[2].partition("\n==")[0].strip()


def test_messages_are_those_of_dmesg(tmp_path: Path) -> None:
    programs(tmp_path / "bin", dmesg=f"echo '{KILLED}'; echo 'eth0: up'")
    text = node_state(tmp_path)
    assert "eth0: up" in text
    assert killed_for_memory(text) == KILLED


@pytest.mark.parametrize("has_journal", [True, False])
def test_where_dmesg_is_restricted_the_journal_of_the_node_has_them(has_journal: bool, tmp_path: Path) -> None:
    restricted = "echo 'dmesg: klogctl: Operation not permitted' >&2; exit 1"
    chroot = f"""[ "$1 $2 $4" = '{tmp_path}/host journalctl --dmesg' ] && echo 'kernel: {KILLED}'"""
    programs(tmp_path / "bin", dmesg=restricted, chroot=chroot)
    if has_journal:
        programs(tmp_path / "host", **{"usr/bin/journalctl": "exit 9"})
    text = node_state(tmp_path)
    assert "klogctl: Operation not permitted" in text
    assert killed_for_memory(text) == (f"kernel: {KILLED}" if has_journal else "")
