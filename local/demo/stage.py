"""What the acts of the demo share: the stack, the traffic, what was seen, and the thread that watches the shares."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.demo import candidate
from local.demo.page import Verdict
from local.demo.picture import Moment
from local.endpoint import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from local.command import Work
    from local.demo.observer import Observer
    from local.demo.stream import Stream


@dataclass
class Stage:
    """What the acts share."""

    work: Work
    models: Path
    outputs: dict[str, Any]
    stream: Stream
    observer: Observer
    moments: list[Moment] = field(default_factory=list[Moment])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    #: deployments that all requests went to at some time
    good: set[str] = field(default_factory=set[str])

    @property
    def console(self) -> Console:
        """Where it is told."""
        return self.work.console

    @property
    def served(self) -> dict[str, Any]:
        """The sample model's outputs."""
        return self.outputs["models"][candidate.MODEL]

    def note(self, text: str, detail: str, kind: str = "note") -> None:
        """Something happened: into the terminal, the picture (``text``) and the table (``detail``)."""
        colour = {"good": "green", "bad": "red"}.get(kind, "cyan")
        self.console.print(f"[{colour}]▸[/] ", end="")
        self.console.print(detail, markup=False)
        self.moments.append(Moment(self.stream.now, text, kind, detail))

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Waits, with a word for the terminal, as long as the traffic goes on.

        Raises:
            EndpointError: the traffic has broken off.
        """
        with self.console.status(what):
            while not done():
                self.stream.check()
                time.sleep(0.1)


class Watch(threading.Thread):
    """Notes every change of the endpoint's traffic, for the picture."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(name="watch", daemon=True)
        self._stage = stage
        self._ended = threading.Event()

    def run(self) -> None:
        """Looks twice a second until it is stopped."""
        endpoint = self._stage.served["endpoint"]
        last: dict[str, int] = {}
        while not self._ended.wait(0.5):
            try:
                shares = self._stage.observer.shares(endpoint)
            except EndpointError:
                continue
            if last and shares != last:
                shown = ", ".join(f"{name} {share} %" for name, share in shares.items())
                newest = list(shares)[-1] if shares else ""
                self._stage.moments.append(
                    Moment(self._stage.stream.now, f"{shares.get(newest, 0)} %", "note", f"traffic: {shown}")
                )
            last = shares

    def stop(self) -> None:
        """Ends after the look that is under way."""
        self._ended.set()
        self.join()
