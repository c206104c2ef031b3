"""Rules about the usage that the metrics server reports."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.metrics_file import ContainerUsage

_NEAR_LIMIT: Final = 0.9


def container_is_near_its_memory_limit(usages: Sequence[ContainerUsage]) -> Iterator[Finding]:
    """A container uses at least 90 % of its memory limit, by the metrics server (without file cache that can be freed).

    Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
    """
    for usage in usages:
        if usage.limit and usage.memory >= usage.limit * _NEAR_LIMIT:
            yield Finding(
                severity="warning",
                title=f'Container "{usage.name}" uses {usage.memory * 100 // usage.limit} % of its memory limit',
                detail=f"Memory {usage.text}.",
                advice="Find out what uses the memory, or raise the limit. At the limit, the kernel kills a process.",
                evidence=(usage.line,),
                directness=68,
                key=f"memory {usage.name}",
            )


RULES = (container_is_near_its_memory_limit,)
