"""Text as HTML. Pure."""

import html


def escaped(text: str) -> str:
    """Return ``text`` as HTML. Lone surrogates become question marks."""
    return html.escape(text.encode(errors="replace").decode(), quote=True)
