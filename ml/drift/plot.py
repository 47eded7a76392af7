"""Small plots as inline SVG: two samples over each other. Colours are the page's CSS variables, so they follow its theme.

Each mark has a ``<title>``: what it shows can be read by pointing at it, and by a screen reader.
"""

from __future__ import annotations

import math
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ml.drift.histogram import Categories, Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 560
_LEFT, _RIGHT, _TOP, _PLOT, _BOTTOM = 48, 20, 10, 170, 26
#: Categories that are shown; the rest is added up.
_MOST = 10
_ROW = 27


def draw(distribution: Histogram | Categories, name: str) -> str:
    """The SVG of a feature's distribution; ``name`` goes into its description."""
    if isinstance(distribution, Histogram):
        return _histogram(distribution, name)
    return _bars(distribution, name)


def meter(ratio: float, label: str) -> str:
    """A value against its threshold: a bar whose middle mark is the threshold (``ratio`` 1), full from 2 on."""
    width = round(min(max(ratio, 0.0), 2.0) / 2 * 96, 1)
    kind = "over" if ratio > 1 else "under"
    return (
        f'<svg class="meter" viewBox="0 0 96 14" width="96" height="14" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>"
        '<rect class="track" x="0" y="4" width="96" height="6" rx="3"/>'
        f'<rect class="{kind}" x="0" y="4" width="{width}" height="6" rx="3"/>'
        '<path class="mark" d="M48 0V14"/></svg>'
    )


def number(value: float) -> str:
    """A number as axes and tables show it: three digits, no exponent where it can be helped.

    >>> [number(x) for x in (0.123456, 1234.5, 200.0, 2.5, 1e-9)]
    ['0.123', '1,234', '200', '2.5', '1e-09']
    """
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    shown = f"{value:.{max(0, digits)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def percent(share: float) -> str:
    """A share as a percentage.

    >>> percent(0.1234), percent(0.0004), percent(0)
    ('12.3 %', '<0.1 %', '0 %')
    """
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{share:.1%}".replace(".0%", "%").replace("%", " %")


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between low and high, at most that many.

    >>> ticks(-43, 187, 5)
    [0.0, 50.0, 100.0, 150.0]
    """
    if not low < high:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts / max(int(counts.sum()), 1)


def _open(name: str, height: int, what: str) -> list[str]:
    label = escape(f"{name}: {what} in the reference and in the current data")
    return [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">']


def _histogram(histogram: Histogram, name: str) -> str:
    edges = histogram.edges
    before, after = _shares(histogram.reference), _shares(histogram.current)
    top = max(float(before.max()), float(after.max())) or 1.0
    inner = WIDTH - _LEFT - _RIGHT
    base = _TOP + _PLOT

    def x(value: float) -> float:
        return round(_LEFT + (value - edges[0]) / (edges[-1] - edges[0]) * inner, 1)

    def y(share: float) -> float:
        return round(base - share / top * _PLOT, 1)

    svg = _open(name, base + _BOTTOM, "share of values by size")
    for share in ticks(0, top, 4):
        svg.append(f'<path class="grid" d="M{_LEFT} {y(share)}H{WIDTH - _RIGHT}"/>')
        svg.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y(share) + 4}">{percent(share)}</text>')
    for value in ticks(float(edges[0]), float(edges[-1]), 7):
        svg.append(f'<text class="tick mid" x="{x(value)}" y="{base + 18}">{number(value)}</text>')
    for left, right, share in zip(edges[:-1], edges[1:], before, strict=True):
        width = round(max(x(right) - x(left) - 1, 0.6), 1)
        height = round(base - y(share), 1)
        svg.append(f'<rect class="ref" x="{x(left)}" y="{y(share)}" width="{width}" height="{height}"/>')
    steps = "".join(f"V{y(share)}H{x(right)}" for right, share in zip(edges[1:], after, strict=True))
    svg.append(f'<path class="cur-fill" d="M{x(edges[0])} {base}{steps}V{base}Z"/>')
    svg.append(f'<path class="cur-line" d="M{x(edges[0])} {base}{steps}V{base}"/>')
    svg.append(f'<path class="axis" d="M{_LEFT} {base}H{WIDTH - _RIGHT}"/>')
    last = len(before) - 1
    for i, (left, right) in enumerate(pairwise(edges.tolist())):
        where = f"{number(left)} to {number(right)}"
        if right - left == 1 and left % 1:  # whole numbers have a bin each
            where = number(left + 0.5)
        elif i in {0, last}:
            where = f"up to {number(right)}" if i == 0 else f"from {number(left)}"
        shown = escape(f"{where}: reference {percent(before[i])}, current {percent(after[i])}")
        width = round(x(right) - x(left), 1)
        svg.append(
            f'<rect class="hit" x="{x(left)}" y="{_TOP}" width="{width}" height="{_PLOT}"><title>{shown}</title></rect>'
        )
    return "".join([*svg, "</svg>"])


def _bars(categories: Categories, name: str) -> str:
    before, after = _shares(categories.reference), _shares(categories.current)
    # Where there are many, those that changed most say more than the largest.
    kept = np.argsort(-np.abs(after - before), kind="stable")[:_MOST]
    kept = kept[np.argsort(-np.maximum(before, after)[kept], kind="stable")]
    top = float(np.maximum(before, after)[kept].max()) or 1.0
    left, rest = 116, len(before) - len(kept)
    inner = WIDTH - left - 84
    height = _TOP + _ROW * (len(kept) + bool(rest))
    svg = _open(name, height, "share of each category")
    for row, i in enumerate(kept):
        label, first, second = categories.names[i], float(before[i]), float(after[i])
        new = " new" if not first else ""
        y = _TOP + row * _ROW
        shown = escape(f"{label}: reference {percent(first)}, current {percent(second)}")
        short = label if len(label) <= 13 else label[:12] + "…"
        svg.append(
            f"<g><title>{shown}</title>"
            f'<text class="label end" x="{left - 8}" y="{y + 14}">{escape(short)}</text>'
            f'<rect class="ref" x="{left}" y="{y}" width="{first / top * inner:.1f}" height="9"/>'
            f'<rect class="cur" x="{left}" y="{y + 10}" width="{second / top * inner:.1f}" height="9"/>'
            f'<text class="tick" x="{left + max(first, second) / top * inner + 7:.1f}" y="{y + 14}">'
            f"{percent(second)}{new}</text></g>"
        )
    if rest:
        first, second = 1 - float(before[kept].sum()), 1 - float(after[kept].sum())
        svg.append(
            f'<text class="tick" x="{left}" y="{height - 7}">{rest} more that changed less: '
            f"{percent(first)}, now {percent(second)}</text>"
        )
    return "".join([*svg, "</svg>"])
