"""Draw the plugin's icons from tools/icons.svg: `python -m tools.icons`, after a change.

Rundeck shows PROVIDER.icon.png for a step, or icon.png if it is missing, in most places 16 pixels high.
Source: Rundeck 5, UiPluginService.
"""

import io
import re
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path(__file__).with_name("icons.svg")
_MAIN = "k8s-debug-capture"  # also the icon of the plugin
_PIXELS, _MAIN_PIXELS = 64, 128


def symbols() -> list[str]:
    """Return the names of the steps that have an icon."""
    return re.findall(r'<symbol id="([\w-]+)"', SOURCE.read_text(encoding="utf-8"))


def icons(browser: Browser) -> dict[str, bytes]:
    """Return the content of each file of resources/ by its name; a node step has the icon of its step."""
    pictures = {"icon.png": _draw(browser, _MAIN, _MAIN_PIXELS)}
    for name in symbols():
        picture = _draw(browser, name, _PIXELS)
        pictures |= {f"{name}.icon.png": picture, f"{name}-node.icon.png": picture}
    return pictures


def _draw(browser: Browser, name: str, pixels: int) -> bytes:
    page = browser.new_page(viewport={"width": pixels, "height": pixels})
    svg = SOURCE.read_text(encoding="utf-8").replace("</svg>", f'<use href="#{name}"/></svg>')
    page.set_content(f"<style>body{{margin:0}} svg{{display:block}}</style>{svg}")
    picture = page.screenshot(omit_background=True)
    page.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> int:
    """Draw all icons into resources/."""
    sys.path.insert(0, str(ROOT / "contents"))
    from debugcapture.steps.providers import PROVIDERS

    steps = {f"{provider.name}.icon.png" for provider in PROVIDERS if not provider.lists_values} | {"icon.png"}
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed. As root, run: apt-get install chromium")
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work as root.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, content in icons(browser).items():
            if name in steps:
                (ROOT / "resources" / name).write_bytes(content)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
