"""Finds keywords of a shell script that do not match, such as a "fi" without an "if". Nothing runs."""

import re
from collections.abc import Iterator
from typing import Final

_OPENERS: Final = {"if": "fi", "case": "esac", "do": "done"}
_CLOSERS: Final = frozenset(_OPENERS.values())
# After these words, the next word is the name of a command or another keyword.
_BEFORE_COMMANDS: Final = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"})
_OPERATORS: Final = frozenset(";&|()\n")
_MOST_CHARACTERS: Final = 100_000
_OPEN_QUOTE: Final = "'"
# A comment, a quotation, an escaped character, an operator, a part of a word, white space, a quote that does not end.
_PIECES = re.compile(
    r"""(?<![^\s;&|()])#[^\n]*|'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[;&|()\n]|[^\s;&|()'"\\]+|[^\S\n]+|['"\\]""", re.DOTALL
)


def unmatched_keyword(script: str) -> str:
    """Return what is wrong, such as '"fi" without "if"'; "" if all keywords match or the script is not understood."""
    if len(script) > _MOST_CHARACTERS or "<<" in script or "`" in script:
        return ""
    opened: list[str] = []
    words = list(_words(script))
    if _OPEN_QUOTE in words:
        return ""
    for word in _commands(words):
        if word in _OPENERS:
            opened.append(word)
        elif word in _CLOSERS:
            if not opened or _OPENERS[opened[-1]] != word:
                opener = next(opener for opener, closer in _OPENERS.items() if closer == word)
                return f'"{word}" without "{opener}"'
            opened.pop()
    return f'"{opened[-1]}" without "{_OPENERS[opened[-1]]}"' if opened else ""


def _commands(words: list[str]) -> Iterator[str]:
    """Yield the words at the places where a shell expects a command or a keyword."""
    is_command = True
    in_case = False
    for word in words:
        if word in _OPERATORS:
            is_command = True
        elif is_command:
            in_case = word == "case" or (in_case and word != "esac")
            yield word
            is_command = word in _BEFORE_COMMANDS
        elif in_case and word == "in":
            is_command = True


def _words(script: str) -> Iterator[str]:
    """Yield words and operators. A quotation becomes ''. One that does not end becomes the word _OPEN_QUOTE."""
    word = ""
    for piece in _PIECES.findall(script + "\n"):
        is_operator = piece in _OPERATORS
        if (is_operator or piece.isspace() or piece.startswith("#")) and word:
            yield word
            word = ""
        if is_operator or piece in ("'", '"'):
            yield piece if is_operator else _OPEN_QUOTE
        elif not piece.isspace() and not piece.startswith("#"):
            word += "''" if piece[0] in "'\"" else piece
