"""What `--json` prints of an update, refresh or destroy: its events as lines of JSON, while they happen.

As the official engine's `ShowJSONEvents` (pkg/backend/display/json.go). A preview is one document, unless
PULUMI_ENABLE_STREAMING_JSON_PREVIEW asks for the events. What the SDK says for debugging, which the official CLI always
prints here, needs --debug: a program waits for each of these messages.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local.engine.display.digest import Digest
from local.engine.display.event_log import line
from local.engine.display.progress import write
from local.engine.display.rows import event_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions


class JsonEvents:
    """Prints events; what is the engine's own business keeps its number and isn't shown."""

    def __init__(self, options: DisplayOptions) -> None:
        self._mode = options.colour

    def __call__(self, event: Event) -> None:
        """Print an event."""
        _, fields = event_of(event)
        step = fields.get("metadata")
        if step is None or not step.internal:
            write(line(event, self._mode) + "\n")


class JsonDocument(Digest):
    """Prints the digest of a preview when that has ended."""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        super().__call__(event)
        if "cancelEvent" in event:
            write(self.text() + "\n")


def json_display(options: DisplayOptions, *, preview: bool) -> Callable[[Event], None]:
    """What `--json` shows of an operation."""
    streams = os.environ.get("PULUMI_ENABLE_STREAMING_JSON_PREVIEW", "").lower() in {"1", "true"}
    return JsonDocument(options) if preview and not streams else JsonEvents(options)
