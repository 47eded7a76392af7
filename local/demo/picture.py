"""The traffic over time as one SVG: who answered how many requests each second, what failed, and what happened when.

Pure: answers and moments in, text out. Colours are the page's CSS variables, so they follow its theme.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING

from ml.drift.plot import number, ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from local.demo.stream import Answer

WIDTH, _LEFT, _RIGHT = 980, 44, 20
_TOP, _PLOT, _BOTTOM = 96, 220, 30
_BASE = _TOP + _PLOT
#: Rows of labels above the plot: a label takes the first that is free.
_ROWS, _ROW = 5, 18
_LETTER = 6.4


@dataclass(frozen=True)
class Moment:
    """Something that happened, ``at`` seconds after the traffic began.

    ``text`` fits into the picture, ``detail`` is the whole of it; ``kind`` is its colour: note, good or bad.
    """

    at: float
    text: str
    kind: str = "note"
    detail: str = ""


@dataclass(frozen=True)
class Second:
    """What was answered in a span of the picture: requests by deployment, and those that failed."""

    answered: Mapping[str, int]
    failed: int


def spans(answers: Iterable[Answer], width: float) -> list[Second]:
    """The answers in spans of ``width`` seconds, from 0 to the last one.

    A failed request counts for the deployment that failed, too, if one is known.
    """
    counts: dict[int, Counter[str]] = {}
    failed: Counter[int] = Counter()
    for answer in answers:
        span = int(answer.at // width)
        counts.setdefault(span, Counter())[answer.deployment or "nobody"] += 1
        failed[span] += answer.status != 200
    last = max(counts, default=-1)
    return [Second(counts.get(span, Counter()), failed[span]) for span in range(last + 1)]


def draw(answers: Sequence[Answer], moments: Sequence[Moment], width: float = 1.0) -> str:
    """The SVG. Deployments are stacked in the order they first answered, failures stand on the axis in red."""
    seconds = spans(answers, width)
    names = [name for _, name in legend(answers)]
    top = max((sum(second.answered.values()) for second in seconds), default=0) / width or 1.0
    axes = _Axes(whole=max(len(seconds) * width, 1.0), top=top)
    label = f"Requests per second by deployment, {number(axes.whole)} seconds"
    bars = [bar for i, second in enumerate(seconds) for bar in _bars(second, i * width, width, names, axes)]
    return "\n".join(
        [
            f'<svg class="traffic" viewBox="0 0 {WIDTH} {_BASE + _BOTTOM}" role="img" aria-label="{label}">',
            *_grid(axes),
            *bars,
            *_labels(moments, axes),
            "</svg>",
        ]
    )


def legend(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    """(CSS class, deployment) in the order of the picture."""
    names = dict.fromkeys(answer.deployment or "nobody" for answer in sorted(answers, key=lambda a: a.at))
    return [(f"d{i % 6}", name) for i, name in enumerate(names)]


@dataclass(frozen=True)
class _Axes:
    whole: float  #: seconds
    top: float  #: requests per second

    def x(self, at: float) -> float:
        return round(_LEFT + min(at / self.whole, 1.0) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, rate: float) -> float:
        return round(_BASE - rate / self.top * _PLOT, 1)


def _grid(axes: _Axes) -> Iterator[str]:
    for rate in ticks(0, axes.top, 4):
        yield f'<path class="grid" d="M{_LEFT} {axes.y(rate)}H{WIDTH - _RIGHT}"/>'
        yield f'<text class="tick end" x="{_LEFT - 6}" y="{axes.y(rate) + 4}">{number(rate)}/s</text>'
    for at in ticks(0, axes.whole, 10):
        yield f'<text class="tick mid" x="{axes.x(at)}" y="{_BASE + 18}">{number(at)} s</text>'


def _bars(second: Second, at: float, width: float, names: Sequence[str], axes: _Axes) -> Iterator[str]:
    left = axes.x(at)
    wide = round(axes.x(at + width) - left, 1)
    heights = [second.answered.get(name, 0) / width for name in names]
    for j, (height, end) in enumerate(zip(heights, accumulate(heights), strict=True)):
        if height:
            tall = round(axes.y(end - height) - axes.y(end), 1)
            yield (
                f'<rect class="d{j % 6}" x="{left}" y="{axes.y(end)}" width="{wide}" height="{tall}">'
                f"<title>{escape(names[j])}: {number(height)} requests/s at {number(at)} s</title></rect>"
            )
    if second.failed:
        rate = second.failed / width
        tall = round(_BASE - axes.y(rate), 1)
        yield (
            f'<rect class="failed" x="{left}" y="{axes.y(rate)}" width="{wide}" height="{tall}">'
            f"<title>{number(rate)} failed requests/s at {number(at)} s</title></rect>"
        )


def _labels(moments: Sequence[Moment], axes: _Axes) -> Iterator[str]:
    ends = [0.0] * _ROWS
    for moment in sorted(moments, key=lambda one: one.at):
        at, wide = axes.x(moment.at), len(moment.text) * _LETTER + 8
        start = min(at, WIDTH - _RIGHT - wide)
        row = next((row for row in range(_ROWS) if ends[row] <= start), ends.index(min(ends)))
        ends[row] = start + wide
        line = 12 + row * _ROW
        text = escape(moment.text)
        yield f'<path class="moment {moment.kind}" d="M{at} {line + 4}V{_BASE}"/>'
        yield f'<text class="moment {moment.kind}" x="{round(start + 3, 1)}" y="{line}">{text}</text>'
