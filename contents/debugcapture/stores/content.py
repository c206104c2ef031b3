"""What a browser is told about a file."""

import mimetypes
from pathlib import Path

_TEXT = {".txt", ".log", ".yaml", ".json"}


def content_type(file: Path) -> str:
    """Return the type with which a browser shows ``file`` instead of saving it, where it is text."""
    if file.suffix in _TEXT:
        return "text/plain; charset=utf-8"
    return (
        "text/html; charset=utf-8"
        if file.suffix == ".html"
        else mimetypes.guess_type(file.name)[0] or ("application/octet-stream")
    )
