"""sbom.py: the bill of materials is valid, reproducible, and lists the content of each file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from debugcapture import __version__
from tools import sbom
from tools.vendored import LOCK

METADATA = {
    "alpha-2.0.dist-info": "Name: Alpha\nVersion: 2.0\nLicense-Expression: MIT\n\nText: no header\n",
    "beta_gamma-1.dist-info": "Name: beta_gamma\nVersion: 1\nLicense: our own, see LICENSE\n",
}


@pytest.fixture
def zips(tmp_path: Path) -> tuple[Path, Path]:
    """A zip that contains two packages, and one without packages."""
    carrying, slim = tmp_path / "bundled.zip", tmp_path / "slim.zip"
    with zipfile.ZipFile(carrying, "w") as archive:
        for info, text in METADATA.items():
            archive.writestr(f"bundled/contents/lib/{info}/METADATA", text)
        archive.writestr("bundled/contents/lib/alpha/vendored/old-1.dist-info/METADATA", "Name: old\nVersion: 1\n")
    with zipfile.ZipFile(slim, "w") as archive:
        archive.writestr("slim/plugin.yaml", "name: x\n")
    return carrying, slim


def bill(zips: tuple[Path, Path]) -> dict[str, Any]:
    bill_of_materials: dict[str, Any] = json.loads(sbom.bill_of_materials(zips, zips[0]))
    return bill_of_materials


def needs(bill_of_materials: Mapping[str, Any], name: str) -> list[str]:
    entries: list[str] = next(
        dependency.get("dependsOn", []) for dependency in bill_of_materials["dependencies"] if dependency["ref"] == name
    )
    return entries


def test_is_valid_cyclonedx(zips: tuple[Path, Path]) -> None:
    # Imported here: the validator compiles grammars, which takes seconds in each process that collects the tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.bill_of_materials(zips, zips[0])) is None


def test_same_files_give_the_same_bill_at_the_date_of_the_sources(
    zips: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    first = sbom.bill_of_materials(zips, zips[0])
    assert sbom.bill_of_materials(zips, zips[0]) == first
    assert json.loads(first)["metadata"]["timestamp"] == "2026-09-21T14:13:20+00:00"
    zips[1].write_bytes(b"other")
    assert json.loads(sbom.bill_of_materials(zips, zips[0]))["serialNumber"] != json.loads(first)["serialNumber"]


def test_the_parts_of_the_bundled_zip_are_its_packages(zips: tuple[Path, Path]) -> None:
    bill_of_materials = bill(zips)
    assert needs(bill_of_materials, "bundled.zip") == ["pkg:pypi/alpha@2.0", "pkg:pypi/beta-gamma@1"]
    licenses = {component["name"]: component.get("licenses") for component in bill_of_materials["components"]}
    assert licenses["alpha"] == [{"license": {"id": "MIT"}}]
    assert licenses["beta-gamma"] is None  # not a license that SPDX knows


def test_the_slim_zip_requires_the_packages_of_the_lock(zips: tuple[Path, Path]) -> None:
    locked = {line.split()[0] for line in LOCK.read_text().splitlines() if "==" in line and line[0].isalpha()}
    assert {permission.rpartition("/")[2].replace("@", "==") for permission in needs(bill(zips), "slim.zip")} == locked


def test_the_toolbox_has_the_listed_tools_and_the_modules_of_this_projects_tools(zips: tuple[Path, Path]) -> None:
    bill_of_materials = bill(zips)
    tools = needs(bill_of_materials, "debug-capture-toolbox")
    assert {"dotnet-inspect", "node-inspect", "php-stacks", "store-upload", "pkg:deb/debian/gdb-minimal"} < set(tools)
    assert [tool for tool in tools if tool.startswith(("pkg:cargo/rbspy@", "pkg:pypi/py-spy@"))]
    assert needs(bill_of_materials, "php-stacks") == []
    for tool in ("node-inspect", "store-upload"):
        required = (sbom.TOOLBOX / tool / "go.mod").read_text().split("require ")[1].split()
        assert needs(bill_of_materials, tool) == [f"pkg:golang/{required[0]}@{required[1]}"]


def test_the_product_depends_on_every_component(zips: tuple[Path, Path]) -> None:
    bill_of_materials = bill(zips)
    product = bill_of_materials["metadata"]["component"]
    assert (product["name"], product["version"]) == ("kubernetes-debug-capture", __version__)
    assert needs(bill_of_materials, product["bom-ref"]) == ["bundled.zip", "debug-capture-toolbox", "slim.zip"]
    references = {product["bom-ref"], *(component["bom-ref"] for component in bill_of_materials["components"])}
    assert {dependency["ref"] for dependency in bill_of_materials["dependencies"]} == references
