"""Events as they leave the engine: lines of JSON for `--event-log`, with the official engine's fields in their order.

As `ConvertEngineEvent` of the official engine (pkg/backend/display/events.go) and sdk/go/common/apitype/events.go.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
from typing import TYPE_CHECKING, Any, TextIO

from local.engine.display import colour
from local.engine.display.events import STEPS, Event
from local.engine.display.quoting import json_number
from local.engine.property_path import parse
from local.engine.property_value import SECRET, SIGNATURE, UNKNOWN_STRING, Secret, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.engine.display.view import StateView, StepView

_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;]*[mK]")
_COLOURED = ("diagnosticEvent", "stdoutEvent", "policyEvent")


def wire(event: Event, mode: str) -> dict[str, Any]:
    """An event as JSON; colour tags stay in its texts unless the mode is `never`."""
    found: dict[str, Any] = {"sequence": event["sequence"], "timestamp": event["timestamp"]}
    for kind, fields in event.items():
        if kind in STEPS:
            found[kind] = _step_event(kind, fields)
        elif kind == "diagnosticEvent":
            found[kind] = _diagnostic(fields, mode)
        elif kind == "policyRemediationEvent":
            found[kind] = {**fields, "before": _wired(fields["before"]), "after": _wired(fields["after"])}
        elif kind not in found:
            found[kind] = fields
        if kind in _COLOURED:
            _colour(found[kind], mode)
    return found


def line(event: Event, mode: str) -> str:
    """An event as a line of JSON."""
    return json.dumps(wire(event, mode), ensure_ascii=False, separators=(",", ":"))


def _colour(fields: dict[str, Any], mode: str) -> None:
    fields["color"] = colour.NEVER if mode == colour.NEVER else colour.RAW
    if mode == colour.NEVER:
        for key in ("message", "prefix"):
            if key in fields:
                fields[key] = colour.plain(fields[key])


def _diagnostic(fields: dict[str, Any], mode: str) -> dict[str, Any]:
    found: dict[str, Any] = {"urn": fields["urn"], "prefix": fields["prefix"]}
    found = {key: text for key, text in found.items() if text}
    found["message"] = _TERMINAL_CODE.sub("", fields["message"])
    found["color"] = mode
    found["severity"] = fields["severity"]
    if fields["ephemeral"]:
        found["ephemeral"] = True
    return found


def _step_event(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": _step(fields["metadata"])}
    if kind == "resOpFailedEvent":
        return {**found, "status": fields["status"], "steps": fields["steps"]}
    if fields["planning"]:
        found["planning"] = True
    return found


def _step(step: StepView) -> dict[str, Any]:
    found: dict[str, Any] = {
        "op": step.op,
        "urn": step.urn,
        "type": step.type,
        "old": _state(step.old),
        "new": _state(step.new),
    }
    if step.keys:
        found["keys"] = list(step.keys)
    if step.diffs:
        found["diffs"] = list(step.diffs)
    found["detailedDiff"] = step.detailed and {
        path: {"diffKind": entry["diffKind"], "inputDiff": bool(entry.get("inputDiff"))}
        for path, entry in sorted(step.detailed.items())
    }
    if step.logical:
        found["logical"] = True
    found["provider"] = step.provider
    return found


def _state(state: StateView | None) -> dict[str, Any] | None:
    if state is None:
        return None
    found: dict[str, Any] = {"type": state.type, "urn": state.urn}
    _flags(found, custom=state.custom, delete=state.delete)
    found["id"], found["parent"] = state.id, state.parent
    _flags(
        found,
        protect=state.protect,
        taint=state.taint,
        external=state.external,
        retainOnDelete=state.retain_on_delete,
    )
    found["inputs"], found["outputs"] = _wired(state.inputs), _wired(state.outputs)
    found["provider"] = state.provider
    if state.init_errors:
        found["initErrors"] = list(state.init_errors)
    if state.hide_diff:
        found["hideDiffs"] = [parse(path) for path in state.hide_diff]
    return found


def _flags(found: dict[str, Any], **flags: bool) -> None:
    found.update({name: True for name, given in flags.items() if given})


def _wired(value: Any) -> Any:
    """A blinded value as JSON has it."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "ciphertext": "[secret]"}
    if isinstance(value, Unknown):
        return UNKNOWN_STRING
    if isinstance(value, dict):
        return {key: _wired(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_wired(item) for item in value]
    return json_number(value) if isinstance(value, float) else value


class Log:
    """A listener that hands on each event as a line of JSON: to a file, or to the stream an SDK listens on."""

    def __init__(self, target: str, mode: str) -> None:
        self._mode = mode
        self._stream: _Sender | None = None
        self._file: TextIO | None = None
        if target.startswith("tcp://"):
            self._stream = _Sender(target.removeprefix("tcp://"))
        else:
            # Emptied, then appended to: whoever follows the file reads whole lines.
            open(target, "w", encoding="utf-8").close()  # noqa: PTH123 - made anew
            self._file = open(target, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115 - closed below

    def __call__(self, event: Event) -> None:
        """Hand on an event."""
        text = line(event, self._mode)
        if self._stream:
            self._stream.send(text + "\n")
        elif self._file:
            self._file.write(text + "\n")

    def close(self) -> None:
        """Wait until everything has arrived."""
        if self._stream:
            self._stream.close()
        elif self._file:
            self._file.close()


class _Sender:
    """The client of an SDK's event service."""

    def __init__(self, address: str) -> None:
        import grpc  # noqa: PLC0415 - only where the SDK asks for it
        from pulumi.runtime.proto import events_pb2, events_pb2_grpc  # noqa: PLC0415

        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._request: Any = events_pb2.EventRequest
        self._channel = grpc.insecure_channel(address)
        stub: Any = events_pb2_grpc.EventsStub(self._channel)
        self._answer = stub.StreamEvents.future(self._requests())

    def _requests(self) -> Iterator[Any]:
        while (text := self._queue.get()) is not None:
            yield self._request(event=text)

    def send(self, text: str) -> None:
        self._queue.put(text)

    def close(self) -> None:
        self._queue.put(None)
        # Whoever listened may be gone; the operation is done all the same.
        with contextlib.suppress(Exception):
            self._answer.result(timeout=10)
        self._channel.close()
