"""The imports of a step: each package costs time and memory in every step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from debugcapture import rundeck

CONTENTS = Path(rundeck.__file__).parents[1]
HEAVY = {"azure", "boto3", "botocore", "kubernetes", "paramiko"}
# Without site-packages' own start-up code: a .pth file there may import anything.
REPORT = """
import json, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
from debugcapture import rundeck
code = rundeck.main(sys.argv[2])
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([code, sorted(new)]))
"""
COMMAND_REPORT = """
import json, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
from debugcapture.cli.main import main
main(sys.argv[2:])
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def imported(step: str, **environment: str) -> tuple[int, set[str]]:
    process = subprocess.run(
        [sys.executable, "-c", REPORT, str(CONTENTS), step],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    code, names = json.loads(process.stdout.splitlines()[-1])
    return code, set(names)


def test_step_with_bad_input_imports_no_heavy_package() -> None:
    code, names = imported("k8s-debug-exec", RD_CONFIG_POD="Bad Pod")
    assert code == 2
    assert "debugcapture" in names
    assert not names & (HEAVY | {"click", "websocket"})


@pytest.mark.parametrize("arguments", [["--help"], ["capture", "--help-all"], ["capture", "--pod", "Bad Pod"]])
def test_command_line_imports_no_heavy_package_before_it_has_work(arguments: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-c", COMMAND_REPORT, str(CONTENTS), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    names = set(json.loads(process.stdout.splitlines()[-1]))
    assert {"click", "debugcapture"} <= names
    assert not names & (HEAVY | {"websocket", "yaml"})


def test_step_on_a_plain_kubeconfig_imports_no_heavy_package(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        json.dumps(
            {
                "current-context": "m",
                "contexts": [{"name": "m", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    code, names = imported(
        "k8s-debug-exec", RD_CONFIG_POD="web-0", RD_CONFIG_COMMAND="true", RD_CONFIG_KUBECONFIG=str(config)
    )
    assert code == 5  # nothing listens on this port
    assert not names & HEAVY


def test_jinja2_is_loaded_only_to_write_a_page() -> None:
    program = "import sys; import debugcapture.steps.capture, debugcapture.steps.upload; print('jinja2' in sys.modules)"
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, env={"PYTHONPATH": str(CONTENTS)}, stdout=subprocess.PIPE, text=True, check=True)
    assert process.stdout == "False\n"
