"""What a browser is told about a file."""

import mimetypes
from pathlib import PurePosixPath

_TEXT = {".txt", ".log", ".yaml", ".json"}


def content_type(key: str) -> str:
    """Return the type with which a browser shows the file of ``key`` instead of saving it, where it is text."""
    suffix = PurePosixPath(key).suffix
    if suffix in _TEXT:
        return "text/plain; charset=utf-8"
    return (
        "text/html; charset=utf-8"
        if suffix == ".html"
        else mimetypes.guess_type(key)[0] or ("application/octet-stream")
    )
