"""The retention that docs/stores.md gives for a directory and for Azure; the S3 rule is applied in tests/stores."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

from tests.unit.builders import written

DOCUMENT = (Path(__file__).parents[3] / "docs" / "stores.md").read_text()
DAY_S = 24 * 60 * 60


def aged(path: Path, days: int) -> None:
    os.utime(path, times=(time.time() - days * DAY_S,) * 2)


def test_old_files_and_empty_folders_of_a_directory_are_deleted(tmp_path: Path) -> None:
    root = tmp_path / "captures"
    old, new, unfinished = "shop/web/1/heap.bin", "shop/api/2/log.txt", "shop/web/1/.core.part"
    for name, days in ((old, 32), (new, 3), (unfinished, 40)):
        aged(written(root, name, "x"), days)
    (root / "shop" / "begun").mkdir()
    (script,) = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)

    def day() -> list[str]:
        subprocess.run(["sh", "-e", "-c", script.replace("/srv/captures", str(root))], check=True)
        return sorted(str(file.relative_to(root)) for file in root.rglob("*"))

    pending = "shop/begun"  # an upload may be making it
    assert day() == ["shop", "shop/api", "shop/api/2", new, pending, "shop/web", "shop/web/1"]
    aged(root / "shop" / "web" / "1", 3)  # the time of a folder changes when its last file is deleted
    assert day() == ["shop", "shop/api", "shop/api/2", new, pending, "shop/web"]


def test_the_rule_for_azure_is_valid() -> None:
    """By the names of the Storage resource provider's API, "Management Policies"."""
    (text,) = re.findall(r'```json\n(\{"rules".*?)```', DOCUMENT, re.DOTALL)
    (rule,) = json.loads(text)["rules"]
    assert rule.keys() == {"name", "enabled", "type", "definition"}
    assert rule["definition"]["filters"] == {"blobTypes": ["blockBlob"], "prefixMatch": ["CONTAINER/PREFIX"]}
    for of in ("baseBlob", "version"):
        assert rule["definition"]["actions"][of] == {"delete": {"daysAfterCreationGreaterThan": 30}}
