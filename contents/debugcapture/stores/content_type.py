"""How a browser treats a stored file: it shows text and the report page, and saves everything else.

A container chooses the content, and often a part of the name, of a file. A browser that showed the file as a page would
run its scripts on the origin of the store. Therefore only names on this list are shown.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..manifest import PAGE
from ..settings.declare import CAPTURE_ID

_TEXT = {".txt", ".log", ".yaml", ".json", ".diff"}
# The bundle's own page. No file of a container has this name directly in the folder of a bundle.
_REPORT_PAGE = re.compile(rf"(?:.*/)?{CAPTURE_ID}/{re.escape(PAGE)}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Presentation:
    """The headers with which a store serves a file."""

    content_type: str
    disposition: str = ""
    """Content-Disposition; "" if a browser may show the file."""


_SAVED = Presentation("application/octet-stream", "attachment")


def presentation_of(key: str) -> Presentation:
    """Return the headers of the file ``key``, a key with or without the prefix of the store."""
    if PurePosixPath(key).suffix in _TEXT:
        return Presentation("text/plain; charset=utf-8")
    return Presentation("text/html; charset=utf-8") if _REPORT_PAGE.fullmatch(key) else _SAVED
