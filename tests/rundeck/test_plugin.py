"""Rundeck's own loader on the zips that we ship."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from debugcapture.providers import PROVIDERS
from lab.rundeck import probe_plugin


@pytest.mark.parametrize("form", ["slim_zip", "bundled_zip"])
@pytest.mark.parametrize("rundeck", ["5.4.0", "5.20.1", "6.1.0"])
def test_rundeck_finds_the_plugin_valid_and_makes_every_provider(
    form: str, rundeck: str, request: pytest.FixtureRequest
) -> None:
    probe = probe_plugin(request.getfixturevalue(form), rundeck)
    assert probe.state == "VALID", probe.messages
    assert {one.name for one in probe.providers} == {one.name for one in PROVIDERS}
    assert [one.error for one in probe.providers if one.error] == []


def test_the_bundled_zip_needs_no_installed_package(bundled_zip: Path) -> None:
    names = zipfile.ZipFile(bundled_zip).namelist()
    top = bundled_zip.stem
    for package in ("boto3", "kubernetes", "urllib3", "websocket", "yaml"):
        assert f"{top}/contents/lib/{package}/__init__.py" in names
    manifest = zipfile.ZipFile(bundled_zip).read(f"{top}/plugin.yaml").decode()
    assert len(re.findall(r"script-interpreter: \S+ -IS$", manifest, re.MULTILINE)) == len(PROVIDERS)
