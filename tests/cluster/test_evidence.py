"""Secrets do not leave the cluster, and a full disk is reported."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.errors import SpoolFull
from debugcapture.steps.capture import capture
from tests.cluster.captures import captured, run_context, settings
from tests.cluster.objects import Apply, Ready, container, pod, pod_spec

SECRETS = ("hunter2-in-a-url", "hunter2-in-a-flag", "s3cr3t-bearer-value-0123456789", "ours-4711")
WORDS = (
    "connecting to postgres://app:hunter2-in-a-url@db:5432/shop",
    "started with --password hunter2-in-a-flag",
    "Authorization: Bearer s3cr3t-bearer-value-0123456789",
    "customer ours-4711 has paid",
)


@pytest.fixture
def talkative(apply: Apply, ready: Ready) -> None:
    """A pod whose log has credentials in it."""
    script = "".join(f"echo '{line}'; " for line in WORDS) + "echo all is well; while :; do sleep 1; done"
    apply(pod("web", pod_spec(container(["sh", "-c", script]))))
    ready("pod/web")


@pytest.mark.usefixtures("talkative")
def test_credentials_in_text_are_masked_and_counted(namespace: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    options = {"namespace": namespace, "pod": "web", "collectors": "logs", "redact_patterns": r"customer (ours-\d+)"}
    run = captured(tmp_path, store=store.as_uri(), **options)
    log = run.artifact("logs")
    assert log.outcome == "complete"
    assert log.redactions >= len(SECRETS)
    assert not log.sensitive
    (stored,) = store.rglob("app.log")
    assert "all is well" in stored.read_text()
    for file in store.rglob("*"):
        assert not file.is_file() or not any(secret in file.read_text() for secret in SECRETS), file
    (page,) = store.rglob("index.html")
    assert f"{log.redactions} credentials masked" in page.read_text()


@pytest.mark.usefixtures("talkative")
def test_text_without_redaction_is_unchanged_and_marked(namespace: str, tmp_path: Path) -> None:
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="logs", redact="false")
    log = run.artifact("logs")
    assert (log.redactions, log.sensitive) == (0, True)
    assert all(secret in run.text("logs/app.log") for secret in SECRETS)


@pytest.mark.usefixtures("talkative")
def test_dump_is_marked_as_sensitive(namespace: str, tmp_path: Path) -> None:
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="core-dump", allow_heavy="true")
    assert run.artifact("core-dump").outcome == "complete"
    assert run.artifact("core-dump").sensitive


@pytest.mark.usefixtures("talkative")
def test_full_spool_is_reported_before_anything_is_captured(namespace: str, tmp_path: Path) -> None:
    (tmp_path / "of-an-earlier-run").write_bytes(b"x" * (24 << 20))
    step = settings(namespace=namespace, pod="web", collectors="logs", spool_limit_mib="32")
    with pytest.raises(SpoolFull, match="24 MiB of at most 32 MiB"):
        capture(step, run_context(tmp_path, []))
    assert [path.name for path in tmp_path.iterdir()] == ["of-an-earlier-run"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.usefixtures("talkative")
def test_disk_that_becomes_full_truncates_one_artifact(namespace: str, small_disk: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "big.yaml"
    catalog.write_text(
        "- {id: big, title: Big, file: big.bin, kind: binary, time_limit_s: 60, size_limit_bytes: 1073741824,"
        " source: 'https://example.org', in_image: [{run: [sh, -c, 'head -c 40000000 /dev/urandom']}]}"
    )
    store = tmp_path / "store"
    store.mkdir()
    options = {"namespace": namespace, "pod": "web", "collectors": "logs,big", "catalog": str(catalog)}
    run = captured(small_disk, **options, spool_free_mib="0", store=store.as_uri())
    big = run.artifact("big")
    assert big.outcome == "truncated", big
    assert 10 << 20 < big.bytes < 20 << 20
    assert run.manifest.status == "partial"
    assert run.manifest.finished
    assert Bundle(run.folder).receipt()
    (stored,) = store.rglob("big.bin")
    assert stored.stat().st_size == big.bytes
    assert any(store.rglob("app.log"))
