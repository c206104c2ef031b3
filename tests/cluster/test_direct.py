"""The debug container uploads large files with requests that this machine signs."""

from __future__ import annotations

import hashlib
import json
import secrets
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.errors import BadInput
from debugcapture.steps.capture import capture
from lab.kubernetes.kubectl import Kubectl
from lab.stores import azure_endpoint, s3_endpoint
from tests.cluster.captures import captured, run_context, settings
from tests.cluster.objects import Apply, Ready, bare, container, pod, pod_spec

BIG = 40 << 20  # three pieces
MAKE = ["sh", "-c", f'yes evidence | head -c {BIG} >"$0"', "/tmp/made"]  # noqa: S108 - in the container


def azure() -> dict[str, str]:
    azure = azure_endpoint()
    place = f"azblob://{azure.account}/{azure.container}/test-direct-{secrets.token_hex(4)}"
    return {"store": place, "azure_endpoint": azure.url, "azure_key": azure.key}


def s3() -> dict[str, str]:
    s3 = s3_endpoint()
    place = {"store": f"s3://{s3.bucket}/test-direct-{secrets.token_hex(4)}", "s3_endpoint": s3.url}
    return place | {"s3_region": s3.region, "s3_access_key": s3.access_key, "s3_secret_key": s3.secret_key}


def making(folder: Path, where: str) -> str:
    """A catalog with a collector that writes a large file, in the image or in the debug container."""
    tool = {"run": MAKE, "output": MAKE[-1], "removes": True}
    entry: dict[str, object] = {"id": "big", "title": "Big", "file": "big.bin", "kind": "binary", where: [tool]}
    entry |= {"time_limit_s": 120, "size_limit_bytes": 1 << 30, "source": "https://example.org"}
    file = folder / "big.json"
    file.write_text(json.dumps([entry]))
    return str(file)


@pytest.mark.parametrize(
    ("where", "store"),
    [("from_debug", s3), ("in_image", s3), ("from_debug", azure)],
    ids=["to S3", "to S3, written in the image", "to Azure"],
)
def test_pod_that_reaches_the_store_uploads_directly(  # noqa: PLR0913, PLR0917 - the fixtures of a cluster
    where: str,
    store: Callable[[], dict[str, str]],
    namespace: str,
    apply: Apply,
    ready: Ready,
    kubectl: Kubectl,
    tmp_path: Path,
) -> None:
    """On the node's own network, where the lab's store listens."""
    target = container() if where == "in_image" else bare()
    apply(pod("web", pod_spec(target, hostNetwork=True)))
    ready("pod/web")
    options = {
        "namespace": namespace,
        "pod": "web",
        "collectors": "big,pod-snapshot",
        "direct_upload_mib": "1",
        **store(),
    }
    run = captured(tmp_path, catalog=making(tmp_path, where), **options)
    big = run.artifact("big")
    assert (big.outcome, bool(big.direct), big.bytes) == ("complete", True, BIG), run.log
    assert not (run.folder / big.file).exists()
    receipt = Bundle(run.folder).receipt()
    assert receipt
    with urllib.request.urlopen(receipt.link("big.bin"), timeout=10) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == big.sha256
    with urllib.request.urlopen(receipt.link("index.html"), timeout=10) as answer:
        assert b"big.bin" in answer.read()
    if where == "in_image":
        assert "made" not in kubectl("exec", "web", f"--namespace={namespace}", "--", "ls", "/tmp")  # noqa: S108
    shown = kubectl("get", "pod", "web", f"--namespace={namespace}", "--output=json") + "".join(run.log)
    assert "partNumber" not in shown  # the part that grants write access
    assert "comp=block" not in shown


def test_pod_that_does_not_reach_the_store_is_streamed_from(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "big", "direct_upload_mib": "1", **s3()}
    run = captured(tmp_path, catalog=making(tmp_path, "from_debug"), **options)
    big = run.artifact("big")
    assert (big.outcome, big.integrity, big.direct, big.bytes) == ("complete", "verified", None, BIG), run.log
    assert any("no direct upload from the pod" in line for line in run.manifest.remarks)
    assert Bundle(run.folder).receipt()


def test_small_file_is_streamed(namespace: str, apply: Apply, ready: Ready, tmp_path: Path) -> None:
    apply(pod("web", pod_spec(bare(), hostNetwork=True)))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "big", "direct_upload_mib": "64", **s3()}
    big = captured(tmp_path, catalog=making(tmp_path, "from_debug"), **options).artifact("big")
    assert (big.outcome, big.direct) == ("complete", None)


def test_store_without_direct_upload_is_refused_before_anything_changes(tmp_path: Path) -> None:
    step = settings(namespace="shop", pod="x", direct_upload_mib="1", store=tmp_path.as_uri())
    with pytest.raises(BadInput, match="pods cannot upload directly"):
        capture(step, run_context(tmp_path, []))
