"""What ``python -m local replay`` prints: progress, the list of what is wrong, a summary by provider; or JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from local.replay.replay import Judgement, Verdict

JUDGEMENTS: tuple[Judgement, ...] = ("ok", "unsupported", "wrong")
_COLOUR = {"ok": "green", "unsupported": "yellow", "wrong": "red"}
#: How many reasons of one example are shown.
_REASONS = 12


def counts(verdicts: Sequence[Verdict]) -> Counter[Judgement]:
    """How many of each."""
    return Counter(verdict.judgement for verdict in verdicts)


def show(console: Console, verdicts: Sequence[Verdict], shown: frozenset[str], seconds: float) -> None:
    """Prints the examples whose judgement is ``shown``, with reasons, then the summary."""
    for verdict in verdicts:
        if verdict.judgement not in shown:
            continue
        console.print(f"[{_COLOUR[verdict.judgement]}]{verdict.judgement}[/] ", end="")
        console.print(verdict.example.title, markup=False, style="bold")
        for reason in verdict.reasons[:_REASONS]:
            console.print(f"  {reason}", markup=False)
        if len(verdict.reasons) > _REASONS:
            console.print(f"  and {len(verdict.reasons) - _REASONS} more", style="dim")
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("provider")
    for judgement in JUDGEMENTS:
        table.add_column(judgement, justify="right")
    for provider in sorted({verdict.example.provider for verdict in verdicts}):
        found = counts([verdict for verdict in verdicts if verdict.example.provider == provider])
        table.add_row(provider, *(_number(found, judgement) for judgement in JUDGEMENTS))
    total = counts(verdicts)
    table.add_row("[bold]all[/]", *(_number(total, judgement) for judgement in JUDGEMENTS))
    console.print(table)
    console.print(f"{len(verdicts)} examples in {seconds:.1f} s", style="dim")


def _number(found: Counter[Judgement], judgement: Judgement) -> str:
    number = found[judgement]
    return f"[{_COLOUR[judgement]}]{number}[/]" if number else "[dim]0[/]"


def document(verdicts: Sequence[Verdict], seconds: float) -> dict[str, Any]:
    """The same for programs."""
    total = counts(verdicts)
    providers: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        entry = providers.setdefault(verdict.example.provider, dict.fromkeys(JUDGEMENTS, 0))
        entry[verdict.judgement] += 1
    return {
        "examples": len(verdicts),
        **{judgement: total[judgement] for judgement in JUDGEMENTS},
        "seconds": round(seconds, 1),
        "providers": providers,
        "results": [
            {
                "example": verdict.example.title,
                "method": verdict.example.method,
                "path": verdict.example.path,
                "judgement": verdict.judgement,
                "reasons": list(verdict.reasons),
            }
            for verdict in verdicts
        ],
    }
