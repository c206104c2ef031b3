"""Credentials that a mark shows, not a name: in URLs, commands, connection strings and headers. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_NONE: Final = (0, -1)
_BEFORE_BYTES: Final = 192
_USER_INFO_BYTES: Final = 520
_USER_INFO = re.compile(rb"://([^/\s\"<>]{1,512})(?=@(?!sha(?:256|512):))")
# A password may have a slash. What looks like a port does not begin a password.
_USER_INFO_WITH_SLASH = re.compile(
    rb"://([^\s/?#@:\"'<>\[]{0,80}:(?![0-9]{1,5}(?:[/?#\s\"']|\Z))[^\s\"'<>@?#]{1,256})(?=@)"
)
# The rest of a password with an at sign and a slash: p@ss/word@host.
_REST = re.compile(rb"@[^\s\"'<>?#@/]{0,128}/[^\s\"'<>?#@]{0,128}(?=@[\w.-]{1,128}(?:[:/,\s\"']|\Z))")
_WEB = re.compile(rb"(?i)(?:https?|git|ssh|wss?|ftp|docker\S{0,20}|oci)\Z")
_JWT = re.compile(rb"eyJ[\w-]{8,2048}\.[\w-]{8,}(?:\.[\w-]*){1,4}")
_JWT_HEADER_BYTES: Final = 2048
_BEARER = re.compile(rb"(?i)bearer[ \t]{1,16}((?=[A-Za-z_.~+/=-]{0,256}[0-9])[\w.~+/=-]{8,}|[\w.~+/=-]{24,})")
_SAS = re.compile(rb"(?i)sig=([\w%+/=-]{16,})")
_AMZ = re.compile(rb"(?i)(?:amz|goog)-signature=([0-9a-f]{16,})")
_ORACLE = re.compile(rb"(?i)jdbc:oracle:\w{1,10}:([^\s/@\"']{1,64}/(?:[^\s@\"']{1,128}|\"[^\"\n]{1,128}\"))@")
_IDENTIFIED = re.compile(
    rb"(?i)identified[ \t]{1,8}(?:with[ \t]{1,8}\S{1,60}[ \t]{1,8})?by[ \t]{1,8}(?:password[ \t]{1,8})?"
    rb"(?:'([^'\n]{1,256})'|\"([^\"\n]{1,256})\")"
)
_REDIS_AUTH = re.compile(rb"(?i)\"auth\" \"(?:[^\"\n]{1,256}\" \")?([^\"\n]{1,256})\"")
_WORD: Final = rb"(?:'([^'\n]{1,256})|\"([^\"\n]{1,256})|([^\s'\"]{1,256}))"
_MYSQL = re.compile(rb"(?i)(?:mysql|mariadb)[\w-]{0,20}[ \t][^\n|;&]{0,200}?(?<=[ \t])-p" + _WORD)
_CURL = re.compile(
    rb"curl[ \t][^\n|;]{0,200}?(?<=[ \t])(?:-u|--user)[ \t=]{0,4}['\"]?[^\s:'\"]{1,64}:([^\s'\"]{1,256})"
)
_LOGIN = re.compile(rb"(?i)login[ \t][^\n|;]{0,200}?(?<=[ \t])-p[ \t=]{0,4}" + _WORD)
_SSHPASS = re.compile(rb"sshpass[ \t]{1,4}-p[ \t]{0,4}" + _WORD)
_REDIS_CLI = re.compile(rb"redis-cli[ \t][^\n|;]{0,200}?(?<=[ \t])-a[ \t]{1,4}" + _WORD)
_MONGO = re.compile(rb"mongo[a-z]{0,12}[ \t][^\n|;]{0,200}?(?<=[ \t])-p[ \t]{1,4}" + _WORD)
_LDAP = re.compile(rb"(?i)ldap(?:search|modify|add|whoami)[ \t][^\n|;]{0,200}?(?<=[ \t])-w[ \t]{1,4}" + _WORD)


def find_marked(text: bytes, position: int, mark: bytes, start: int) -> tuple[int, int]:
    """Return the begin and end of the secret that ``mark`` at ``position`` shows; an end before the begin for none.

    A secret before the mark begins at ``start`` or behind it.
    """
    return MARKS[mark](text, position, start)


def _match(pattern: re.Pattern[bytes]) -> Callable[[bytes, int, int], tuple[int, int]]:
    def find(text: bytes, position: int, _start: int) -> tuple[int, int]:
        match = pattern.match(text, position)
        return match.span(match.lastindex or 0) if match else _NONE

    return find


def _user_info(text: bytes, position: int, _start: int) -> tuple[int, int]:
    """Return the user and the password of a URL."""
    if text.find(b"@", position, position + _USER_INFO_BYTES) < 0:
        return _NONE
    match = _USER_INFO.match(text, position) or _USER_INFO_WITH_SLASH.match(text, position)
    if not match or match[1] == b"git":
        return _NONE
    begin, end = match.span(1)
    if b":" in match[1] and not _WEB.search(text[max(0, position - 24) : position]):
        rest = _REST.match(text, end)
        end = rest.end() if rest else end
    return begin, end


def _dsn(text: bytes, position: int, start: int) -> tuple[int, int]:
    """Return the user and the password before "@tcp(" of a data source name of Go."""
    words = text[max(start, position - _BEFORE_BYTES) : position].split()
    user = re.search(rb"[\w.-]:(?=.)", words[-1]) if words and text[position - 1 : position].strip() else None
    return (position - len(words[-1]) + user.end(), position) if user else _NONE


def _jwt(text: bytes, position: int, _start: int) -> tuple[int, int]:
    """Return a JSON web token. Its header has a bound, so that a run of many starts is not searched from each start."""
    before = text[position - 1 : position] if position else b""
    if before.isalnum() or before == b"_" or text.find(b".", position, position + _JWT_HEADER_BYTES) < 0:
        return _NONE
    match = _JWT.match(text, position)
    return match.span() if match else _NONE


def _sas(text: bytes, position: int, _start: int) -> tuple[int, int]:
    """Return the signature of an Azure SAS."""
    match = _SAS.match(text, position) if text[position - 1 : position] in (b"?", b"&", b";") else None
    return match.span(1) if match else _NONE


# By mark, in lower case.
MARKS: Final[Mapping[bytes, Callable[[bytes, int, int], tuple[int, int]]]] = {
    b"://": _user_info,
    b"@tcp(": _dsn,
    b"@unix(": _dsn,
    b"eyj": _jwt,
    b"bearer ": _match(_BEARER),
    b"bearer\t": _match(_BEARER),
    b"sig=": _sas,
    b"amz-signature=": _match(_AMZ),
    b"goog-signature=": _match(_AMZ),
    b"jdbc:oracle:": _match(_ORACLE),
    b"identified ": _match(_IDENTIFIED),
    b'"auth" "': _match(_REDIS_AUTH),
    b"mysql": _match(_MYSQL),
    b"mariadb": _match(_MYSQL),
    b"curl ": _match(_CURL),
    b"login ": _match(_LOGIN),
    b"sshpass ": _match(_SSHPASS),
    b"redis-cli ": _match(_REDIS_CLI),
    **dict.fromkeys((b"mongo ", b"mongosh ", b"mongodump ", b"mongorestore ", b"mongoexport "), _match(_MONGO)),
    b"ldapsearch ": _match(_LDAP),
    b"ldapmodify ": _match(_LDAP),
    b"ldapwhoami ": _match(_LDAP),
}
