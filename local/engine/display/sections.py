"""What ends an operation: Policies, Diagnostics, Outputs and the count of resources; pure.

As the official engine's `processEndSteps` and `renderSummaryEvent` (pkg/backend/display/progress.go, diff.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.display import colour
from local.engine.display.rows import message
from local.engine.display.step_text import outputs_text
from local.engine.display.wording import COUNTED, WORDS, plural, prefix
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.engine.display.rows import Row, Rows


def diagnostics(rows: Rows) -> Iterator[str]:
    """Every message that isn't passing, by resource and stream."""
    began = False
    for row in rows.by_urn.values():
        headed = False
        for stream, notes in row.diagnostics.items():
            told = False
            for text in _texts(rows, stream, notes):
                lines = displayable(text)
                if not lines:
                    continue
                if not began:
                    yield f"{colour.HEADLINE}Diagnostics:{colour.RESET}"
                if not headed:
                    yield _title(rows, row)
                began = headed = told = True
                yield from (f"    {line.rstrip()}" for line in lines)
            if told:
                yield ""


def _texts(rows: Rows, stream: int, notes: list[dict[str, Any]]) -> Iterator[str]:
    """The messages of a stream; those of a program's output are parts of one."""
    debug = rows.options.debug
    if stream:
        merged = "".join(message(note, debug=debug, prefixed=False) for note in notes)
        yield notes[0]["prefix"] + merged if not notes[0]["ephemeral"] else ""
    else:
        yield from (message(note, debug=debug) for note in notes if not note["ephemeral"])


def _title(rows: Rows, row: Row) -> str:
    columns = rows.columns(row)
    name = columns[1] if rows.options.show_urns else f"{columns[1]} ({columns[2]})"
    return f"  {colour.BRIGHT_BLUE}{name}:{colour.RESET}"


def displayable(text: str) -> list[str]:
    """A message's lines without the blank ones at its end."""
    lines = text.split("\n")
    while lines and not colour.plain(lines[-1]).strip():
        lines.pop()
    return lines


def outputs(rows: Rows) -> Iterator[str]:
    """The stack's outputs, or how they change."""
    if rows.options.suppress_outputs or not rows.stack_urn:
        return
    text = outputs_text(rows.by_urn[rows.stack_urn].step, 1, rows.options, planning=rows.preview)
    if text:
        yield f"{colour.HEADLINE}Outputs:{colour.RESET}"
        yield text


def summary(event: dict[str, Any], errored: int, packs: str = "") -> str:
    """How many resources were, or would be, changed, and how long it took."""
    preview, changes = event["isPreview"], event["resourceChanges"]
    text = f"{colour.HEADLINE}Resources:{colour.RESET}\n"
    counted = [(kind, changes[kind]) for kind in COUNTED if changes.get(kind)]
    for kind, count in counted:
        word = f"to {kind}" if preview else WORDS[kind].past
        text += f"    {prefix(kind, done=True)}{count} {word}{colour.RESET}\n"
    pieces: list[str] = []
    if len(counted) > 1:
        total = sum(count for _, count in counted)
        pieces.append(f"{colour.BOLD}{total} {plural(total, 'change')}{colour.RESET}")
    if changes.get(op.SAME):
        pieces.append(f"{changes[op.SAME]} unchanged")
    if pieces:
        text += f"    {'. '.join(pieces)}\n"
    if errored:
        text += f"    {colour.RED}{errored} errored{colour.RESET}\n"
    text += packs
    if not preview:
        text += f"\n{colour.HEADLINE}Duration:{colour.RESET} {duration(event['durationSeconds'])}\n"
    return text


def duration(seconds: int) -> str:
    """Whole seconds as Go prints them: `1m5s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def configuration(config: dict[str, str]) -> str:
    """What `--show-config` prints before anything happens; secrets are blinded already."""
    lines = [f"    {key}: {config[key]}\n" for key in sorted(config)]
    return f"{colour.PLAIN}Configuration:{colour.RESET}\n" + "".join(lines)
