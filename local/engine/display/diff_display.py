"""The display of `--diff`: every step's properties, or what differs, when it comes up; messages go to stderr.

As the official engine's `ShowDiffEvents` and `CreateDiff` (pkg/backend/display/diff.go).
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from local.engine.display import colour, sections
from local.engine.display.plain_lines import Heartbeat
from local.engine.display.progress import Ticker, write
from local.engine.display.property_diff import object_diff
from local.engine.display.property_text import Printer, indentation
from local.engine.display.rows import event_of
from local.engine.display.step_text import depth, header, is_shown, outputs_text, step_text
from local.engine.display.wording import WORDS
from local.engine.policy.notes import remediation_title, run_lines, violation_text
from local.engine.steps import step as op

if TYPE_CHECKING:
    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.view import StepView

_HEARTBEAT_SECONDS = 20


class DiffText:
    """Turns events into text, one after another."""

    def __init__(self, options: DisplayOptions, *, summary: bool = False) -> None:
        self._options = options
        self._brief = summary
        self._seen: dict[str, StepView] = {}
        self._errored = 0

    def of(self, event: Event) -> str:  # noqa: C901 - one branch a kind of event
        """The text for an event; it may be empty."""
        kind, fields = event_of(event)
        step: StepView | None = fields.get("metadata")
        if step is not None and step.internal:
            return ""
        if kind == "preludeEvent" and self._options.show_config:
            return sections.configuration(fields["config"])
        if kind == "resourcePreEvent" and step is not None:
            return self._pre(step, planning=fields["planning"])
        if kind == "resOutputsEvent" and step is not None:
            return self._outputs(step, planning=fields["planning"])
        if kind == "resOpFailedEvent":
            self._errored += 1
        elif kind == "diagnosticEvent":
            if fields["severity"] != "debug" or self._options.debug:
                return fields["prefix"] + fields["message"]
        elif kind == "policyEvent":
            return violation_text(fields)
        elif kind == "policyRemediationEvent":
            return _remediation(fields)
        elif kind == "stdoutEvent":
            return fields["message"]
        elif kind == "summaryEvent":
            packs = "".join(f"{line}\n" for line in run_lines(fields["PolicyPacks"]))
            return sections.summary(fields, self._errored, packs)
        return ""

    def _shows(self, step: StepView) -> bool:
        return step.is_stack or is_shown(step, self._options, whole=True)

    def _pre(self, step: StepView, *, planning: bool) -> str:
        self._seen[step.urn] = step
        if step.op in {op.REFRESH, op.IMPORT} or not self._shows(step):
            return ""
        return self._step(step, planning=planning)

    def _step(self, step: StepView, *, planning: bool, refresh: bool = False) -> str:
        indent = depth(step, self._seen, self._options)
        return step_text(step, indent, self._options, refresh=refresh, summary=self._brief, planning=planning)

    def _outputs(self, step: StepView, *, planning: bool) -> str:
        if not self._shows(step):
            return ""
        before = self._seen.get(step.urn)
        refresh = before is not None and before.op == op.REFRESH
        if step.op == op.IMPORT or (refresh and step.op == op.UPDATE):
            return self._step(step, planning=planning, refresh=refresh)
        indent = depth(step, self._seen, self._options)
        text = outputs_text(step, indent + 1, self._options, planning=planning, refresh=refresh)
        found = ""
        if refresh and (step.op != op.REFRESH or text or step.is_stack):
            found = header(step, indent, self._options)
        if text and not self._options.suppress_outputs:
            pad = indentation(indent + 1)
            found += f"{WORDS[step.op].colour}{pad}--outputs:--{colour.RESET}\n{text}"
        return found


def _remediation(fields: dict[str, Any]) -> str:
    diff = object_diff(fields["before"], fields["after"])
    if diff is None:
        return ""
    printer = Printer([], 2, summary=True)
    printer.diff(diff)
    return f"    {remediation_title(fields)}\n{printer.text}\n"


class DiffDisplay:
    """Prints the text of events as they come."""

    def __init__(self, title: str, label: str, options: DisplayOptions) -> None:
        self._title = title
        self._options = options
        self._text = DiffText(options)
        self._heart = Heartbeat(label, options)
        self._lock = threading.RLock()
        self._ticker: Ticker | None = None

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            if self._ticker is None:
                write(colour.colorize(self._title, self._options.colour))
                self._ticker = Ticker(_HEARTBEAT_SECONDS, self._tick)
                self._ticker.start()
            self._heart.reset()
            if text := self._text.of(event):
                text = colour.colorize(text, self._options.colour)
                if "diagnosticEvent" in event:
                    sys.stdout.flush()
                    sys.stderr.write(text)
                    sys.stderr.flush()
                else:
                    write(text)
            if "cancelEvent" in event:
                threading.Thread(target=self._ticker.stop, daemon=True).start()

    def _tick(self) -> None:
        with self._lock:
            self._heart.beat()


def details(events: list[Event], options: DisplayOptions) -> str:
    """What `details` prints before a question: the whole diff of a preview."""
    text = DiffText(options, summary=True)
    found: list[str] = []
    remediations: list[str] = []
    for event in events:
        kind, _ = event_of(event)
        if kind in {"resourcePreEvent", "resOutputsEvent"}:
            found.append(text.of(event))
        elif kind == "policyRemediationEvent":
            remediations.append(text.of(event))
    if any(remediations):
        found += [f"\n{colour.HEADLINE}  Policy Remediations:{colour.RESET}\n", *remediations]
    return colour.colorize("".join(found), options.colour).strip()
