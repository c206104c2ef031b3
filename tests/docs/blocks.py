"""The fenced blocks of a page: the tests run those of bash, unless a comment above states a reason not to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.paths import REPO

PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- not run: (?P<reason>[^\n]+) -->\n)?^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block; ``reason`` says why it is not run."""

    page: Path
    language: str
    text: str
    reason: str

    @property
    def runs(self) -> bool:
        return self.language == "bash" and not self.reason


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of ``page``, without the indentation that a list gives them."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        text = re.sub(rf"(?m)^{match['indent']}", "", match["text"])
        yield Block(page, match["language"], text, match["reason"] or "")
