"""Files of the system collectors as a capture writes them."""

from __future__ import annotations

from datetime import datetime, timezone

from debugcapture.capture.describe import describe, metrics_table
from tests.unit.findings.kube_evidence import (
    container,
    pod,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PROCESSES = """== processes: pid, parent, state, threads, resident memory, name
1 0 S 16 {rss} kB shop
26 1 S 7 3076 kB run-tool

== /proc/1/limits
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            100                  524288               files

== /proc/1/fd
total 0
{descriptors}
== /proc/loadavg
4.02 5.74 6.78 15/1856 195

== /proc/pressure/memory
some avg10=0.00 avg60=0.04 avg300=0.24 total=15180766
full avg10=0.00 avg60=0.00 avg300=0.03 total=2758373
"""


def processes(*sections: tuple[str, str], rss: int = 9000, descriptors: int = 5, rows: str = "") -> str:
    links = "".join(f"lrwx------    1 0 0 64 Nov 30 00:04 {fd} -> socket:[{fd}]\n" for fd in range(descriptors))
    text = PROCESSES.replace("{rss}", str(rss)).replace("{descriptors}", links)
    text = text.replace("\n\n== /proc/1/limits", f"\n{rows}\n== /proc/1/limits")
    return text + "".join(f"\n== /proc/1/root/sys/fs/cgroup/{name}\n{content}\n" for name, content in sections)


KERNEL = """
== ss -tuanpie
Netid State Recv-Q Send-Q Local Address:Port   Peer Address:PortProcess

== cat /proc/1/net/tcp
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
"""


def kernel(*rows: tuple[int, str, str, str], tail: str = "") -> str:
    """Rows: count, state, address of the peer, received bytes, in the notation of the kernel."""
    lines = [
        f"   {index}: 0F00620A:{40000 + index:04X} {peer} {state} 00000000:{unread} 00:00000000 00000000  1000 0 5"
        for count, state, peer, unread in rows
        for index in range(count)
    ]
    return KERNEL + "\n".join(lines) + "\n" + tail


DISK = """== file systems
/proc/1/root/: UNKNOWN, blocks of 4096 bytes: 66053021, free for users: {free}; inodes: 16777216, free: {inodes}
/proc/1/root/data: ext2/ext3, blocks of 4096 bytes: 66053021, free for users: {free}; inodes: 16777216, free: {inodes}
/proc/1/root/media: squashfs, blocks of 4096 bytes: 100, free for users: 0; inodes: 10, free: 0
/proc/1/root/config: tmpfs, blocks of 4096 bytes: 10, free for users: 0; inodes: 0, free: 0

== /proc/1/mounts
overlay / overlay ro,relatime 0 0
tmpfs /config tmpfs ro,relatime 0 0
/dev/vda /data ext4 rw,relatime 0 0

== deleted but open: bytes, descriptor, file
{deleted}
== largest folders, in KiB
64112\t/proc/1/root/
58712\t/proc/1/root/data/logs
"""


def disk(free: int = 11_993_799, inodes: int = 15_708_679, deleted: str = "") -> str:
    return DISK.replace("{free}", str(free)).replace("{inodes}", str(inodes)).replace("{deleted}", deleted)


def usage(memory: str) -> str:
    resources = {"resources": {"limits": {"memory": "256Mi"}}}
    value = pod(container(), spec={"containers": [{"name": "app", **resources}, {"name": "proxy"}]})
    measured = [{"name": "app", "usage": {"cpu": "1", "memory": memory}}, {"name": "proxy", "usage": {"memory": "1Gi"}}]
    return metrics_table({"containers": measured, "timestamp": "T"}, value)


def summary(value: dict[str, object]) -> str:
    value["metadata"]["uid"] = "11ea7482"  # type: ignore[index]
    return describe(value, NOW)


RELEASE = """--- revision 1 (shop-6f4f5d48bc)
+++ revision 2 (shop-547cd64cc7)
@@ -3,7 +3,10 @@
     app: shop
 spec:
   containers:
-  - image: registry.test/shop:1
+  - env:
+    - name: RELEASE
+      value: new
+    image: registry.test/shop:{version}
     name: app
"""
