"""Ask the target's own image which tools it has."""

import re
from collections.abc import Sequence

from .cluster import exec as exec_stream
from .cluster.api import Api
from .errors import NothingCaptured
from .model import Collector, ContainerRef, ExitStatus, FoundTool, Tool

_LIMIT_S = 30
_OUTPUT_LIMIT = 1 << 16


def find_tool(api: Api, place: ContainerRef, collector: Collector) -> FoundTool | None:
    """Return the tool of ``collector`` that the image in ``place`` has, or None.

    One that sees a process is preferred to one that sees none. Raises NotAllowed, TargetNotFound, Unreachable when
    commands cannot be run there.
    """
    blind: FoundTool | None = None
    for tool in collector.in_image:
        found = _try(api, place, tool)
        if found and found.pid is not None:
            return found
        blind = blind or found
    return blind


def _try(api: Api, place: ContainerRef, tool: Tool) -> FoundTool | None:
    if tool.present and run_short(api, place, tool.present)[0].not_found:
        return None
    status, output, _ = run_short(api, place, tool.find)
    return None if status.not_found else FoundTool(tool, find_pid(tool.pid_pattern, output))


def find_pid(pattern: str, output: str) -> int | None:
    """Return the first PID that ``pattern`` finds in ``output``."""
    match = re.search(pattern, output, re.MULTILINE)
    return int(match.group(1)) if match else None


def run_short(api: Api, place: ContainerRef, argv: Sequence[str]) -> tuple[ExitStatus, str, str]:
    """Run a command of little output; return its status, standard output and standard error, cut at 64 KiB each.

    Raises NothingCaptured when the connection breaks or the command does not end.
    """
    output, errors = bytearray(), bytearray()
    status = exec_stream.run(
        api,
        place,
        argv,
        stdout=lambda piece: output.extend(piece[: _OUTPUT_LIMIT - len(output)]),
        stderr=lambda piece: errors.extend(piece[: _OUTPUT_LIMIT - len(errors)]),
        time_limit_s=_LIMIT_S,
    )
    if status.reason in ("StreamBroken", "TimeLimit"):
        raise NothingCaptured(f"{argv[0]} in {place} did not end well", status.message, "Capture again.")
    return status, output.decode(errors="replace"), errors.decode(errors="replace")
