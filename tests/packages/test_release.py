"""The files of a release: checksums, a bill of materials, and the same bytes from each build."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from debugcapture import __version__
from tools import package
from tools.vendored import Target

pytestmark = pytest.mark.xdist_group("packages")

TARGET = Target(python=f"{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1790000000")
        yield patch


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch) -> Path:
    return released(tmp_path_factory.mktemp("first"), patched)


def released(folder: Path, patched: pytest.MonkeyPatch) -> Path:
    patched.setattr(package, "DIST", folder)
    files = package.release(TARGET)
    assert sorted(files) == sorted(folder.iterdir())
    return folder


def sums(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def bill(dist: Path) -> dict[str, Any]:
    bill_of_materials: dict[str, Any] = json.loads((dist / f"{package.NAME}-{__version__}.cdx.json").read_text())
    return bill_of_materials


def test_checksums_are_those_of_all_files(dist: Path) -> None:
    process = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=dist, capture_output=True, text=True, check=True
    )
    checked = {line.partition(":")[0] for line in process.stdout.splitlines() if line.endswith(": OK")}
    assert checked == {file.name for file in dist.iterdir()} - {"SHA256SUMS"}


def test_the_checksums_can_be_signed_and_verified(dist: Path, tmp_path: Path) -> None:
    key, sums_copy = tmp_path / "key", tmp_path / "SHA256SUMS"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sums_copy.write_bytes((dist / "SHA256SUMS").read_bytes())
    for _ in range(2):  # a signature of an earlier build is replaced
        signed = package.signature(sums_copy, key.read_text())
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"releases {key.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "releases", "-n", "file", "-s", str(signed)]
    assert subprocess.run(verify, input=sums_copy.read_bytes(), capture_output=True).returncode == 0
    assert subprocess.run(verify, input=b"other", capture_output=True).returncode != 0


def test_a_key_that_cannot_sign_is_named(dist: Path, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_bytes((dist / "SHA256SUMS").read_bytes())
    with pytest.raises(ValueError, match="cannot sign SHA256SUMS with [$]RELEASE_SIGNING_KEY") as caught:
        package.signature(tmp_path / "SHA256SUMS", "hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_bill_lists_exactly_the_packages_of_the_bundled_zip(dist: Path, tmp_path: Path) -> None:
    name = f"{package.NAME}-bundled-{__version__}"
    with zipfile.ZipFile(dist / f"{name}.zip") as archive:
        archive.extractall(tmp_path)
    lib = tmp_path / name / "contents" / "lib"
    distributions = importlib.metadata.distributions(path=[str(lib)])
    carried = {f"pkg:pypi/{canonicalize_name(component.name)}@{component.version}" for component in distributions}
    (listed,) = [
        dependency["dependsOn"] for dependency in bill(dist)["dependencies"] if dependency["ref"] == f"{name}.zip"
    ]
    assert sorted(listed) == sorted(carried)
    assert len(carried) > 10


def test_bill_has_the_checksum_of_each_file(dist: Path) -> None:
    checksums = {
        component["name"]: component["hashes"][0]["content"]
        for component in bill(dist)["components"]
        if component["type"] == "file"
    }
    assert checksums.items() < sums(dist).items()
    assert len(checksums) == 6


def test_every_file_has_the_version_in_its_name(dist: Path) -> None:
    assert [file.name for file in dist.iterdir() if __version__ not in file.name] == ["SHA256SUMS"]


def test_second_build_gives_the_same_bytes(dist: Path, tmp_path: Path, patched: pytest.MonkeyPatch) -> None:
    umask = os.umask(0o077)
    try:
        assert sums(released(tmp_path, patched)) == sums(dist)
    finally:
        os.umask(umask)
