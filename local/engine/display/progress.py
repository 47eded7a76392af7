"""The progress display: a line for each thing that happens, or a live tree on a terminal; at the end, all there is to say."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from local.engine.display import colour, sections
from local.engine.display.rows import Rows, event_of
from local.engine.policy.notes import PolicyNotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.rows import Row

_LOADING = "Loading policy packs..."


class Renderer(Protocol):
    """What puts rows on the screen."""

    def updated(self, row: Row) -> None:
        """A row says something new."""

    def tick(self) -> None:
        """A second has gone by."""

    def progress(self, text: str, *, done: bool) -> None:
        """Something that takes a while began or ended."""

    def message(self, text: str) -> None:
        """The engine has something to say to whoever looks on."""

    def finish(self) -> None:
        """Nothing follows: leave the last rows as they are."""

    def print(self, text: str) -> None:
        """Write a line for good."""


class Ticker:
    """Calls a function every so often, from a thread, until it is stopped."""

    def __init__(self, seconds: float, tick: Callable[[], None]) -> None:
        self._seconds = seconds
        self._tick = tick
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="display")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._tick()

    def stop(self) -> None:
        """Stop, and wait for a tick that is under way."""
        self._stopped.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()


class Progress:
    """Follows the events of an operation."""

    def __init__(
        self,
        title: str,
        options: DisplayOptions,
        *,
        preview: bool,
        stack_urn: str,
        renderer: Callable[[Rows], Renderer],
        clock: Callable[[], float] = time.monotonic,
        seconds: float = 1,
    ) -> None:
        self._options = options
        self._rows = Rows(options, preview=preview, stack_urn=stack_urn, clock=clock)
        self._make_renderer = renderer
        self._clock = clock
        self._began = clock()
        self._renderer: Renderer | None = None
        self._title = title
        self._lock = threading.RLock()
        self._ticker = Ticker(seconds, self._tick)
        self._policies = PolicyNotes()
        self._loading = False
        self._summary: dict[str, Any] | None = None
        self._ended = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        kind, fields = event_of(event)
        step = fields.get("metadata")
        if self._ended or (step is not None and step.internal):
            return
        with self._lock:
            renderer = self._begin()
            if kind == "cancelEvent":
                self._end(renderer)
            elif (
                not self._aside(kind, fields, renderer) and (row := self._rows.feed(kind, fields)) is not None
            ):
                renderer.updated(row)

    def _begin(self) -> Renderer:
        if self._renderer is None:
            write(colour.colorize(self._title, self._options.colour))
            self._renderer = self._make_renderer(self._rows)
            self._ticker.start()
        return self._renderer

    def _tick(self) -> None:
        with self._lock:
            self._rows.tick = int(self._clock() - self._began)
            if self._renderer is not None and not self._ended:
                self._renderer.tick()

    def _aside(self, kind: str, fields: dict[str, Any], renderer: Renderer) -> bool:
        """Take what isn't about a resource; returns whether it was that."""
        if kind == "preludeEvent":
            self._prelude(fields, renderer)
        elif kind == "policyLoadEvent":
            if not self._loading:
                self._loading = True
                renderer.progress(_LOADING, done=False)
        elif kind == "summaryEvent":
            self._summary = fields
        elif kind == "stdoutEvent":
            renderer.message(fields["message"])
        elif kind == "policyRemediationEvent":
            self._policies.note_remediation(fields)
        elif kind == "policyEvent":
            self._policies.note(fields)
            return False
        else:
            return kind not in {"resourcePreEvent", "resOutputsEvent", "resOpFailedEvent", "diagnosticEvent"}
        return True

    def _prelude(self, fields: dict[str, Any], renderer: Renderer) -> None:
        if self._loading:
            renderer.progress(_LOADING, done=True)
        text = sections.configuration(fields["config"]) if self._options.show_config else ""
        if not self._options.terminal:
            renderer.print(text)
        elif text:
            note = {
                "severity": "info",
                "prefix": "",
                "message": text,
                "stream": 0,
                "ephemeral": False,
                "urn": "",
            }
            if (row := self._rows.feed("diagnosticEvent", note)) is not None:
                renderer.updated(row)

    def _end(self, renderer: Renderer) -> None:
        self._ended = True
        under_way = [row for row in self._rows.by_urn.values() if not self._rows.is_done(row)]
        self._rows.done = True
        if not self._options.terminal:
            for row in under_way:
                renderer.updated(row)
        renderer.finish()
        packs = self._summary["PolicyPacks"] if self._summary else {}
        if packs:
            for line in self._policies.lines(packs, detailed=self._options.show_policy_remediations):
                renderer.print(line)
        for line in sections.diagnostics(self._rows):
            renderer.print(line)
        for line in sections.outputs(self._rows):
            renderer.print(line)
        # What policies refuse has no counts to be proud of.
        if self._summary is not None and not (packs and self._policies.mandatory):
            errored = sum(1 for row in self._rows.by_urn.values() if row.counts.get("error"))
            renderer.print(sections.summary(self._summary, errored))
        self._stop()

    def _stop(self) -> None:
        # The ticker may wait for the lock that is held here: it is told, not waited for.
        threading.Thread(target=self._ticker.stop, daemon=True).start()


def write(text: str) -> None:
    """Write to the standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
