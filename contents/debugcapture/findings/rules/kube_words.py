"""Words for findings about Kubernetes: exit codes, durations, places, shortened messages."""

import re
from collections.abc import Iterable
from typing import Final

from ...finding import EvidenceLines
from ...text import shortened
from ..parsers.kube_model import Container, Event, Pod, Run

_SIGNALS: Final = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    5: "SIGTRAP",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}
# Exit codes of shells and container runtimes. Source: POSIX, "Exit Status for Commands"; docker run, "Exit status".
_EXIT_CODES: Final = {
    126: "the command was found and cannot be executed",
    127: "the command, or the interpreter or library that it needs, was not found",
    128: "the runtime could not start the container",
    255: "the program returned -1, or the runtime lost its real exit code",
}
# Source: https://everything.curl.dev/cmdline/exitcode.html
_CURL_CODES: Final = {
    3: "the URL is malformed",
    6: "the host name cannot be resolved",
    7: "the connection was refused or timed out",
    22: "the server answered with an HTTP error",
    28: "the time limit was reached",
    35: "the TLS handshake failed",
    52: "the server sent nothing",
    56: "the connection broke while curl received data",
    60: "the TLS certificate of the server is not trusted",
}
_CURL: Final = re.compile(r"(?:^|[\s;&|/])curl\s")
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
_WRAPPING = re.compile(r"failed to (?:pull and unpack|resolve) (?:image|reference)(?: \"[^\"]{1,300}\")?: ")
_MOST_MESSAGE: Final = 320


def exit_words(run: Run) -> str:
    """Return the exit code of ``run`` with the name of its signal, such as "exit code 137 (SIGKILL)"."""
    code = run.exit_code
    if code is None:
        return "an unknown exit code"
    name = signal_name(run)
    return f"exit code {code}" + (f" ({name})" if name else "")


def exit_meaning(run: Run) -> str:
    """Return what the exit code means as a sentence; "" if only the program defines it."""
    if run.reason == "Unknown" and run.exit_code == 255:
        return (
            "The runtime lost the container and its real exit code, mostly because the node or the runtime restarted."
        )
    if run.reason == "ContainerStatusUnknown":
        return f"The kubelet no longer found the container, and reports {run.exit_code} for that."
    name = signal_name(run)
    if name:
        return _SIGNAL_MEANINGS.get(name, f"{name} ended it.")
    meaning = _EXIT_CODES.get(run.exit_code or 0, "")
    return f"Exit code {run.exit_code}: {meaning}." if meaning else ""


def command_meaning(container: Container, run: Run) -> str:
    """Return what the exit code means for the program that the command of ``container`` runs last; "" if unknown."""
    meaning = _CURL_CODES.get(run.exit_code or 0, "")
    last = container.command[-1] if container.command else ""
    return f"Exit code {run.exit_code} of curl: {meaning}." if meaning and _CURL.search(f"{last} ") else ""


_SIGNAL_MEANINGS: Final = {
    "SIGKILL": "SIGKILL ended it, and its reason is not OOMKilled.",
    "SIGSEGV": "SIGSEGV: it accessed memory that it must not access.",
    "SIGABRT": "SIGABRT: the program or its runtime aborted itself.",
    "SIGBUS": "SIGBUS: a mapped file or memory could not be accessed.",
    "SIGILL": "SIGILL: the CPU does not know an instruction of the program.",
    "SIGTERM": "SIGTERM asked it to stop, and it did not turn that into exit code 0.",
}


def signal_name(run: Run) -> str:
    """Return the signal that ended ``run``; "" if none did."""
    number = run.signal or ((run.exit_code or 0) - 128 if 128 < (run.exit_code or 0) <= 159 else 0)
    return _SIGNALS.get(number, f"signal {number}") if number else ""


def duration(seconds: int | None) -> str:
    """Return seconds in words, such as "2 min 3 s"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def short(message: str, most: int = _MOST_MESSAGE) -> str:
    """Return ``message`` on one line, without the wrapping of runtimes, cut after ``most`` characters."""
    return shortened(_WRAPPING.sub("", _RPC.sub("", message)), most)


def sentences(*parts: str) -> str:
    """Return the parts that are not empty as sentences."""
    return " ".join(part if part.endswith((".", "!", "…")) else f"{part}." for part in map(str.strip, parts) if part)


def of_pod(pod: Pod) -> str:
    """Return "Pod NAME in namespace NAMESPACE", without the parts that are unknown."""
    if not pod.name:
        return ""
    return f"Pod {pod.name}" + (f" in namespace {pod.namespace}" if pod.namespace else "")


def restarts_words(container: Container) -> str:
    """Return the number of restarts in words; "" for none or if it is unknown."""
    count = container.restarts or 0
    return "" if not count else "1 restart" if count == 1 else f"{count} restarts"


def key_of(pod: Pod, container: Container | None = None) -> str:
    """Return what a finding is about, the same for every pod of a workload."""
    return "/".join(part for part in (pod.workload, container.name if container else "") if part)


def passages(*lines: EvidenceLines | None) -> tuple[EvidenceLines, ...]:
    """Return the passages that exist, without repetitions."""
    return tuple(dict.fromkeys(passage for passage in lines if passage))


def lines_of(events: Iterable[Event], most: int = 4) -> tuple[EvidenceLines, ...]:
    """Return the lines of the last ``most`` events."""
    return passages(*(event.lines for event in list(events)[-most:]))


def about(event: Event) -> str:
    """Return what the event is about, for example "Pod web-0"; "" if unknown."""
    return event.object.replace("/", " ")


def seen_words(event: Event) -> str:
    """Return how often and when the event was seen, in words."""
    last = f"last seen {event.last_seen}" if event.last_seen else ""
    words = ", ".join(part for part in (event.times, last) if part)
    return words[:1].upper() + words[1:]
