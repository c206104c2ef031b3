"""What several pictures have in common: links to evidence, bars in the cells of tables, numbers in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from ...picture import Tone, Unit
from ...text import size

_BAR: Final = Markup(
    '<svg class="bar" width="100%" height="10" aria-hidden="true">'
    '<rect class="track" width="100%" height="10" rx="2"/>'
    '<rect class="fill {}" width="{}%" height="10" rx="2"/></svg>'
)
_PLACE: Final = Markup('<a href="{}">{}</a>')
NO_MARKUP: Final = Markup("")


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that pictures show."""

    links: Mapping[str, str]
    """Links by file name. A file without a link is beside the page."""
    folder: str = ""
    """Folder of the pod in the bundle, which names on the page do not repeat; "" if there is none."""

    def name(self, file: str) -> str:
        """Return the name of ``file`` as the page shows it."""
        return file.removeprefix(f"{self.folder}/") if self.folder else file

    def place(self, file: str, line: int = 0) -> Markup:
        """Return a link to ``file`` that names the ``line``; nothing if there is no file."""
        if not file:
            return NO_MARKUP
        name = self.name(file)
        return _PLACE.format(self.links.get(file, file), f"{name}:{line}" if line else name)


def bar(share: float, tone: Tone) -> Markup:
    """Return a horizontal bar that is filled to ``share`` (0 to 1)."""
    return _BAR.format(tone, percentage(share))


def percentage(share: float) -> str:
    """Return ``share`` (0 to 1) in percent, with the decimals that a coordinate needs."""
    return f"{max(0.0, min(1.0, share)) * 100:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """Return ``share`` (0 to 1) in percent, as a word."""
    return "< 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"  # noqa: PLR2004 - a percent


def amount(value: float, unit: Unit) -> str:
    """Return ``value`` in words."""
    if unit == "bytes":
        return f"{value / (1 << 30):,.1f} GiB" if value >= 10 << 30 else size(int(value))
    if unit == "percent":
        return f"{value:.0f} %"
    return f"{value:.3g} cores" if unit == "cores" else f"{value:,.0f}"


def weight(value: int, unit: str) -> str:
    """Return a weight of a flame graph in words; ``unit`` is in the plural."""
    if unit == "bytes":
        return size(value)
    if unit == "ms":
        return f"{value / 1000:.1f} s" if value >= 1000 else f"{value} ms"  # noqa: PLR2004 - milliseconds of a second
    return f"{value:,} {unit.removesuffix('s') if value == 1 else unit}"
