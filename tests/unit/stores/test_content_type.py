"""content_type.py: a browser shows text."""

from __future__ import annotations

import pytest

from debugcapture.stores.content_type import content_type


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("pod.yaml", "text/plain; charset=utf-8"),
        ("manifest.json", "text/plain; charset=utf-8"),
        ("logs/app.previous.log", "text/plain; charset=utf-8"),
        ("threads.txt", "text/plain; charset=utf-8"),
        ("recording.unknown", "application/octet-stream"),
        ("noname", "application/octet-stream"),
    ],
)
def test_browser_shows_text_instead_of_saving_it(name: str, kind: str) -> None:
    assert content_type(name) == kind
