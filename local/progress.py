"""A run of the engine, told as it happens: reads the engine's event log, shows what is made and what failed.

The event log (``--event-log``) is the same for both engines: a JSON object a line, as the Automation API reads it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console
    from rich.status import Status

_DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created",
    "delete-replaced": "deleted",
    "read": "read",
}
_LASTING = frozenset(_DONE) - {"replace", "read"} | {"refresh"}


@dataclass
class Run:
    """What has been seen of a run so far."""

    console: Console
    status: Status
    changes: dict[str, int] = field(default_factory=dict[str, int])
    errors: list[str] = field(default_factory=list[str])
    #: urn → when its step began
    _active: dict[str, float] = field(default_factory=dict[str, float])
    _count: int = 0

    def see(self, event: dict[str, Any]) -> None:
        """Takes up one engine event and shows what there is to show."""
        if (pre := event.get("resourcePreEvent")) is not None:
            self._started(pre["metadata"])
        elif (done := event.get("resOutputsEvent")) is not None:
            self._ended(done["metadata"])
        elif (failed := event.get("resOpFailedEvent")) is not None:
            self._active.pop(failed["metadata"]["urn"], None)
        elif (diagnostic := event.get("diagnosticEvent")) is not None:
            self._diagnosed(diagnostic)
        elif (summary := event.get("summaryEvent")) is not None:
            self.changes = {k: v for k, v in (summary.get("resourceChanges") or {}).items() if v}
        self._show()

    def _started(self, metadata: dict[str, Any]) -> None:
        if metadata["op"] in _LASTING and "::pulumi:providers:" not in metadata["urn"]:
            self._active[metadata["urn"]] = time.monotonic()

    def _ended(self, metadata: dict[str, Any]) -> None:
        now = time.monotonic()
        took = now - self._active.pop(metadata["urn"], now)
        if metadata["op"] in _DONE and "::pulumi:providers:" not in metadata["urn"]:
            self._count += 1
            shown = f" ({took:.0f} s)" if took >= 1 else ""
            kind, name = _kind_and_name(metadata["urn"])
            self.console.print(
                f"  {_DONE[metadata['op']]} [bold]{name}[/] [dim]{kind}{shown}[/]", highlight=False
            )

    def _diagnosed(self, diagnostic: dict[str, Any]) -> None:
        message = str(diagnostic["message"]).strip()
        severity = diagnostic["severity"]
        if not message or diagnostic.get("ephemeral"):
            return
        if severity == "error":
            # The stack's own line ("update failed") adds nothing to what failed.
            if message not in ("update failed", "preview failed", "resource operation failed"):
                self.errors.append(message)
        elif severity in ("warning", "info"):
            self.console.print(
                f"  {message}",
                markup=False,
                highlight=False,
                style="yellow" if severity == "warning" else "dim",
            )

    def _show(self) -> None:
        now = time.monotonic()
        names = [
            _kind_and_name(urn)[1] + (f" ({now - began:.0f} s)" if now - began >= 2 else "")
            for urn, began in list(self._active.items())[-3:]
        ]
        doing = f": {', '.join(names)}" if names else ""
        self.status.update(f"{self._count} done{doing}")


def _kind_and_name(urn: str) -> tuple[str, str]:
    """``urn:pulumi:S::P::PARENT$azure-native:storage:StorageAccount::NAME`` → (``StorageAccount``, ``NAME``)."""
    parts = urn.split("::")
    token = parts[-2].rsplit("$", 1)[-1] if len(parts) >= 3 else urn
    kind = "dynamic" if token == "pulumi-python:dynamic:Resource" else token.rsplit(":", 1)[-1]  # noqa: S105 (a type token)
    return kind, parts[-1]


def events(log: Path, offset: int) -> Iterator[tuple[dict[str, Any], int]]:
    """The whole events in ``log`` from byte ``offset`` on, each with the offset behind it. A torn last line waits."""
    if not log.exists():
        return
    with log.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            if line.strip():
                yield json.loads(line), offset
