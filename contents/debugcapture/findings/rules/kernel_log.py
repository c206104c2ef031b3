"""Rules for the log of the kernel."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.log_model import Log, LogGroup

_PROCESS: Final = re.compile(r"PID: (\d{1,18}) Comm: (\S{1,64})")
_LIMIT: Final = re.compile(r"memory: usage (\d{1,18})kB, limit (\d{1,18})kB")
_CGROUP: Final = re.compile(
    r"mem_cgroup_oom_synchronize|mem_cgroup_out_of_memory|CONSTRAINT_MEMCG|Memory cgroup out of memory"
)
_KILLED: Final = re.compile(r"Killed process (\d{1,18})[^(]{0,40}\((\([^)]{1,62}\)|[^)]{1,64})\)")
_CHOSEN: Final = re.compile(r"Kill process (\d{1,18})[^(]{0,40}\(([^)]{1,64})\)")
_RSS: Final = re.compile(r"anon-rss:(\d{1,18})kB")
_KIB_PER_MIB: Final = 1024


def kernel_killed_process(log: Log) -> Iterator[Finding]:
    """The kernel ran out of memory, or a container reached its memory limit, and the OOM killer was invoked.

    If the log names a memory cgroup, the container reached its own limit, and the node still had memory.
    Source: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
    """
    killed = [group for group in log.groups if group.message and group.message.id == "kernel-oom-killed"]
    invoked = [group for group in log.groups if group.message and group.message.id == "kernel-oom-invoked"]
    for group in killed or invoked:
        yield _finding(log, group, invoked)


def _finding(log: Log, group: LogGroup, invoked: Sequence[LogGroup]) -> Finding:
    lines = [
        group.first.text,
        *group.first.after,
        *(line for other in invoked for line in (other.first.text, *other.first.after)),
    ]
    text = "\n".join(lines)
    victim = _victim(group, text)
    process = _PROCESS.search(text)
    reason = _CGROUP.search(text)
    invoker = (process[2] if process else "") or next((other.names["task"] for other in invoked), "")
    subject = f"{victim[2]} (process {victim[1]}) was killed" if victim else f"it was invoked by {invoker}"
    scope = "the memory limit of a container was reached" if reason else "memory ran out"
    facts = [
        f"Invoked by {invoker}" + (f" (PID {process[1]})" if process else "") if invoker else "",
        f"{reason[0]} shows that the limit of the cgroup was reached, not that of the node" if reason else "",
        *_sizes(text, group),
        f"{group.count} times" if group.count > 1 else "",
    ]
    return Finding(
        "critical",
        f"The OOM killer of the kernel: {scope}, {subject}",
        " ".join(f"{fact}." for fact in facts if fact),
        "Compare the memory limit of the container with what the process needs, and look for a leak." if reason else "",
        (log.evidence.quote(group.first.number, group.first.number, group.first.text),),
        directness=88,
        key=f"kernel-oom {victim[2] if victim else invoker}",
    )


def _victim(group: LogGroup, text: str) -> re.Match[str] | None:
    """Return the name and number of the killed process.

    Old kernels first name the process that they choose, and then the one of its threads or children that they kill.
    """
    chosen = _CHOSEN.search(group.first.text)
    after = "\n".join(group.first.after[:3])
    return _KILLED.search(group.first.text) or (chosen and (_KILLED.search(after) or chosen)) or _KILLED.search(text)


def _sizes(text: str, group: LogGroup) -> Iterator[str]:
    if limit := _LIMIT.search(text):
        yield f"Usage {int(limit[1]) // _KIB_PER_MIB} MiB, limit {int(limit[2]) // _KIB_PER_MIB} MiB ({limit[2]} kB)"
    if rss := (_RSS.search(group.last.text) or _RSS.search(text)):
        yield f"Its resident memory was {int(rss[1]) // _KIB_PER_MIB} MiB"


RULES: Final = (kernel_killed_process,)
