"""The demo's report: one HTML page with the picture of the traffic, what happened when, and the gate's verdicts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from local.demo import picture
from ml.drift.plot import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.demo.picture import Moment
    from local.demo.stream import Answer


@dataclass(frozen=True)
class Verdict:
    """What the gate said of a job's model, which it let pass: the job, and the verdict's Markdown."""

    job: str
    text: str


@dataclass(frozen=True)
class Story:
    """All that the page tells. ``drift`` is the drift page's file name, beside this one."""

    answers: Sequence[Answer]
    moments: Sequence[Moment]
    verdicts: Sequence[Verdict]
    drift: str
    seconds: float


def render(story: Story) -> str:
    """The page, as a complete HTML document that needs nothing else."""
    answers = story.answers
    failed = sum(answer.status != 200 for answer in answers)
    tiles = [
        ("requests", f"{len(answers):,}"),
        ("failed", f"{failed:,}"),
        ("deployments that answered", str(len({answer.deployment for answer in answers} - {""}))),
        ("median answer", f"{number(_median([answer.milliseconds for answer in answers]))} ms"),
        ("minutes, all in all", f"{story.seconds / 60:.1f}"),
    ]
    title = "A model&rsquo;s life"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            f'<header><p class="kicker">flight-delay on local Azure</p><h1>{title}</h1>',
            f"<p>{_WHAT}</p></header>",
            '<dl class="tiles">'
            + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
            + "</dl>",
            '<section class="card"><h2>Who answered the requests</h2>',
            picture.draw(answers, story.moments),
            _legend(answers),
            "</section>",
            '<section class="card"><h2>What happened</h2>',
            _moments(story.moments),
            f'<p><a href="{escape(story.drift)}">What the monitor found, feature by feature</a></p></section>',
            *map(_verdict, story.verdicts),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _legend(answers: Sequence[Answer]) -> str:
    keys = "".join(
        f'<span><i class="key {kind}"></i>{escape(name)}</span>' for kind, name in picture.legend(answers)
    )
    return f'<p class="legend">{keys}<span><i class="key failed"></i>failed, whoever it was</span></p>'


def _moments(moments: Sequence[Moment]) -> str:
    rows = "".join(
        f'<tr class="{moment.kind}"><td class="number">{moment.at:.0f} s</td><td>{escape(moment.detail or moment.text)}</td></tr>'
        for moment in sorted(moments, key=lambda one: one.at)
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _verdict(verdict: Verdict) -> str:
    return (
        f'<section class="card"><h2>The gate on {escape(verdict.job)} <span class="chip good">passed</span></h2>'
        f"<pre>{escape(verdict.text.strip())}</pre></section>"
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


_WHAT = (
    "Trained on the first months of 2013, watched through the later ones: drift, an event, a retraining, a gate, "
    "a canary, and a bad candidate that is taken back."
)
_STYLE = """
:root{--paper:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#5c6670;--line:#e3e7eb;--bad:#b42318;
--good:#0a6b45;--good-bg:#e6f5ee;--d0:#9fb1c4;--d1:#2f74c0;--d2:#e0a13a;--d3:#6b8f5e;--d4:#8a6bb0;--d5:#4aa3a2}
@media(prefers-color-scheme:dark){:root{--paper:#101317;--card:#181c22;--ink:#e8ebef;--soft:#9aa5b1;--line:#2b313a;
--bad:#ff9a8f;--good:#6fd6a6;--good-bg:#173528;--d0:#5d6d7e;--d1:#5aa9ff;--d2:#d99a35}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1100px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 12px}h2{font-size:17px;margin:0 0 12px}
.kicker{margin:0 0 4px;color:var(--soft);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:28px 0}
.tiles div,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:2px 0 0;font-size:26px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.2}
.card{padding:18px 20px;margin-top:16px;overflow-x:auto}
.traffic{display:block;width:100%;min-width:760px;height:auto}
.traffic text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--soft)}
.traffic .end{text-anchor:end}.traffic .mid{text-anchor:middle}.traffic .grid{stroke:var(--line)}
.traffic path.moment{stroke:var(--soft);stroke-dasharray:2 3}.traffic path.good{stroke:var(--good)}
.traffic path.bad{stroke:var(--bad)}.traffic text.moment{fill:var(--ink)}
.traffic text.good{fill:var(--good)}.traffic text.bad{fill:var(--bad)}
.d0{fill:var(--d0);background:var(--d0)}.d1{fill:var(--d1);background:var(--d1)}.d2{fill:var(--d2);background:var(--d2)}
.d3{fill:var(--d3);background:var(--d3)}.d4{fill:var(--d4);background:var(--d4)}.d5{fill:var(--d5);background:var(--d5)}
.failed{fill:var(--bad);background:var(--bad)}
.legend{display:flex;gap:18px;flex-wrap:wrap;margin:12px 0 0;color:var(--soft)}
.key{width:14px;height:14px;border-radius:3px;display:inline-block;margin-right:8px;vertical-align:-2px}
table{border-collapse:collapse;width:100%}td{padding:6px 10px;border-top:1px solid var(--line);vertical-align:top}
tr:first-child td{border-top:0}.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;width:1%}
tr.good td{color:var(--good)}tr.bad td{color:var(--bad)}a{color:inherit}
.chip{border-radius:99px;padding:1px 10px;font-size:13px;font-weight:600}
.chip.good{background:var(--good-bg);color:var(--good)}
pre{margin:0;font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;white-space:pre-wrap}
"""
