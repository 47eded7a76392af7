"""What `--output json` prints of an operation: one line of JSON at its end, and nothing else.

As the official engine's `SummaryJSON` (pkg/backend/display/summary_json.go).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.display.progress import write
from local.engine.display.rows import event_of
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.view import StepView


class JsonSummary:
    """Collects the resources of an operation, and prints them with its result."""

    def __init__(self, options: DisplayOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._began = clock()
        self._resources: list[dict[str, str]] = []

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        kind, fields = event_of(event)
        if kind == "resourcePreEvent":
            self._note(fields["metadata"])
        elif kind == "summaryEvent":
            document: dict[str, Any] = {
                "result": fields["result"],
                "duration": int((self._clock() - self._began) * 1e9),
                "summary": dict(sorted(fields["resourceChanges"].items())),
                "resources": self._resources,
            }
            shown = {key: value for key, value in document.items() if value}
            write(json.dumps(shown, separators=(",", ":"), ensure_ascii=False) + "\n")

    def _note(self, step: StepView) -> None:
        if step.internal or (step.op == op.SAME and not self._options.show_sames):
            return
        row = {"urn": step.urn, "type": step.type, "name": urns.name_of(step.urn), "op": step.op}
        if step.res is not None and step.res.parent:
            row["parent"] = step.res.parent
        self._resources.append(row)
