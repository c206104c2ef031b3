"""Reads a single line of a log: its text without wrapping, its level, its time, and the names in it."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 2000  # characters of a line that are read
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_CRI: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) std(?:out|err) [FP] ")
_TIME: Final = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:[.]\d{1,6})?(?: \d{4})?|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d"
)
_LEVEL: Final = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|EMERG|ALERT)\b"
    r"|\[(trace|debug|info|notice|warn|warning|error|crit|critical|alert|emerg|fatal)\]"
    r"|\blevel=\"?(trace|debug|info|warn|warning|error|critical|fatal|panic)\b"
    r"|\b(LOG):  ?"
    r"|^(?:\S+ )?(trace|debug|info|warn|warning|error|fatal)(?:: | ==> )"
)
_KLOG: Final = re.compile(r"(?:^|: )([IWEF])\d{4} \d\d:\d\d:\d\d\.\d")
_KLOG_LEVELS: Final = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_SAME: Final = {
    "WARNING": "WARN",
    "SEVERE": "ERROR",
    "CRIT": "FATAL",
    "CRITICAL": "FATAL",
    "PANIC": "FATAL",
    "EMERG": "FATAL",
    "ALERT": "FATAL",
    "NOTICE": "INFO",
    "LOG": "INFO",
    "ERR": "ERROR",
}
_MESSAGES: Final = ("message", "msg", "@message", "@m", "log", "event", "textPayload", "short_message")
_ERRORS: Final = ("error", "err", "exception", "stack_trace", "stack", "cause", "error.message", "@x")
_LETTERS: Final = {"F": "FATAL", "E": "ERROR", "W": "WARN", "I": "INFO", "D": "DEBUG"}
_LEVELS: Final = ("level", "severity", "lvl", "log.level", "loglevel", "@l", "levelname", "s")
_PINO: Final = ((60, "FATAL"), (50, "ERROR"), (40, "WARN"), (30, "INFO"), (0, "DEBUG"))
_LEVEL_CHARACTERS: Final = 160  # the level of a line is near its beginning
_HOST: Final = r"[\w.\-]{1,253}"
_ADDRESSES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:https?|tcp|postgres(?:ql)?|mysql|mariadb|sqlserver|redis|rediss|amqps?|mongodb(?:\+srv)?|kafka|ldaps?|grpcs?"
        rf"|wss?|nats|thin)://(?:[^\s/@\"']{{1,200}}@)?({_HOST}(?::\d{{1,5}})?)",
        rf"\b(?:dial|read|write|connect) (?:tcp|udp)[46]? (?:\S{{1,60}}->)?"
        rf"((?:\[[0-9a-f:]{{2,45}}\]|{_HOST}):\d{{1,5}})",
        r"\blisten (?:tcp|udp)[46]? (:\d{2,5})\b",
        rf"\bconnect E[A-Z]{{4,12}} ({_HOST}(?::\d{{1,5}})?|/[\w./-]{{1,200}})",
        rf"(?i)\bconnect(?:ion)? to ({_HOST}:\d{{1,5}})",
        rf"host='({_HOST})', port=(\d{{1,5}})",
        rf"server at \"({_HOST}|/[\w./-]{{1,200}})\".{{0,60}}, port (\d{{1,5}})",
        rf"\('({_HOST})', (\d{{1,5}})\)",
        rf"(?i)\bhost(?:name)?[=: ]{{1,3}}['\"]?({_HOST})['\"]?.{{0,20}}\bport[=: ]{{1,3}}(\d{{2,5}})",
        r"(?<![\w.])((?:\d{1,3}\.){3}\d{1,3}:\d{2,5}|\[[0-9a-f:]{2,45}\]:\d{2,5}|\*:\d{2,5}|:::\d{2,5})\b",
        r"(?<![\w./@:-])([a-zA-Z][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}:\d{2,5})(?!\w|:\d)",
        r"(?<![\w./@:-])([a-zA-Z][\w-]{0,62}(?:\.[\w-]{1,63}){0,8})/(?:\d{1,3}\.){3}\d{1,3}:(\d{2,5})",
        rf"\b(?:host|hostname|server)[=:] ?['\"]?({_HOST}\.[a-z]{{2,10}})\b",
        r"(?<![\d.])((?:\d{1,3}\.){3}\d{1,3})(?![\d.])",
    )
)
_FIRST_CLIENT_PORT: Final = 32768  # net.ipv4.ip_local_port_range of Linux
_NOT_A_HOST: Final = re.compile(
    r"(?i).*\.(?:go|java|py|js|ts|rb|php|cs|rs|cpp|cc|c|h|kt|scala|mjs|cjs|tsx|jsx|ex|erl|lua|sh|ya?ml|json|xml|txt|log)"
    r":\d+$|(?:line|pid|id|code|port|errno|status|thread|size|count|time|timeout|error|err|exit|version|seq|offset|at|ref):\d+$"
    r"|(?:sqlalche\.me|aka\.ms|docs\.[\w.-]+|go\.dev|learn\.microsoft\.com|kubernetes\.io|nodejs\.org|bit\.ly)(?::\d+)?$"
)
_PATHS: Final = (
    re.compile(r"[\"'`]([^\s\"'`]{0,200}/[^\s\"'`]{1,200}|[\w-]{1,80}\.[\w.]{1,20})[\"'`]"),
    re.compile(r"(?:^|[\s:=(])(/[\w.@%+-]{1,100}(?:/[\w.@%+-]{0,100}){0,20})"),
    re.compile(r"(?:^|[\s:=(])([\w.-]{1,80}(?:/[\w.-]{1,80}){1,20}): "),
)
_SIGNAL: Final = re.compile(r"\bSIG(?:SEGV|BUS|ILL|ABRT|FPE|KILL|SYS)\b")
_PID: Final = re.compile(r"\b(?:pid[: =]|process )(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogText:
    """A line of a log without what wraps it."""

    text: str
    level: str = ""
    """DEBUG, INFO, WARN, ERROR or FATAL; "" if the line names none."""
    time: str = ""
    """As written in the line; "" if there is none."""


def log_text(raw: bytes) -> LogText:
    """Return what a line says: without colors, and without the wrapping of a container runtime or of JSON."""
    text = raw[:LONGEST].decode(errors="replace").rstrip("\r\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = text.replace('\\"', '"')
    time = _time(text)
    text = _CRI.sub("", text, count=1)
    if text.lstrip().startswith("{") and (parsed := _from_json(raw)) is not None:
        return LogText(parsed.text, parsed.level, parsed.time or time)
    return LogText(text, _level(text), time)


def _time(text: str) -> str:
    match = _TIME.search(text[:_LEVEL_CHARACTERS])
    return match[0] if match else ""


def _level(text: str) -> str:
    head = text[:_LEVEL_CHARACTERS]
    if "PHP Fatal error" in head:
        return "FATAL"  # PHP-FPM writes the messages of scripts as notices
    if match := _LEVEL.search(head):
        level = next(group for group in match.groups() if group).upper()
        return _SAME.get(level, level)
    klog = _KLOG.search(head)
    return _KLOG_LEVELS[klog[1]] if klog else ""


def _from_json(raw: bytes) -> LogText | None:
    """Return the message of a line that is a JSON object; None if it is not one or contains no message."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    parts = [part for key in (*_MESSAGES, *_ERRORS) if (part := _flat(fields.get(key)))]
    attributes = fields.get("attr")  # of MongoDB
    if isinstance(attributes, dict):
        parts.extend(part for key in ("error", "reason") if (part := _flat(attributes.get(key))))
    if not parts:
        return None
    text = ": ".join(dict.fromkeys(parts))[:LONGEST]
    level = next((value for key in _LEVELS if (value := _json_level(fields.get(key)))), "") or _level(text)
    return LogText(text, level, _time(raw[:LONGEST].decode(errors="replace")))


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        value = ": ".join(
            str(value[key]) for key in ("type", "kind", "message", "msg", "errmsg", "code") if value.get(key)
        )
    return value.strip() if isinstance(value, str) else ""


