"""Rules about tables of pods: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    alarms,
    findings,
)

TABLE = """NAMESPACE   NAME                     READY   STATUS             RESTARTS        AGE
shop        cart-6d4f5b9c7d-x2x4k    0/1     CrashLoopBackOff   12 (3m ago)     47m
shop        cart-6d4f5b9c7d-aaaaa    1/1     Running            0               9d
shop        pay-58c5f7d6b9-zzzzz     0/1     Init:0/2           0               5h
shop        new-58c5f7d6b9-zzzzz     0/1     ContainerCreating  0               12s
shop        import-28187618-54d9v    0/1     Completed          0               3h
shop        old-0                    1/1     Running            3 (40d ago)     90d
shop        web-0                    1/2     Running            9 (2m ago)      3h
"""


def test_the_table_of_pods() -> None:
    shown = {finding.title.partition(":")[0]: finding for finding in findings(TABLE)}
    assert shown["Pod cart-6d4f5b9c7d-x2x4k"].severity == "critical"
    assert "12 restarts, the last 3m ago" in shown["Pod cart-6d4f5b9c7d-x2x4k"].title
    assert shown["Pod pay-58c5f7d6b9-zzzzz"].severity == "warning"
    assert shown["Pod web-0"].severity == "warning"
    assert shown["Pod old-0"].severity == "info"
    assert shown["Pod new-58c5f7d6b9-zzzzz"].severity == "info"
    assert len(shown) == 5


def test_pods_with_the_same_status_are_one_finding() -> None:
    rows = "".join(f"cart-6d4f5b9c7d-x2x4{index}   0/1   ImagePullBackOff   0   47m\n" for index in range(9))
    (finding,) = findings("NAME   READY   STATUS   RESTARTS   AGE\n" + rows)
    assert finding.title == "9 pods are in ImagePullBackOff: an image cannot be pulled"


def test_a_healthy_table_has_no_alarm() -> None:
    healthy = [line for line in TABLE.splitlines() if "cart-6d4f5b9c7d-a" in line or "old-0" in line or "Comp" in line]
    assert not alarms("\n".join([TABLE.splitlines()[0], *healthy]))
