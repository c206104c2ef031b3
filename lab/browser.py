"""Debian's Chromium, headless: it opens the pages that people open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from lab.prerequisites import ensure_program

# It runs as root, where its sandbox does not work, and must not check for updates.
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that is closed with the context; installed first if it is missing and the lab may install it."""
    program = ensure_program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