def _json_level(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return next((name for limit, name in _PINO if value >= limit), "")
    level = value.upper() if isinstance(value, str) else ""
    level = _LETTERS.get(level, level)
    return _SAME.get(level, level) if level in {*_SAME, *_SAME.values(), "TRACE", "DEBUG", "INFO"} else ""


def address_in(text: str) -> str:
    """Return the address of a server that ``text`` names, as "host:port" or "host"; "" if there is none."""
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            address = _without_client_port(":".join(group.strip() for group in match.groups() if group).rstrip("."))
            if address.strip(".:-") and not _NOT_A_HOST.match(address):
                return address.lstrip(":") if address.startswith(":") else address
    return ""


def host_in(text: str) -> str:
    """Return the name of the server that ``text`` names; "" if there is none, or only an IP address."""
    address = address_in(text)
    host = address.rpartition(":")[0] or address
    return host if re.search(r"[a-zA-Z]", host) and not host.startswith("[") else ""


def _without_client_port(address: str) -> str:
    """Return ``address`` without a port that the system chose: it differs for each connection."""
    host, _, port = address.rpartition(":")
    return host if host and port.isdigit() and int(port) >= _FIRST_CLIENT_PORT else address


def path_in(text: str) -> str:
    """Return the path of a file that ``text`` names; "" if there is none."""
    for pattern in _PATHS:
        for match in pattern.finditer(text):
            if "://" not in match[1] and not match[1].startswith("//"):
                return match[1]
    return ""


def signal_in(text: str) -> str:
    """Return the name of a signal in ``text``; "" if there is none."""
    match = _SIGNAL.search(text)
    return match[0] if match else ""


def pid_in(text: str) -> str:
    """Return the PID that ``text`` names; "" if there is none."""
    match = _PID.search(text)
    return match[1] if match else ""


_VARIABLE_PARTS: Final = re.compile(
    r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b|\b[0-9a-f]{12,64}\b|\d+|(?<=@)[0-9a-f]{5,16}\b"
)


def template(text: str) -> str:
    """Return ``text`` without the parts that differ from line to line: numbers, IDs and addresses in memory."""
    return _VARIABLE_PARTS.sub("#", text)[:400]


_PREFIX: Final = re.compile(
    r"(?:\b(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|PANIC)\b|\[(?:error|crit|emerg|alert|fatal)\])[\]:|\s-]*"
)
_KLOG_PREFIX: Final = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.]+:\d+\] ")
_LOGFMT: Final = re.compile(r"\blevel=\w+ (?:\S+=\S+ )?msg=\"?")
_SYSLOG: Final = re.compile(r"[\w./-]{1,60}\[\d{1,9}\]: ")
_MOST_PREFIX: Final = 110


def without_wrapping(line: str) -> str:
    """Return a line that follows another one without the time and the stream that a container runtime adds."""
    return _RUNTIME_PREFIX.sub("", line, count=1)


_RUNTIME_PREFIX: Final = re.compile(
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?"
)


def without_prefix(text: str) -> str:
    """Return ``text`` without the time, the level and the name of the program at its beginning."""
    start = 0
    for pattern in (_KLOG_PREFIX, _TIME, _LOGFMT, _SYSLOG, _PREFIX):
        match = pattern.search(text, start, start + _MOST_PREFIX)
        if match and match.end() < len(text):
            start = match.end()
    return text[start:].lstrip(" :|-]") or text
