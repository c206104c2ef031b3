"""Many patterns at once, for scanning large files: which of them match a line, and where the next match of any is."""

import functools
from collections.abc import Sequence
from typing import Any, Final

_MEMORY_BYTES: Final = 64 << 20  # of the automaton: with less, RE2 builds its states again and again


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    options.encoding = re2.Options.Encoding.LATIN1
    return options


@functools.lru_cache(maxsize=16)
def joined_pattern(pattern: str) -> Any:
    """Return ``pattern`` compiled for bytes, `^` and `$` for lines. It was validated before."""
    import re2

    return re2.compile(f"(?m){pattern}".encode(), _options())


@functools.lru_cache(maxsize=4)
def regex_set(patterns: tuple[str, ...]) -> "RegexSet":
    """Return the set of ``patterns``. Compiling takes a fifth of a second, so sets are kept."""
    return RegexSet(patterns)


class RegexSet:
    """Patterns that are matched together."""

    def __init__(self, patterns: Sequence[str]) -> None:
        import re2

        self._set = re2.Set.SearchSet(_options())
        for pattern in patterns:
            self._set.Add(f"(?m){pattern}".encode())
        self._set.Compile()

    def indexes(self, text: str) -> list[int]:
        """Return the positions of the patterns that match ``text``, in ascending order."""
        return sorted(self._set.Match(text.encode(errors="replace")) or ())
