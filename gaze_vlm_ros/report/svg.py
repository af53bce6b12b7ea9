"""Small pieces of SVG that follow the page's colours; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

CHARACTER_PX = 6.5
"""Mean width of a character at the charts' 11 px."""


def svg(width: float, height: float, parts: Iterable[str], label: str, data: dict[str, float] | None = None) -> Markup:
    """One ``<svg>`` that keeps its proportions; ``label`` is read aloud, ``data`` is for the page's script."""
    attributes = Markup("").join(
        Markup(' data-{}="{:.4f}"').format(name, value) for name, value in (data or {}).items()
    )
    return Markup(
        '<svg viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" aria-label="{2}"{3}>{4}</svg>'
    ).format(width, height, label, attributes, Markup("").join(parts))


def box(x: float, y: float, width: float, height: float, css: str = "", fill: str = "", title: str = "") -> Markup:
    """A rectangle; ``title`` shows where a mouse rests on it."""
    paint = Markup(' style="fill:{}"').format(fill) if fill else Markup("")
    tip = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}"{}>{}</rect>').format(
        x, y, max(width, 0.5), height, css, paint, tip
    )


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(x, y, css, anchor, words)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(x1, y1, x2, y2, css)


def circle(x: float, y: float, radius: float, css: str, title: str = "") -> Markup:
    tip = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" class="{}">{}</circle>').format(x, y, radius, css, tip)


def path(commands: str, css: str) -> Markup:
    return Markup('<path d="{}" class="{}"/>').format(escape(commands), css)


def shortened(words: str, room_px: float) -> str:
    """``words`` cut with an ellipsis to fit ``room_px``; empty where not even four characters fit."""
    fits = int(room_px / CHARACTER_PX)
    if len(words) <= fits:
        return words
    return words[: fits - 1].rstrip() + "…" if fits >= 4 else ""


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 of a power of ten) in ``low..high``, at most ``about`` steps."""
    if high <= low:
        return [low]
    coarse = (high - low) / about
    power = 10.0 ** math.floor(math.log10(coarse))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= coarse * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 9) for number in range(first, last + 1)]
