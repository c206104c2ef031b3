"""Rundeck's own loader on the release zips."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from debugcapture.steps.providers import PROVIDERS
from lab.rundeck import probe_plugin


@pytest.mark.parametrize("form", ["slim_zip", "bundled_zip"])
@pytest.mark.parametrize("rundeck", ["5.4.0", "5.20.1", "6.1.0"])
def test_rundeck_validates_the_plugin_and_creates_every_provider(
    form: str, rundeck: str, request: pytest.FixtureRequest
) -> None:
    probe = probe_plugin(request.getfixturevalue(form), rundeck)
    assert probe.state == "VALID", probe.messages
    assert {provider.name for provider in probe.providers} == {provider.name for provider in PROVIDERS}
    assert [provider.error for provider in probe.providers if provider.error] == []


@pytest.mark.parametrize("form", ["slim_zip", "bundled_zip"])
def test_rundeck_finds_icons_and_texts_of_every_step(form: str, request: pytest.FixtureRequest) -> None:
    probe = probe_plugin(request.getfixturevalue(form))
    steps = {provider.name for provider in PROVIDERS if not provider.lists_values}  # dropdowns show no icon
    for described in probe.providers:
        assert {"icon.png", "i18n/messages.properties"} < set(described.resources)
        assert (f"{described.name}.icon.png" in described.resources) == (described.name in steps)
    assert probe.pictures["icon.png"] == (128, 128)
    assert all(side == (64, 64) for name, side in probe.pictures.items() if name != "icon.png")
    assert len(probe.pictures) == len(steps) + 1


def test_rundeck_reads_the_texts_in_each_language(slim_zip: Path) -> None:
    probe = probe_plugin(slim_zip)
    english, german = probe.texts["i18n/messages.properties"], probe.texts["i18n/messages_de.properties"]
    assert german["k8s-debug-exec.plugin.title"] == "Kubernetes Debug / Befehl ausführen"
    assert probe.texts == probe.texts_as_latin1  # versions of Rundeck read them with different encodings
    for provider in probe.providers:
        assert english[f"{provider.name}.plugin.title"] == provider.title
        for field in provider.properties:
            assert english[f"property.{field['name']}.description"] == field["description"]
            assert german[f"property.{field['name']}.title"]


def test_the_bundled_zip_needs_no_installed_package(bundled_zip: Path) -> None:
    names = zipfile.ZipFile(bundled_zip).namelist()
    top = bundled_zip.stem
    for package in ("boto3", "kubernetes", "urllib3", "websocket", "yaml"):
        assert f"{top}/contents/lib/{package}/__init__.py" in names
    manifest = zipfile.ZipFile(bundled_zip).read(f"{top}/plugin.yaml").decode()
    assert len(re.findall(r"script-interpreter: \S+ -IS$", manifest, re.MULTILINE)) == len(PROVIDERS)
