"""The rows of a progress display: what each resource is doing, from the events so far; no drawing, no clock of its own.

As the official engine's `ProgressDisplay` and rows (pkg/backend/display/progress.go, rows.go).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.display import colour
from local.engine.display.step_text import is_shown, short_diff, visible
from local.engine.display.view import StepView
from local.engine.display.wording import WORDS, plural, prefix, progress_colour, with_retained
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions

_ELLIPSES = ("", ".", "..", "...")
_STATE_ONLY = frozenset({op.SAME, op.REMOVE_PENDING_REPLACE})
_PARTS_OF_REPLACE = frozenset({op.CREATE_REPLACEMENT, op.DELETE_REPLACED, op.DISCARD_REPLACED})
STATUS = 3  # the columns: mark, type, name, status, info


@dataclass
class Row:
    """A resource's row."""

    step: StepView
    hidden: bool = True  # unless something below it is shown
    placeholder: bool = False  # the stack's, before it was heard of
    failed: bool = False
    outputs: list[StepView] = field(default_factory=list[StepView])
    diagnostics: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, "list[dict[str, Any]]"])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    last: dict[str, Any] | None = None
    last_error: dict[str, Any] | None = None
    violations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    order: int = 0  # when it was first shown
    tick: int = 0

    def note(self, diagnostic: dict[str, Any]) -> None:
        """Keep a message."""
        severity = diagnostic["severity"].partition("#")[0]
        self.last = diagnostic
        if severity == "error":
            self.last_error = diagnostic
        self.diagnostics.setdefault(diagnostic["stream"], []).append(diagnostic)
        if not diagnostic["ephemeral"]:
            self.counts[severity] = self.counts.get(severity, 0) + 1


