"""The content types of stored files."""

import mimetypes
from pathlib import PurePosixPath

_TEXT = {".txt", ".log", ".yaml", ".json"}


def content_type(key: str) -> str:
    """Return the content type of the file ``key``. Browsers display text of this type instead of downloading it."""
    suffix = PurePosixPath(key).suffix
    if suffix in _TEXT:
        return "text/plain; charset=utf-8"
    return (
        "text/html; charset=utf-8"
        if suffix == ".html"
        else mimetypes.guess_type(key)[0] or ("application/octet-stream")
    )
