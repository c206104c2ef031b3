"""comparison/bundle.py and facts.py: the facts come from the files of a bundle; a broken file costs its own facts."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.comparison.bundle import compare_bundle, with_differences
from debugcapture.findings.comparison.facts import facts_of
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.isolation import Isolation
from debugcapture.manifest import Manifest
from tests.unit.builders import artifact, manifest, target
from tests.unit.findings.jvm_dumps import Thread, blocked, dump
from tests.unit.hostile import UTF8

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop}}
spec:
  nodeName: node-1
  containers:
  - name: app
    image: shop/web:{tag}
    env:
    - {{name: LEVEL, value: {level}}}
    - {{name: IP, valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}}}
    - {{name: KEY, valueFrom: {{secretKeyRef: {{name: {secret}, key: k}}}}}}
"""
METRICS = "CONTAINER  CPU  LIMIT  MEMORY  LIMIT\napp  5m  none  {memory}Mi  512Mi\n\nMeasured at now\n"
WAITS = Thread("web", blocked("0x5e", "com.shop.Stock", "com.shop.Stock.get(Stock.java:12)"), "BLOCKED (on object)")


def write(folder: Path, pod: str, **texts: str) -> list[tuple[str, str]]:
    """Write files of ``pod``, and return their names and their collectors."""
    kinds = {
        "spec": ("pod.yaml", "pod-snapshot"),
        "metrics": ("metrics.txt", "metrics"),
        "threads": ("jvm-threads.txt", "jvm-thread-dump"),
        "log": ("logs/app.log", "pod-snapshot"),
    }
    names = []
    for kind, text in texts.items():
        name, collector = kinds[kind]
        path = folder / pod / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(errors="surrogatepass"))
        names.append((f"{pod}/{name}", collector))
    return names


def two_pods(folder: Path) -> Manifest:
    """Return the manifest of a bundle with an unhealthy and a healthy pod."""
    sick = write(
        folder,
        "sick",
        spec=POD.format(name="sick", tag=2, level="debug", secret="new"),  # noqa: S106 - the name of a Secret
        metrics=METRICS.format(memory=400),
        threads=dump(*(replace(WAITS, name=f"web-{number}", number=number) for number in range(1, 5))),
        log="2026-11-30T01:00:00Z ERROR payment failed for order 17\n" * 3,
    )
    fine = write(
        folder,
        "fine",
        spec=POD.format(name="fine", tag=1, level="info", secret="old"),  # noqa: S106 - the name of a Secret
        metrics=METRICS.format(memory=100),
        threads=dump(Thread("main", ("at com.shop.Main.run(Main.java:3)",), "RUNNABLE")),
        log="2026-11-30T01:00:00Z INFO ready\n",
    )
    artifacts = [
        artifact(file=name, pod=pod, collector=collector)
        for pod, files in (("sick", sick), ("fine", fine))
        for name, collector in files
    ]
    return manifest(
        *artifacts,
        target=target(pod="sick", uid="1", unhealthy=("not ready",)),
        more_targets=(target(pod="fine", uid="2"),),
    )


def never(_file: Evidence, error: Exception) -> None:
    raise AssertionError from error


def test_the_files_of_two_pods_are_compared(tmp_path: Path) -> None:
    recovered = with_differences(two_pods(tmp_path), tmp_path, never)
    assert [(difference.subject, difference.unhealthy, difference.healthy) for difference in recovered.differences] == [
        ("image of app", "shop/web:2", "shop/web:1"),
        ("variable LEVEL of app", "debug", "info"),
        ("variable KEY of app", "key k of secret new", "key k of secret old"),
        ("errors in the log", "3 × payment failed for order #", "none"),
        ("threads", "4 of 4 BLOCKED at Stock.get(Stock.java:12)", "none there"),
        ("memory of app", "400 MiB", "100 MiB"),
    ]
    assert recovered.findings[-1].title.startswith("The unhealthy pod differs from the healthy fine: image of app, ")


def test_values_that_are_not_masked_are_not_shown(tmp_path: Path) -> None:
    evidence = two_pods(tmp_path)
    unmasked = replace(evidence, artifacts=tuple(replace(part, sensitive=True) for part in evidence.artifacts))
    shown = {difference.subject for difference in compare_bundle(tmp_path, unmasked, never)}
    assert "variable LEVEL of app" not in shown
    assert "image of app" in shown
    mixed = replace(
        evidence,
        artifacts=(replace(evidence.artifacts[0], sensitive=True), *evidence.artifacts[1:]),
    )
    assert "image of app" not in {difference.subject for difference in compare_bundle(tmp_path, mixed, never)}


def test_pods_of_one_kind_or_of_another_workload_are_not_compared(tmp_path: Path) -> None:
    capture_manifest = two_pods(tmp_path)
    sick, fine = capture_manifest.targets
    for other in (replace(fine, unhealthy=("not ready",)), replace(fine, workload="payment")):
        changed = replace(capture_manifest, more_targets=(other,))
        assert with_differences(changed, tmp_path, never) == changed
    healthy = replace(capture_manifest, target=replace(sick, unhealthy=()))
    assert compare_bundle(tmp_path, healthy, never) == ()


@given(st.lists(UTF8, min_size=4, max_size=4), st.booleans())
def test_hostile_files_of_a_pod_are_read(texts: list[str], masked: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        heads = (POD, METRICS, dump(WAITS), "ERROR\n")
        kinds = ("spec", "metrics", "threads", "log")
        parts = {kind: head + text for kind, head, text in zip(kinds, heads, texts, strict=True)}
        files = [
            Evidence(Path(folder) / name, name, "web", collector)
            for name, collector in write(Path(folder), "web", **parts)
        ]
        facts = facts_of("web", files, Isolation(never), masked=masked)
        assert facts.pod == "web"
        assert all(count >= 0 for count in facts.errors.values())
