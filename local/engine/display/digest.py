"""What `--json` prints of a preview: one document, at the end.

As the official engine's `ShowPreviewDigest` (pkg/backend/display/json.go).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from local.engine.display import colour
from local.engine.display.quoting import json_number
from local.engine.display.rows import event_of
from local.engine.display.step_text import is_shown
from local.engine.property_value import ASSET, SIGNATURE, UNKNOWN_STRING, Output, Secret, Unknown
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.view import StateView, StepView


class Digest:
    """Collects a preview's steps and messages."""

    def __init__(self, options: DisplayOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._started = clock()
        self._config: dict[str, str] = {}
        self._steps: list[dict[str, Any]] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._changes: dict[str, int] = {}
        self._refreshed: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        kind, fields = event_of(event)
        step: StepView | None = fields.get("metadata")
        if step is not None and (
            step.internal or not (step.is_stack or is_shown(step, self._options, whole=True))
        ):
            return
        if kind == "preludeEvent":
            self._config = fields["config"]
        elif kind == "resourcePreEvent" and step is not None:
            if step.op == op.REFRESH:
                self._refreshed.add(step.urn)
            self._steps.append(self._row(step))
        elif kind == "resOutputsEvent" and step is not None:
            self._outputs(step)
        elif kind == "summaryEvent":
            self._changes = fields["resourceChanges"]
        elif kind == "diagnosticEvent" and fields["severity"] != "debug" and not fields["ephemeral"]:
            self._note(fields)

    def _outputs(self, step: StepView) -> None:
        """What a refresh found is known only now."""
        if step.urn not in self._refreshed:
            return
        if step.op == op.DELETE or (step.op == op.UPDATE and step.detailed is not None):
            row = self._row(step)
            self._steps = [row if found["urn"] == step.urn else found for found in self._steps]

    def _note(self, fields: dict[str, Any]) -> None:
        note = {"urn": fields["urn"], "message": colour.plain(fields["prefix"] + fields["message"])}
        note["severity"] = fields["severity"]
        self._diagnostics.append({key: value for key, value in note.items() if value})

    def _row(self, step: StepView) -> dict[str, Any]:
        row: dict[str, Any] = {"op": step.op, "urn": step.urn}
        if step.provider:
            row["provider"] = step.provider
        for key, state in (("oldState", step.old), ("newState", step.new)):
            if state is not None:
                row[key] = self._state(state, hide=step.is_stack and self._options.suppress_outputs)
        if step.diffs:
            row["diffReasons"] = list(step.diffs)
        if step.keys:
            row["replaceReasons"] = list(step.keys)
        row["detailedDiff"] = step.detailed and {
            path: {"kind": entry["diffKind"], "inputDiff": bool(entry.get("inputDiff"))}
            for path, entry in sorted(step.detailed.items())
        }
        return row

    def _state(self, state: StateView, *, hide: bool) -> dict[str, Any]:
        fields = state.current.fields(_shown)
        return {key: value for key, value in fields.items() if not hide or key not in {"inputs", "outputs"}}

    def text(self) -> str:
        """The JSON."""
        document: dict[str, Any] = {
            "config": self._config,
            "steps": self._steps,
            "diagnostics": self._diagnostics,
            "duration": int((self._clock() - self._started) * 1e9),
            "changeSummary": dict(sorted(self._changes.items())),
        }
        return json.dumps(
            {key: value for key, value in document.items() if value}, indent=4, ensure_ascii=False
        ).translate(_HTML)


_HTML = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}  # as Go's encoder writes them


def _shown(value: Any) -> Any:
    """A value without its secrets, as a checkpoint would have it."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Output):
        return _shown(value.flat())
    if isinstance(value, Unknown):
        return UNKNOWN_STRING
    if isinstance(value, dict):
        if value.get(SIGNATURE) == ASSET:
            return dict(value)
        return {key: _shown(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return json_number(value) if isinstance(value, float) else value