class Rows:
    """All rows, fed with events."""

    def __init__(
        self,
        options: DisplayOptions,
        *,
        preview: bool,
        stack_urn: str,
        clock: Callable[[], float],
    ) -> None:
        self.options = options
        self.preview = preview
        self.failed = False
        self.done = False
        self.tick = 0
        self.sames: set[str] = set()
        self.by_urn: dict[str, Row] = {}
        self.stack_urn = ""
        self._expected_stack = stack_urn
        self._clock = clock
        self._started: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._shown = 0

    # -- events

    def feed(self, kind: str, fields: dict[str, Any]) -> Row | None:  # noqa: C901 - one branch a kind of event
        """Take an event in; returns the row that says something new because of it, if one does."""
        step: StepView | None = fields.get("metadata")
        if kind == "diagnosticEvent":
            if not message(fields, debug=self.options.debug):
                return None
        elif step is not None and not self.options.show_reads:
            if step.op in {op.DISCARD, op.READ_REPLACEMENT}:
                return None
            if step.op == op.READ:
                return self._read(step)
        urn = self._urn_of(fields, step)
        is_root = urn == self.stack_urn  # not yet, when the stack is first heard of
        row = self._row(urn, step)
        unnecessary = step is not None and not is_root and not is_shown(step, self.options)
        if not unnecessary and kind != "policyEvent":
            row.hidden = False
        if kind == "resourcePreEvent" and step is not None:
            self._started[step.urn] = self._clock()
            self._ended.pop(step.urn, None)
            row.step = step
        elif kind == "resOutputsEvent" and step is not None:
            return self._outputs(row, step)
        elif kind == "resOpFailedEvent":
            self.failed = row.failed = True
        elif kind == "diagnosticEvent":
            row.note(fields)
        elif kind == "policyEvent":
            row.violations.append(fields)
        return row

    def _read(self, step: StepView) -> Row | None:
        text = f"read {urns.type_of(step.urn)} {urns.name_of(step.urn)}"
        note = {"severity": "info", "prefix": "", "message": text, "stream": 0, "ephemeral": True, "urn": ""}
        return self.feed("diagnosticEvent", note)

    def _urn_of(self, fields: dict[str, Any], step: StepView | None) -> str:
        if step is not None:
            return step.urn
        return fields.get("urn") or fields.get("resourceUrn") or self.stack_urn

    def _outputs(self, row: Row, step: StepView) -> Row | None:
        refreshed = row.step.op == op.REFRESH
        self._ended[step.urn] = self._clock()
        row.step = step
        row.outputs.append(step)
        if step.op == op.SAME:
            self.sames.add(step.urn)
        res = step.res
        says = refreshed or (not self.preview and (res is None or (res.custom and step.op != op.SAME)))
        return row if self.options.terminal or says else None

    def _row(self, urn: str, step: StepView | None) -> Row:
        if (row := self.by_urn.get(urn)) is not None:
            self._place_parent(step)
            return row
        if urn and urns.qualified_type(urn) == urns.STACK_TYPE:
            self.stack_urn = urn
            if (row := self.by_urn.pop("", None)) is not None:
                row.step = step or StepView(op.SAME, urn)
                self.by_urn[urn] = row
                return row
        row = Row(step or StepView(op.SAME, urn), tick=self.tick)
        self.by_urn[urn] = row
        self._place_parent(step)
        self.ensure_stack()
        return row

    def _place_parent(self, step: StepView | None) -> None:
        """Keep a place for a parent that is heard of later, as in a destroy."""
        parent = step.res.parent if step is not None and step.res is not None else ""
        if parent and parent != self.stack_urn and parent not in self.by_urn:
            self.by_urn[parent] = Row(StepView(op.SAME, parent), tick=self.tick)
            self.ensure_stack()

    def ensure_stack(self) -> None:
        """Have a root that everything hangs on."""
        if self.stack_urn not in self.by_urn:
            self.by_urn[self.stack_urn] = Row(
                StepView(op.SAME, self.stack_urn), hidden=False, placeholder=True, tick=self.tick
            )

    # -- what a row says

    def is_done(self, row: Row) -> bool:
        """Whether a row will say nothing new."""
        if row.failed or self.done:
            return True
        if row.step.urn and row.step.is_stack:
            return False
        return any(step.op == row.step.op for step in row.outputs)

    def columns(self, row: Row) -> list[str]:
        """Mark, type, name, status and info."""
        urn = row.step.urn or self._expected_stack
        done = self.is_done(row)
        names = [visible(urn)] if self.options.show_urns else [urns.type_of(urn), visible(urns.name_of(urn))]
        mark = prefix(self.operation(row.step), done=done) + colour.RESET
        return [mark, *names, self._status(row, done=done), self._info(row)]

    def suffix(self, row: Row) -> str:
        """Dots that come and go while it is under way."""
        operation = self.operation(row.step)
        if self.is_done(row) or not self.options.terminal:
            return ""
        if operation == op.SAME and not (row.step.urn and row.step.is_stack):
            return ""
        dots = _ELLIPSES[(row.tick + self.tick) % len(_ELLIPSES)]
        return progress_colour(operation) + dots + colour.RESET

    def operation(self, step: StepView) -> str:
        """What a step is shown as: on a terminal, the parts of a replacement are one before and after."""
        if not self.options.terminal or self.failed:
            return step.op
        if (self.preview or self.done) and step.op in _PARTS_OF_REPLACE:
            return op.REPLACE
        return step.op

    def _status(self, row: Row, *, done: bool) -> str:
        step = row.step
        operation = self.operation(step)
        words = WORDS[operation]
        failed = row.failed or row.counts.get("error", 0) > 0
        if not failed and self._interrupted(row):
            text = f"{colour.WARNING}{words.doing} (interrupted){colour.RESET}"
        elif done and self.preview:
            text = words.colour + WORDS[step.op].would + colour.RESET
        elif done and failed:
            text = f"{colour.ERROR}**{self._took(step, operation, words.failed)}**{colour.RESET}"
        elif done:
            text = words.colour + self._took(step, operation, words.done) + colour.RESET
        elif step.urn and step.is_stack and operation == op.SAME:
            text = "running"
        elif self.preview:
            text = progress_colour(operation) + WORDS[step.op].planned + colour.RESET
        else:
            text = progress_colour(operation) + self._so_far(step, operation, words.doing) + colour.RESET
        return with_retained(text, step.op, retained=step.retained)

    def _interrupted(self, row: Row) -> bool:
        """Whether the operation ended while this was under way: components may end without a word, others don't."""
        res = row.step.res
        if not self.done or res is None or not res.custom or self.operation(row.step) in _STATE_ONLY:
            return False
        return not any(step.op == row.step.op for step in row.outputs)

    def _took(self, step: StepView, operation: str, text: str) -> str:
        started, ended = self._started.get(step.urn), self._ended.get(step.urn)
        if operation == op.SAME or started is None or ended is None:
            return text
        seconds = ended - started
        return f"{text} ({seconds:.2f}s)" if seconds < 1 else f"{text} ({int(seconds)}s)"

    def _so_far(self, step: StepView, operation: str, text: str) -> str:
        started = self._started.get(step.urn)
        if operation == op.SAME or started is None:
            return text
        return f"{text} ({int(self._clock() - started)}s)"

    def _info(self, row: Row) -> str:
        step = row.step
        if step.op in {op.CREATE_REPLACEMENT, op.DELETE_REPLACED}:
            step = next((found for found in reversed(row.outputs) if found.op == op.REPLACE), step)
        elif step.op in {op.IMPORT, op.IMPORT_REPLACEMENT}:
            step = next((found for found in reversed(row.outputs) if found.op == step.op), step)
        notes = [f"[{changes}{colour.RESET}]"] if (changes := short_diff(step)) else []
        if self.done:
            notes += _counts(row)
        else:
            last = row.last_error if self.options.terminal and row.last_error else row.last
            if last is not None and (text := message(last, debug=self.options.debug)):
                notes.append(text)
        return "; ".join(notes).partition("\n")[0]

    # -- the order of rows

    def show_now(self, row: Row) -> None:
        """Give a row its place, the first time it is shown."""
        self._shown += 1
        row.order = row.order or self._shown


def _counts(row: Row) -> list[str]:
    kinds = (
        ("error", colour.ERROR, "error"),
        ("warning", colour.WARNING, "warning"),
        ("info", colour.INFO, "message"),
        ("debug", colour.PLAIN, "debug"),
    )
    return [
        f"{count} {tag}{plural(count, word)}{colour.RESET}"
        for kind, tag, word in kinds
        if (count := row.counts.get(kind, 0))
    ]


def message(diagnostic: dict[str, Any], *, debug: bool, prefixed: bool = True) -> str:
    """A message with its prefix and without what trails; nothing where it isn't shown."""
    if diagnostic["severity"] == "debug" and not debug:
        return ""
    text = (diagnostic["prefix"] if prefixed else "") + diagnostic["message"]
    return text.rstrip()


def event_of(event: Event) -> tuple[str, dict[str, Any]]:
    """An event's kind and what it says."""
    return next((kind, fields) for kind, fields in event.items() if kind not in {"sequence", "timestamp"})
