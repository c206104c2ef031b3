"""Tables that kubectl and a capture print: several versions, and events of a bundle."""

from __future__ import annotations

from debugcapture.capture.describe import event_table
from tests.unit.findings.kube_evidence import (
    QUOTA,
    alarms,
    event,
    findings,
    only,
)


def test_the_old_wide_table_of_events() -> None:
    text = (
        "59m  59m  1    shop-6597bc46dc-wtqkj.1578834752099143  Pod  spec.containers{shop}  Normal  Killing  "
        "kubelet, ip-10-0-0-1.test  Killing container with id docker://shop:Need to kill Pod\n"
        "59m  6d   124  shop-6597bc46dc.1576a87b365ab1e4  ReplicaSet  Warning  FailedCreate  replicaset-controller  "
        f"{QUOTA}\n"
    )
    (finding,) = findings(text)
    assert finding.title.startswith("ReplicaSet shop-6597bc46dc cannot create pods: quota team")


def test_events_of_a_bundle() -> None:
    text = """LAST SEEN             TYPE     REASON               MESSAGE
2026-11-30T10:04:12Z  Normal   Pulling (x2)         Pulling image "registry.test/app:1"
2026-11-30T10:04:12Z  Warning  Failed (x2)          Failed to pull image "registry.test/app:1": not found
2026-11-30T10:04:12Z  Warning  Failed (x2)          Error: ErrImagePull
"""
    finding = only(text, "image-cannot-be-pulled")
    assert "2 times, last seen 2026-11-30T10:04:12Z" in finding.detail
    later = "2026-11-30T10:05:00Z  Normal   Started (x1)         Started container app\n"
    assert not alarms(text + later)


def test_the_new_table_of_events() -> None:
    text = """LAST SEEN   TYPE      REASON        OBJECT                     MESSAGE
2m          Normal    Scheduled     pod/shop-5b6d-x2x4k        Successfully assigned shop/shop-5b6d-x2x4k to node-1
12s         Warning   FailedMount   pod/shop-5b6d-x2x4k        MountVolume.SetUp failed for volume "a" : no such file
"""
    finding = only(text, "volume-cannot-be-mounted")
    assert (finding.pod, finding.evidence[0].first) == ("shop-5b6d-x2x4k", 3)


def test_the_table_of_nodes() -> None:
    text = """NAME     STATUS                     ROLES           AGE   VERSION
node-1   Ready                      control-plane   40d   v1.34.1
node-2   NotReady                   <none>          40d   v1.34.1
node-3   Ready,SchedulingDisabled   <none>          40d   v1.34.1
"""
    (finding,) = findings(text)
    assert finding.title.startswith("Node node-2 is not ready")


def test_the_old_table_of_events_with_a_header() -> None:
    text = (
        "LASTSEEN   FIRSTSEEN   COUNT     NAME                      KIND      SUBOBJECT               TYPE      REASON"
        "    SOURCE            MESSAGE\n"
        "2m         1h          41        shop-1.14ef0b7d9a2b3c4d   Pod       spec.containers{app}    Warning   BackOff"
        "   kubelet, node-1   Back-off restarting failed container\n"
        "2m         1h          4         shop.14ef0b7d9a2b3c4d     Job                               Warning   "
        "FailedCreate   job-controller   Error creating: pods is forbidden: exceeded quota\n"
    )
    loop = only(text, "container-is-restarted-in-a-loop")
    assert 'Container "app" of Pod shop-1 ends' in loop.title
    assert "41 times, last seen 2m ago" in loop.detail
    assert only(text, "pods-cannot-be-created").title.startswith("Job shop cannot create pods")


def test_events_of_a_bundle_know_debug_containers() -> None:
    message = 'Failed to pull image "registry.test/toolbox:1": connection refused'
    about = {"kind": "Pod", "name": "shop-1", "fieldPath": "spec.ephemeralContainers{debug-1}"}
    failed = event("Failed", message, involvedObject=about)
    assert not findings(event_table([failed]))
    about["fieldPath"] = "spec.containers{app}"
    assert only(event_table([failed]), "image-cannot-be-pulled")


def test_events_of_all_namespaces_without_a_header() -> None:
    text = (
        "shop   9m32s   Warning   FailedScheduling   pod/cart-0    0/1 nodes are available: 1 Insufficient cpu.\n"
        "shop   9m30s   Normal    SuccessfulCreate   replicaset/cart   Created pod: cart-0\n"
    )
    assert 'Pod "cart-0" is not scheduled' in only(text, "pod-is-not-scheduled").title


def test_a_column_that_is_wider_than_its_header() -> None:
    text = (
        "  Type     Reason     Age                    From               Message\n"
        "  ----     ------     ----                   ----               -------\n"
        "  Warning  Unhealthy         2m52s (x13 over 6m42s)  kubelet            Readiness probe failed: refused\n"
    )
    assert only(text, "probe-fails").title == "Readiness probe failed, 13 times"
