"""Ctrl-C and SIGTERM: once ends what is in flight and saves, twice stops at once with what is known saved.

As in the official CLI (`pkg/backend/cancellation_scope.go`), whose exit codes are 1 and 8.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from local.engine.display.events import Stream

_T = TypeVar("_T")


class StoppedError(Exception):
    """The user wants the operation to end, and nothing was done that has to be waited for."""


class Interrupts:
    """What the user's signals mean to one operation."""

    def __init__(self, events: Stream, *, preview: bool) -> None:
        self._events = events
        self._preview = preview
        self._terminated = False
        self._listeners: list[Callable[[], object]] = []
        self.received = False

    def watch(self) -> None:
        """Take the signals of this process, from the loop that runs."""
        loop = asyncio.get_running_loop()
        try:
            for number, name, how in (
                (signal.SIGINT, "^C", "press ^C again"),
                (signal.SIGTERM, "SIGTERM", "send SIGTERM again"),
            ):
                loop.add_signal_handler(number, self._on_signal, name, how)
        except (ValueError, RuntimeError, NotImplementedError):
            return  # not the main thread

    def then(self, call: Callable[[], object]) -> None:
        """Have a function called when the user interrupts; at once, if that has happened."""
        self._listeners.append(call)
        if self.received:
            call()

    def _on_signal(self, name: str, how: str) -> None:
        if self._terminated:
            return  # it is being saved
        if self.received:
            self._terminated = True
            self._events.say(f"{name} received; terminating")
            raise KeyboardInterrupt
        self.received = True
        rest = "" if self._preview else ", after what is under way has ended and is saved"
        self._events.say(
            f"{name} received; cancelling{rest}. If you would like to terminate immediately, {how}."
        )
        for call in self._listeners:
            call()

    async def unless(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of work that may be dropped at any moment; raises StoppedError if the user interrupts."""
        task = asyncio.ensure_future(work)
        self.then(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            if self.received:
                raise StoppedError from None
            raise
        finally:
            self._listeners.remove(task.cancel)
