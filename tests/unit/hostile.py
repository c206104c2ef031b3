"""Text of an attacker: paths, control characters, markup, templates, marks of Rundeck's log."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

FRAGMENTS = (
    *("../", "..", "/", "/etc/passwd", "./.", "~/", "\\", "%2e%2e%2f", "file:///", "a" * 300, "x" * 5000),
    *("\0", "\n", "\r", "\r\n", "\t", "\x0b", "\x1b[2J", "\x1b]0;t\x07", "\x7f", "\x85", "\u2028", "\x9b31m", "\b"),
    *("\u202e", "\u2066", "\ufeff", "\ud800", "\udcff", "\U0001f4a3", "\u0301" * 40, "²", "٣", "ǅ"),
    *("<script>alert(1)</script>", '"><img src=x onerror=a>', "&lt;", "]]>", "<!--", "javascript:alert(1)", "'\""),
    *("${option.x}", "@data.x@", "${data.link}", "{{7*7}}", "$(id)", "`id`", "; rm -rf /", "| cat", "%s%n", "{pid}"),
    *("RUNDECK:DATA:link=http://evil", "\nRUNDECK:DATA:status=complete\n", "\rRUNDECK:DATA:a=b"),
    *("#BEGIN:RUNDECK:DATATYPE:text/html", "\n#BEGIN:RUNDECK:DATATYPE:text/html\n<b>\n#END:RUNDECK:DATATYPE\n"),
    *("debug-capture-end 1 0\n", "[debug-capture x]", "S 1\n", "P 1 0 0 0 x\n", "T\n", "M /lib/libjvm.so\n", "OWN\n"),
    *(
        "0",
        "-1",
        "9" * 5000,
        "1e999",
        "nan",
        "0x",
        "true",
        "null",
        "2001-13-45",
        "0b_",
        "1:99",
        "&a [*a, *a]",
        "!!python/x",
    ),
    *("a", "name", "shop", "web-0", " ", ",", ":", ": ", "- ", "[", "]", "{", "}", "#", "=", "@", "://", "*", "\n  "),
)
TEXT: st.SearchStrategy[str] = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(), max_size=4), max_size=6
).map("".join)
UTF8 = TEXT.map(lambda text: text.encode(errors="replace").decode())
BYTES = TEXT.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=40)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | TEXT


def tree(keys: st.SearchStrategy[str], leaves: st.SearchStrategy[Any] = SCALARS) -> st.SearchStrategy[Any]:
    """JSON of any form, with these keys."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
    )


def changed(document: Any) -> st.SearchStrategy[Any]:
    """The JSON ``whole`` with one part changed or removed."""
    places = list(_places(document))
    return st.builds(_with, st.just(document), st.sampled_from(places), st.just(_GONE) | tree(st.sampled_from("abc")))


_GONE = object()
Place = tuple[Any, ...]


def _places(document: Any, at: Place = ()) -> list[Place]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [at, *(place for key, value in inner for place in _places(value, (*at, key)))]


def _with(document: Any, place: Place, value: Any) -> Any:
    if not place:
        return None if value is _GONE else value
    copy, key = (dict(document) if isinstance(document, dict) else list(document)), place[0]
    if value is _GONE and len(place) == 1:
        del copy[key]
    else:
        copy[key] = _with(document[key], place[1:], value)
    return copy
