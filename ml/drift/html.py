"""A report as one HTML page that needs nothing else: no script, no font, no request. Light and dark, and on paper."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from ml.drift import plot
from ml.drift.report import State
from ml.drift.thresholds import STATISTICS

if TYPE_CHECKING:
    from ml.drift.report import Column, Measurement, Report, Side

_ORDER = {state: i for i, state in enumerate(
    (State.DRIFTED, State.GONE, State.KIND_CHANGED, State.NOT_ENOUGH_DATA, State.STABLE, State.NOT_JUDGED, State.NEW)
)}  # fmt: skip

_ABSENT = "&ndash;"

_MEANING = {
    State.DRIFTED: "a statistic is past its threshold, and further than chance explains",
    State.STABLE: "every statistic that is judged is within its threshold",
    State.NOT_ENOUGH_DATA: "too few values, or no more difference than chance makes with so few",
    State.NOT_JUDGED: "measured, but no threshold is set",
    State.GONE: "the current data lacks the feature",
    State.NEW: "only the current data has the feature",
    State.KIND_CHANGED: "numbers became text, or text numbers",
}


def render(report: Report, title: str) -> str:
    """The page of a report, as a complete HTML document."""
    columns = sorted(report.columns, key=lambda column: (_ORDER[column.state], -_ratio(column)))
    anchors = {column.name: f"feature-{i}" for i, column in enumerate(columns)}
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            _head(report, title),
            _tiles(report),
            _table(columns, anchors),
            _legend(),
            '<section class="cards" aria-label="Features">',
            *(_card(column, anchors[column.name]) for column in columns),
            "</section>",
            _notes(report),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _head(report: Report, title: str) -> str:
    sentence = report.sentence[0].upper() + report.sentence[1:]
    return (
        f'<header><p class="kicker">Data drift</p><h1>{escape(title)}</h1>'
        f'<p class="finding">{_chip(report.state)} {escape(sentence)}.</p></header>'
    )


def _tiles(report: Report) -> str:
    tiles = [
        ("drifted", str(len(report.drifted))),
        ("stable", str(len(report.in_state(State.STABLE)))),
        ("other verdicts", str(sum(c.state not in {State.DRIFTED, State.STABLE} for c in report.columns))),
        ("reference rows", f"{report.reference_rows:,}"),
        ("current rows", f"{report.current_rows:,}"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
    return f'<dl class="tiles">{cells}</dl>'


def _table(columns: list[Column], anchors: dict[str, str]) -> str:
    rows: list[str] = []
    for column in columns:
        cells = f'<th scope="row"><a href="#{anchors[column.name]}">{escape(column.name)}</a></th>'
        cells += f"<td>{column.kind}</td><td>{_chip(column.state)}</td>"
        if column.judged:
            worst = column.judged[0]
            statistic = STATISTICS[worst.statistic].title
            label = f"{statistic} is {_times(_ratio(column))} its threshold"
            cells += (
                f'<td>{escape(statistic)}</td><td class="number">{plot.number(worst.value)}</td>'
                f'<td class="number">{worst.threshold:g}</td><td>{plot.meter(_ratio(column), label)}</td>'
            )
        else:
            cells += f'<td>{_ABSENT}</td><td class="number">{_ABSENT}</td><td class="number">{_ABSENT}</td><td></td>'
        cells += f'<td class="number">{_missing(column)}</td>'
        rows.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f'<th scope="col"{extra}>{name}</th>'
        for name, extra in (
            ("Feature", ""), ("Kind", ""), ("Verdict", ""), ("Statistic", ""), ("Value", ' class="number"'),
            ("Threshold", ' class="number"'), ("Value by threshold", ""), ("Missing", ' class="number"'),
        )
    )  # fmt: skip
    return (
        '<div class="scroll"><table><caption class="hidden">Verdict of each feature</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _legend() -> str:
    return (
        '<p class="legend"><span class="key ref-key"></span>reference'
        '<span class="key cur-key"></span>current<span class="hint">shares of each side; '
        "the outer bins hold what lies beyond them</span></p>"
    )


def _card(column: Column, anchor: str) -> str:
    sentence = column.sentence[0].upper() + column.sentence[1:]
    parts = [
        f'<article id="{anchor}" class="card"><h2>{escape(column.name)} {_chip(column.state)}</h2>',
        f'<p class="why">{escape(sentence)}.</p>',
    ]
    if column.plot is not None:
        parts.append(plot.draw(column.plot, column.name))
    parts.append(
        f'<p class="sides">{_side("Reference", column.reference)}<br>{_side("Current", column.current)}</p>'
    )
    if column.measurements:
        rows = "".join(_measurement(each) for each in column.measurements)
        parts.append(
            "<details><summary>All statistics</summary><table><thead><tr>"
            '<th scope="col">Statistic</th><th scope="col" class="number">Value</th>'
            '<th scope="col" class="number">Threshold</th><th scope="col" class="number">By chance</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></details>"
        )
    return "".join([*parts, "</article>"])


def _measurement(each: Measurement) -> str:
    threshold = _ABSENT if each.threshold is None else f"{each.threshold:g}"
    chance = _ABSENT if each.by_chance is None else plot.number(each.by_chance)
    return (
        f'<tr{" class=breached" if each.breached else ""}><th scope="row">{STATISTICS[each.statistic].title}</th>'
        f'<td class="number">{plot.number(each.value)}</td><td class="number">{threshold}</td>'
        f'<td class="number">{chance}</td></tr>'
    )


def _notes(report: Report) -> str:
    measured = {each.statistic for column in report.columns for each in column.measurements}
    states = [state for state in _ORDER if report.in_state(state)]
    verdicts = "".join(f"<dt>{_chip(state)}</dt><dd>{_MEANING[state]}</dd>" for state in states)
    terms = "".join(
        f"<dt>{each.title}</dt><dd>{escape(each.definition)}</dd>"
        for name, each in STATISTICS.items()
        if name in measured
    )
    return (
        f'<footer><h2>How to read this</h2><dl class="notes">{verdicts}</dl>'
        "<p><em>By chance</em> is what a statistic reaches once in 100 times with this many rows although nothing "
        "drifted; a value past its threshold but not past that is no drift. Missing values are left out per feature."
        f'</p><h2>Definitions</h2><dl class="notes">{terms}</dl></footer>'
    )


def _chip(state: State) -> str:
    return f'<span class="chip {re.sub(" ", "-", state)}">{state}</span>'


def _side(name: str, side: Side) -> str:
    text = f"<b>{name}</b> {side.values:,} values"
    if side.missing:
        text += f", {side.missing:,} missing"
    if side.mean is not None and side.deviation is not None:
        text += f", mean {plot.number(side.mean)}, standard deviation {plot.number(side.deviation)}"
    return text


def _missing(column: Column) -> str:
    before, after = (
        plot.percent(side.missing / max(1, side.values + side.missing))
        for side in (column.reference, column.current)
    )
    return before if before == after else f"{before} → {after}"


def _ratio(column: Column) -> float:
    """How far the worst judged statistic is, as a multiple of its threshold; 0 where none is judged."""
    return column.judged[0].severity if column.judged else 0.0


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if ratio < 100 else "over 100 times"


_STYLE = """
:root{--paper:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#5c6670;--line:#e3e7eb;--ref:#aeb8c2;--cur:#0b63c5;
--bad:#b42318;--bad-bg:#fdecea;--good:#0a6b45;--good-bg:#e6f5ee;--warn:#8a5300;--warn-bg:#fdf1dc;--mute-bg:#eceff2}
@media(prefers-color-scheme:dark){:root{--paper:#101317;--card:#181c22;--ink:#e8ebef;--soft:#9aa5b1;--line:#2b313a;
--ref:#56616d;--cur:#5aa9ff;--bad:#ff9a8f;--bad-bg:#43211e;--good:#6fd6a6;--good-bg:#173528;--warn:#f2c073;
--warn-bg:#3c2d14;--mute-bg:#272d35}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1240px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 12px;letter-spacing:-.01em}
h2{font-size:17px;margin:0;display:flex;gap:10px;align-items:center;flex-wrap:wrap}
a{color:inherit;text-decoration-color:var(--ref);text-underline-offset:3px}
a:focus-visible,summary:focus-visible{outline:2px solid var(--cur);outline-offset:2px;border-radius:3px}
.kicker{margin:0 0 4px;color:var(--soft);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
.finding{font-size:17px;margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:28px 0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:2px 0 0;font-size:26px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.2}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:9px 11px;border-top:1px solid var(--line);white-space:nowrap;font-weight:400}
thead th{border-top:0;color:var(--soft);font-size:13px}
tbody th{font-weight:600}
.number{text-align:right;font-variant-numeric:tabular-nums}
.chip{display:inline-block;border-radius:99px;padding:1px 10px;font-size:13px;font-weight:600;white-space:nowrap;
background:var(--mute-bg);color:var(--soft)}
.chip.drifted,.chip.gone,.chip.kind-changed{background:var(--bad-bg);color:var(--bad)}
.chip.stable{background:var(--good-bg);color:var(--good)}
.chip.not-enough-data{background:var(--warn-bg);color:var(--warn)}
.meter{display:block}.meter .track{fill:var(--mute-bg)}.meter .under{fill:var(--good)}.meter .over{fill:var(--bad)}
.meter .mark{stroke:var(--ink);stroke-width:1.5}
.legend{margin:32px 0 12px;display:flex;align-items:center;gap:8px;flex-wrap:wrap}
.key{width:14px;height:14px;border-radius:3px;display:inline-block}
.ref-key{background:var(--ref)}.cur-key{background:var(--cur);margin-left:12px}
.hint{color:var(--soft);font-size:13px;margin-left:12px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;scroll-margin-top:16px}
.card:target{border-color:var(--cur)}
.why{margin:6px 0 10px;color:var(--soft)}
.sides{margin:10px 0 0;font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums}
.sides b{color:var(--ink);font-weight:600;display:inline-block;min-width:76px}
.plot{display:block;width:100%;height:auto}
.plot text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--soft)}
.plot .label{fill:var(--ink)}.plot .end{text-anchor:end}.plot .mid{text-anchor:middle}
.plot .grid{stroke:var(--line)}.plot .axis{stroke:var(--soft)}.plot .ref{fill:var(--ref)}.plot .cur{fill:var(--cur)}
.plot .cur-fill{fill:var(--cur);fill-opacity:.14}
.plot .cur-line{fill:none;stroke:var(--cur);stroke-width:2;stroke-linejoin:round}
.plot .hit{fill:transparent}.plot .hit:hover{fill:var(--ink);fill-opacity:.07}
details{margin-top:12px;font-size:13px}summary{cursor:pointer;color:var(--soft)}
details table{margin-top:8px}details th,details td{padding:4px 8px 4px 0}
.breached td,.breached th{color:var(--bad);font-weight:600}
footer{margin-top:40px;color:var(--soft);font-size:13px}
footer h2{color:var(--ink);font-size:15px;margin-top:24px}
.notes{display:grid;grid-template-columns:max-content 1fr;gap:6px 16px;margin:10px 0}
.notes dt{color:var(--ink)}.notes dd{margin:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:640px){main{padding:24px 14px}h1{font-size:24px}.notes{grid-template-columns:1fr}
.notes dd{margin-bottom:8px}}
@media print{body{background:#fff}.card,.tiles div{break-inside:avoid}.scroll{overflow:visible}}
"""
