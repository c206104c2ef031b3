"""Logs as the collectors of Java 8 print them, with and without details."""

from __future__ import annotations

HEAD = (
    "OpenJDK 64-Bit Server VM (25.412-b08) for linux-amd64 JRE (1.8.0_412-b08), built on Apr 18 2024 by gcc 8.5.0\n"
    "Memory: 4k page, physical 8388608k(7340032k free), swap 0k(0k free)\n"
    "CommandLine flags: -XX:InitialHeapSize=536870912 -XX:MaxHeapSize=536870912 -XX:+PrintGC -XX:+PrintGCDetails \n"
)
ROTATED = "2026-11-30 01:00:00 GC log file created /logs/gc.log.1\n" + HEAD
DATE = "2026-11-30T01:{minute:02}:{second:02}.250+0000: "
TIMES = " [Times: user=0.09 sys=0.01, real=0.03 secs] \n"

SERIAL = (
    "{at}.125: [GC (Allocation Failure) {at}.125: [DefNew: 139776K->{young}K(157248K), 0.0301050 secs] "
    "239776K->{after}K(506816K), {seconds} secs]" + TIMES
)
SERIAL_FULL = (
    "{at}.500: [Full GC ({cause}) {at}.500: [Tenured: 349567K->{old}K(349568K), {seconds} secs] "
    "506700K->{after}K(506816K), [Metaspace: 40213K->40213K(1085440K)], {seconds} secs]" + TIMES
)
PARALLEL = (
    "{at}.125: [GC (Allocation Failure) [PSYoungGen: 153088K->9218K(171520K)] 253088K->{after}K(521216K), "
    "{seconds} secs]" + TIMES
)
PARALLEL_FAILED = (
    "{at}.125: [GC (Allocation Failure) --[PSYoungGen: 153088K->153088K(171520K)] 500088K->{after}K(521216K), "
    "{seconds} secs]" + TIMES
)
PARALLEL_FULL = (
    "{at}.500: [Full GC ({cause}) [PSYoungGen: 153088K->{young}K(171520K)] [ParOldGen: 349600K->{old}K(349696K)] "
    "502688K->{after}K(521216K), [Metaspace: 40213K->40213K(1085440K)], {seconds} secs]" + TIMES
)
CMS = (
    "{at}.125: [GC (Allocation Failure) {at}.125: [ParNew: 139776K->9000K(157248K), 0.0301050 secs] "
    "239776K->{after}K(506816K), {seconds} secs]" + TIMES
)
CMS_CYCLE = (
    "{at}.200: [GC (CMS Initial Mark) [1 CMS-initial-mark: 200100K(349568K)] 210100K(506816K), 0.0041 secs]"
    + TIMES
    + ""
    "{at}.205: [CMS-concurrent-mark-start]\n"
    "{at}.405: [CMS-concurrent-mark: 0.200/0.200 secs]" + TIMES + ""
    "{at}.410: [GC (CMS Final Remark) [YG occupancy: 9000 K (157248 K)]{at}.410: [Rescan (parallel) , 0.0021000 secs]"
    "{at}.412: [weak refs processing, 0.0001000 secs][1 CMS-remark: 200100K(349568K)] 210100K(506816K), 0.0151000 secs]"
    + TIMES
    + "{at}.430: [CMS-concurrent-sweep-start]\n{at}.530: [CMS-concurrent-sweep: 0.100/0.100 secs]"
    + TIMES
)
CMS_FAILED = (
    "{at}.125: [GC (Allocation Failure) {at}.125: [ParNew: 157248K->157248K(157248K), 0.0000310 secs]{at}.125: "
    "[CMS{at}.126: [CMS-concurrent-mark: 0.150/0.200 secs] [Times: user=0.30 sys=0.00, real=0.20 secs] \n"
    " (concurrent mode failure): 349500K->{old}K(349568K), {seconds} secs] 506748K->{after}K(506816K), "
    "[Metaspace: 40213K->40213K(1085440K)], {seconds} secs]" + TIMES
)
CMS_PROMOTION = (
    "{at}.125: [GC (Allocation Failure) {at}.125: [ParNew (promotion failed): 157248K->157200K(157248K), 0.3 secs]"
    "{at}.425: [CMS: 349500K->120000K(349568K), {seconds} secs] 500748K->120000K(506816K), "
    "[Metaspace: 40213K->40213K(1085440K)], {seconds} secs]" + TIMES
)
G1_DETAILS = (
    "   [Parallel Time: 14.1 ms, GC Workers: 4]\n"
    "      [GC Worker Start (ms): Min: 1250.1, Avg: 1250.2, Max: 1250.3, Diff: 0.2]\n"
    "      [Ext Root Scanning (ms): Min: 0.6, Avg: 0.9, Max: 1.2, Diff: 0.6, Sum: 3.6]\n"
    "      [Object Copy (ms): Min: 12.1, Avg: 12.4, Max: 12.9, Diff: 0.8, Sum: 49.6]\n"
    "      [GC Worker Other (ms): Min: 0.0, Avg: 0.0, Max: 0.1, Diff: 0.1, Sum: 0.2]\n"
    "   [Code Root Fixup: 0.1 ms]\n   [Clear CT: 0.1 ms]\n   [Other: 1.0 ms]\n      [Choose CSet: 0.0 ms]\n"
    "   [Eden: 306.0M(306.0M)->0.0B(290.0M) Survivors: 6144.0K->22.0M Heap: {before}(512.0M)->{after}(512.0M)]\n"
    " [Times: user=0.05 sys=0.00, real=0.02 secs] \n"
)
G1 = "{at}.250: [GC pause (G1 Evacuation Pause) (young){failure}, {seconds} secs]\n" + G1_DETAILS
G1_MIXED = (
    "{at}.250: [GC pause (G1 Evacuation Pause) (young) (initial-mark)\n"
    "Desired survivor size 20971520 bytes, new threshold 15 (max 15)\n"
    "- age   1:    3836312 bytes,    3836312 total\n, {seconds} secs]\n"
    + G1_DETAILS
    + "{at}.300: [GC concurrent-root-region-scan-start]\n{at}.310: [GC concurrent-root-region-scan-end, 0.0101 secs]\n"
    "{at}.400: [GC remark {at}.400: [Finalize Marking, 0.0008100 secs] {at}.401: [GC ref-proc, 0.0066500 secs] "
    "{at}.408: [Unloading, 0.0204000 secs], 0.0301000 secs]\n [Times: user=0.05 sys=0.00, real=0.03 secs] \n"
    "{at}.450: [GC cleanup 300M->290M(512M), 0.0011000 secs]\n [Times: user=0.00 sys=0.00, real=0.00 secs] \n"
)
G1_FULL = (
    "{at}.500: [Full GC (Allocation Failure)  511M->{after}(512M), {seconds} secs]\n"
    "   [Eden: 0.0B(25.0M)->0.0B(25.0M) Survivors: 0.0B->0.0B Heap: 511.2M(512.0M)->{after}(512.0M)], "
    "[Metaspace: 40213K->40213K(1085440K)]\n [Times: user=0.90 sys=0.00, real=0.80 secs] \n"
)
PLAIN = "{at}.125: [GC (Allocation Failure)  153088K->{after}K(506816K), {seconds} secs]\n"
PLAIN_FULL = "{at}.500: [Full GC ({cause})  506700K->{after}K(506816K), {seconds} secs]\n"
G1_PLAIN = "{at}.125: [GC pause (G1 Evacuation Pause) (young) 306M->{after}M(512M), {seconds} secs]\n"


def log(line: str, count: int = 12, step: int = 10, first: int = 10, **values: object) -> str:
    """Return ``count`` collections, ``step`` seconds apart, as ``line`` with ``values``."""
    defaults: dict[str, object] = {"young": 9000, "old": 120000, "before": "400.0M", "seconds": "0.0302210"}
    defaults |= {"after": "120.5M" if "Eden" in line else 109000, "cause": "Ergonomics", "failure": ""}
    return "".join(line.format_map({**defaults, **values, "at": first + number * step}) for number in range(count))


def dated(text: str, with_uptime: bool) -> str:
    """Return the log with dates, with or without the seconds since the start of the JVM."""
    lines = []
    for line in text.splitlines(keepends=True):
        at, colon, rest = line.partition(": ")
        if not colon or not at.replace(".", "").isdigit():
            lines.append(line)
            continue
        seconds = int(float(at))
        date = DATE.format(minute=seconds // 60, second=seconds % 60)
        lines.append(date + (f"{at}: " if with_uptime else "") + rest)
    return "".join(lines)
