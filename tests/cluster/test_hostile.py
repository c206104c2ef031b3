"""A hostile container damages only its own artifacts: those of the other pods are complete."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.manifest import Manifest
from tests.cluster.captures import captured
from tests.cluster.hostile import Ran, hostile_image, hostile_pod, run_step
from tests.cluster.objects import Apply, Ready, container, pod, pod_spec

pytestmark = pytest.mark.xdist_group("hostile image")

GOOD, LABELS = ("good-1", "good-2"), {"labels": {"app": "shop"}}
MODES = ("garbage", "floods", "drowns", "lies", "hangs", "kills")
LIMIT = 4 << 20
CATALOG = f"""
- {{id: greeting, title: Greeting, file: greeting.txt, time_limit_s: 15, size_limit_bytes: {LIMIT},
   source: 'https://example.org', in_image: [{{run: [sh, -c, echo good]}}]}}
- {{id: beside, title: Beside, file: beside.txt, time_limit_s: 30, size_limit_bytes: {LIMIT},
   source: 'https://example.org', from_debug: [{{run: [sh, -c, sleep 3; echo good]}}]}}
"""
# As Rundeck's filter reads a line, and as its log is cut into lines.
FORGED = re.compile(
    r"(?:^|[\r\n])(?:RUNDECK:DATA:(?!capture_id=|bundle=/|status=|summary=|failure=)|#(?:BEGIN|END):RUNDECK)"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@pytest.fixture(scope="module")
def image() -> str:
    return hostile_image()


@pytest.fixture
def shop(namespace: str, image: str, apply: Apply, ready: Ready) -> str:
    for name in GOOD:
        apply(pod(name, pod_spec(container()), **LABELS))
    for mode in MODES:
        apply(hostile_pod(mode, mode, image, **LABELS))
    ready("pod --selector=app=shop")
    return namespace


def honest(ran: Ran) -> None:
    """Check that the plugin has written every line of the log."""
    for text in (ran.output, ran.errors):
        assert not FORGED.search(text), FORGED.search(text)
        assert not CONTROL.search(text), CONTROL.search(text)
        assert "Traceback" not in text
        assert "Please report this bug" not in text
    data = dict(re.findall(r"^RUNDECK:DATA:(\w+)=(.*)$", ran.output, re.MULTILINE))
    assert "evil" not in str(data)
    assert data["status"] == "partial"


def require_complete(manifest: Manifest, pod: str, folder: Path) -> None:
    incomplete = [
        artifact
        for artifact in manifest.artifacts
        if artifact.pod == pod and artifact.outcome not in ("complete", "skipped")
    ]
    assert not incomplete, incomplete
    assert (folder / pod / "greeting.txt").read_text() == "good\n"
    assert (folder / pod / "beside.txt").read_text() == "good\n"


def test_other_pods_are_complete_and_limits_hold(shop: str, tmp_path: Path) -> None:
    catalog, spool = tmp_path / "own.yaml", tmp_path / "spool"
    catalog.write_text(CATALOG)
    spool.mkdir()
    options = {
        "namespace": shop,
        "selector": "app=shop",
        "max_pods": "10",
        "fail_when_partial": "true",
        "sample": "false",
        "catalog": str(catalog),
    }
    ran = run_step("k8s-debug-capture", spool, **options, collectors="pod-snapshot,processes,greeting,beside", link="")
    honest(ran)
    assert ran.code == 10, ran.errors
    (folder,) = spool.glob("2*")
    manifest = Bundle(folder).manifest()
    assert manifest.finished
    for name in GOOD:
        require_complete(manifest, name, folder)
    of = {
        mode: {artifact.collector: artifact for artifact in manifest.artifacts if artifact.pod == mode}
        for mode in MODES
    }
    assert (of["floods"]["greeting"].outcome, of["floods"]["greeting"].bytes) == ("truncated", LIMIT)
    assert of["lies"]["greeting"].outcome == "truncated"
    assert of["lies"]["greeting"].integrity == "unverified"
    for mode in ("hangs", "drowns"):
        assert of[mode]["greeting"].outcome == "failed"
        assert "time limit" in of[mode]["greeting"].reason
    assert of["kills"]["beside"].outcome in ("failed", "truncated")
    # The evidence of the API server is captured for every pod, whatever the container does.
    for mode in MODES:
        assert (folder / mode / "pod.yaml").stat().st_size, mode
        assert (folder / mode / "logs" / "app.log").stat().st_size, mode
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 40 << 20
    assert 10 < ran.peak_mib < 110


def test_special_files_on_a_volume_are_kept_as_such(
    namespace: str, image: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    """`files` and `crash-dumps` handle links, pipes, devices, a sparse terabyte, and names with line breaks."""
    apply(hostile_pod("web", "garbage", image))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "spool_limit_mib": "256", "files": "/data /dev/zero /dev/full"}
    run = captured(tmp_path, **options, collectors="crash-dumps,pod-snapshot")
    files = run.artifact("files")
    assert files.bytes < 256 << 20
    assert run.artifact("pod-snapshot").outcome == "complete"
    assert all(artifact.outcome != "complete" or artifact.bytes for artifact in run.manifest.artifacts)
    dumps = [artifact for artifact in run.manifest.artifacts if artifact.collector == "crash-dumps"]
    assert all(
        (run.folder / artifact.file).resolve().is_relative_to(run.folder.resolve())
        for artifact in dumps
        if artifact.file
    )


def test_files_by_a_debug_container_keeps_links_pipes_and_devices_as_such(
    namespace: str, image: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    """The tar of the image cannot run here, so the tar of the toolbox reads the volume as the user of the target."""
    web = hostile_pod("web", "kills-not", image)
    web["spec"]["containers"][0]["env"].append({"name": "PATH", "value": "/nowhere"})
    apply(web)
    ready("pod/web")
    paths = "/data/root /data/core.1 /data/core.2 /data/core.4 /data/core.5 /dev/zero /--checkpoint=1"
    run = captured(tmp_path, namespace=namespace, pod="web", files=paths, collectors="pod-snapshot")
    content = (run.folder / run.artifact("files").file).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        kinds = {entry.name: entry for entry in tar}
    assert kinds["data/root"].issym()
    assert kinds["data/core.1"].issym()
    assert kinds["data/core.2"].isfifo()
    assert kinds["data/core.5"].islnk()
    assert kinds["dev/zero"].ischr()
    assert not any(name.startswith(("etc", "/", "..")) for name in kinds)
    assert run.artifact("files").outcome in ("truncated", "failed")  # --checkpoint=1 is a file that is not there
