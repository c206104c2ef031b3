"""Where the options of a container's process put its dumps, and which names the dumps get. Pure.

Sources: Oracle, "java" (HeapDumpPath, ErrorFile); Eclipse OpenJ9, "-Xdump"; .NET, "Collect dumps on crash"; Node.js,
"Command-line API"; Ruby, "RUBY_CRASH_REPORT"; Erlang, "ERL_CRASH_DUMP"; core(5).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..model import Json
from ..targets.pods import find_container

NAMES: Final = (
    "*.hprof", "*.hprof.gz", "*.phd", "hs_err_pid*.log", "replay_pid*.log", "javacore*.txt", "Snap.*.trc", "*.jfr",
    "core", "core.*[0-9]", "core-*[0-9]", "core_*[0-9]", "*.core", "coredump.*", "*.dmp", "*.gcdump",
    "report*.json", "*.heapsnapshot", "erl_crash.dump",
)  # fmt: skip
"""The names that runtimes give to dumps by themselves, as `find` takes them. `core.*[0-9]` is core.PROGRAM.PID too."""

_OPTIONS: Final = re.compile(
    r"-XX:(?:HeapDumpPath|ErrorFile|ReplayDataFile)=[\"']?([^\s\"',]+)"
    r"|-XX:StartFlightRecording[=:][^\s\"']*?filename=([^\s\"',]+)"
    r"|-Xdump:[^\s\"']*?(?:file|directory)=([^\s\"',]+)"
    r"|--(?:diagnostic-dir|report-directory|report-dir|report-filename|heap-prof-dir|crash-report)[= ]"
    r"[\"']?([^\s\"',]+)"
    r"|\b(?P<without_pid>log_path)=[\"']?([^\s\"':,]+)"  # of a sanitizer, which adds its PID
)
_VARIABLES: Final = (
    "DOTNET_DbgMiniDumpName", "COMPlus_DbgMiniDumpName", "ERL_CRASH_DUMP", "RUBY_CRASH_REPORT",
    "IBM_HEAPDUMPDIR", "IBM_JAVACOREDIR", "IBM_COREDIR",
)  # fmt: skip
_REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_PLACEHOLDER: Final = re.compile(r"%(?:pid|seq|job|home|tick|uid|last|[A-Za-z])|\{[a-z]+\}")
_SPECIAL: Final = re.compile(r"([\[\]?*\\])")
_TOO_GENERAL: Final = re.compile(r"[*.]*")


def read_environment(pod: Json, container: Json) -> dict[str, str]:
    """Return the variables of ``container`` whose values the pod contains."""
    metadata = pod["metadata"]
    identity = {f"metadata.{key}": str(metadata.get(key, "")) for key in ("name", "namespace", "uid")}
    identity["spec.nodeName"] = str(pod["spec"].get("nodeName", ""))
    values = {}
    for variable in container.get("env") or []:
        path = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
        value = identity.get(path) if path else variable.get("value")
        if value is not None:
            values[variable["name"]] = str(value)
    return values


def dump_folders(pod: Json, name: str) -> list[str]:
    """Return the folders that the command, the arguments and the variables of container ``name`` name for dumps."""
    return list(dict.fromkeys(folder for folder, _ in _dump_paths(pod, name) if folder))


def dump_names(pod: Json, name: str) -> tuple[str, ...]:
    """Return the names of dumps of container ``name`` as `find` takes them, with those of its own options."""
    own = (file for _, file in _dump_paths(pod, name))
    return tuple(dict.fromkeys((*NAMES, *(file for file in own if not _TOO_GENERAL.fullmatch(file)))))


def _dump_paths(pod: Json, name: str) -> Iterator[tuple[str, str]]:
    """Yield the folder ("" if it is unknown) and the name, with `*` for what is unknown, of each path of an option.

    A path may be that of a folder. Then its parent is searched, which contains it, and no file has its name. The root
    is searched only for a name that is not that of a folder.
    """
    container = find_container(pod, name)
    values = {"HOSTNAME": str(pod["metadata"].get("name", "")), **read_environment(pod, container)}
    words = [*(container.get("command") or []), *(container.get("args") or []), *values.values()]
    matches = [match for word in words for match in _OPTIONS.finditer(word)]
    texts = [f"{match[match.lastindex or 0]}{'.%p' if match['without_pid'] else ''}" for match in matches]
    texts += [values[variable] for variable in _VARIABLES if values.get(variable)]
    for text in texts:
        yield _split(_expand(text, values), str(container.get("workingDir") or ""))


def _expand(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with the values of its variables, and a line break for what is unknown."""

    def value(reference: re.Match[str]) -> str:
        return values.get(next(filter(None, reference.groups())), "\n")

    return _PLACEHOLDER.sub("\n", _REFERENCE.sub(value, text))


def _split(path: str, working_folder: str) -> tuple[str, str]:
    if not path.startswith("/"):
        path = f"{working_folder.rstrip('/')}/{path}" if working_folder.startswith("/") else path
    folder, _, file = path.rpartition("/")
    if path == f"/{file}" and file.isalnum():
        return path, file
    complete_folder = f"{folder}/".partition("\n")[0].rpartition("/")[0] if folder.startswith("/") else ""
    is_absolute = path.startswith("/")
    return (complete_folder or "/") if is_absolute else "", _SPECIAL.sub(r"\\\1", file).replace("\n", "*")
