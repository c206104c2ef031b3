"""Usage against limits, as bars."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from ...picture import Meter, Tone
from .shapes import NO_MARKUP, Sources, amount, bar, percent

_BAD: Final = 0.9  # of the limit
_NEAR: Final = 0.75
_BAD_WAIT: Final = 0.5  # of the time, for meters in percent
_NOTICEABLE_WAIT: Final = 0.1
_TABLE: Final = Markup(
    '<table class="bars"><thead><tr><th scope="col">Resource</th><th scope="col">Use</th>'
    '<th scope="col">Evidence</th></tr></thead><tbody>{}</tbody></table>'
)
_ROW: Final = Markup('<tr><th scope="row">{}</th><td class="gauge">{}<span>{}</span></td><td>{}</td></tr>')


def draw_meters(meters: Sequence[Meter], sources: Sources) -> Markup:
    """Return a table with a bar for each resource that has a limit; nothing if there are no meters."""
    if not meters:
        return NO_MARKUP
    return _TABLE.format(Markup("").join(_row(meter, sources) for meter in meters))


def _row(meter: Meter, sources: Sources) -> Markup:
    place = sources.place(meter.file, meter.line)
    used = amount(meter.used, meter.unit)
    if not meter.limit:
        return _ROW.format(meter.name, NO_MARKUP, f"{used}, no limit", place)
    share = meter.used / meter.limit
    words = used if meter.unit == "percent" else f"{used} of {amount(meter.limit, meter.unit)} ({percent(share)})"
    return _ROW.format(meter.name, bar(share, meter_tone(meter)), words, place)


def meter_tone(meter: Meter) -> Tone:
    """Return whether the use is near the limit."""
    if not meter.limit:
        return ""
    bad, near = (_BAD_WAIT, _NOTICEABLE_WAIT) if meter.unit == "percent" else (_BAD, _NEAR)
    share = meter.used / meter.limit
    return "bad" if share >= bad else "warning" if share >= near else "good"
