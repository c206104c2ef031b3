"""The packages: they contain what a Rundeck server needs, and the same sources give the same bytes."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import package, vendored
from tools.vendored import Target

pytestmark = pytest.mark.xdist_group("packages")

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
CREDENTIAL_PLUGIN = """\
apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: one, user: one}}]
clusters: [{name: one, cluster: {server: "https://127.0.0.1:1"}}]
users:
- name: one
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      interactiveMode: Never
      command: echo
      args:
      - '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t0ken"}}'
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "DIST", tmp_path / "dist")


@pytest.fixture(scope="module")
def lib() -> Path:
    return vendored.vendored(Target(python=HERE))


def unpacked(zipped: Path, folder: Path) -> Path:
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder / zipped.stem


def test_zip_contains_one_folder_with_its_name() -> None:
    zipped = package.slim()
    with zipfile.ZipFile(zipped) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {zipped.stem}
    assert f"{zipped.stem}/plugin.yaml" in names
    assert f"{zipped.stem}/contents/debugcapture/collectors/jvm.yaml" in names


def test_the_zip_has_no_caches_and_no_tests_of_a_checkout() -> None:
    with zipfile.ZipFile(package.slim()) as archive:
        strays = [name for name in archive.namelist() if "/." in name or "__pycache__" in name or "test" in name]
    assert not strays


def test_every_script_of_plugin_yaml_is_in_the_zip(tmp_path: Path) -> None:
    plugin = unpacked(package.slim(), tmp_path)
    lines = (plugin / "plugin.yaml").read_text().splitlines()
    scripts = [line.split()[-1] for line in lines if line.strip().startswith("script-file:")]
    assert scripts
    assert all((plugin / "contents" / script).is_file() for script in scripts)


def test_same_sources_give_the_same_zip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    first = package.slim().read_bytes()
    umask = os.umask(0o077)
    try:
        assert package.slim().read_bytes() == first
    finally:
        os.umask(umask)


def test_packages_that_are_installed_again_give_the_same_bytes(
    lib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendored, "BUILD", tmp_path / "build")
    again = vendored.vendored(Target(python=HERE))
    assert content(again) == content(lib)


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.usefixtures("lib")
def test_bundled_zip_needs_nothing_but_python(tmp_path: Path) -> None:
    plugin = unpacked(package.bundled(Target(python=HERE)), tmp_path)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(CREDENTIAL_PLUGIN)  # the entry point that imports most
    settings = {"KUBECONFIG": kubeconfig, "NAMESPACE": "shop", "POD": "checkout-0", "COMMAND": "id"}
    environment = {f"RD_CONFIG_{name}": str(value) for name, value in settings.items()}
    python = Path(sys.base_prefix, "bin", "python3")
    script = plugin / "contents" / "k8s-debug-exec.py"
    process = subprocess.run(
        [python, "-I", "-S", script], env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True
    )
    assert "cannot read pod shop/checkout-0: the API server did not respond" in process.stderr


def test_bytecode_is_used_although_unpacking_changes_times(lib: Path, tmp_path: Path) -> None:
    moved = tmp_path / "lib"
    shutil.copytree(lib, moved, copy_function=shutil.copyfile)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import urllib3"
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-v", "-c", code, moved], capture_output=True, text=True, check=True
    )
    assert "# code object from" in process.stderr
    assert f"# code object from '{moved}/urllib3/__init__.py'" not in process.stderr
    assert f"# code object from '{moved}/urllib3/__pycache__" in process.stderr


def test_licences_of_the_packages_are_in_the_bundle(lib: Path) -> None:
    without = [info.name for info in lib.glob("*.dist-info") if not list(info.rglob("*LICEN[SC]E*"))]
    assert not without


def test_wheel_has_the_package_and_its_tables() -> None:
    with zipfile.ZipFile(package.wheel()) as archive:
        names = archive.namelist()
    assert "debugcapture/collectors/jvm.yaml" in names
    assert not [name for name in names if name.startswith("contents")]
