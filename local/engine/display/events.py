"""Engine events: what the Automation API, the display and `--json` all read."""

from __future__ import annotations

import contextlib
import json
import queue
import time
from typing import TYPE_CHECKING, Any, TextIO

from local.engine import urn as urns
from local.engine.property_value import blind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.step import Step

Event = dict[str, Any]


def metadata(state: ResourceState | None) -> dict[str, Any] | None:
    """A resource as events show it: secrets blinded."""
    if state is None:
        return None
    return {
        "type": state.type,
        "urn": state.urn,
        "custom": state.custom,
        "delete": state.delete,
        "id": state.id,
        "parent": state.parent,
        "protect": state.protect,
        "retainOnDelete": state.retain_on_delete,
        "inputs": blind(state.inputs),
        "outputs": blind(state.outputs),
        "provider": state.provider,
        "initErrors": list(state.init_errors),
    }


def entry(state: ResourceState) -> dict[str, Any]:
    """A resource as `preview --json` shows it: its checkpoint entry, secrets blinded."""
    return state.fields(blind)


def step_metadata(step: Step, *, rows: bool) -> dict[str, Any]:
    """What a step is about; with `rows`, each state with its checkpoint entry."""
    fields: dict[str, Any] = {
        "op": step.op,
        "urn": step.urn,
        "type": urns.type_of(step.urn),
        "old": metadata(step.old),
        "new": metadata(step.new),
        "logical": step.logical,
        "provider": step.state.provider,
    }
    if step.keys:
        fields["keys"] = list(step.keys)
    if step.changed:
        fields["diffs"] = list(step.changed)
    if step.detailed:
        fields["detailedDiff"] = step.detailed
    if rows:
        for key, state in (("old", step.old), ("new", step.new)):
            if state is not None:
                fields[key]["row"] = entry(state)
    return fields


class Stream:
    """Numbers events and hands them to whoever listens."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._sequence = 0
        self.rows = False  # whether a listener wants checkpoint entries

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have a function called with each event from now on."""
        self._listeners.append(listener)

    def emit(self, kind: str, **fields: Any) -> None:
        """Tell everybody of an event of a kind, such as `resourcePreEvent`."""
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: fields}
        self._sequence += 1
        for listener in self._listeners:
            listener(event)

    def emit_step(self, kind: str, step: Step, *, planning: bool, **more: Any) -> None:
        """Tell everybody of a step: `resourcePreEvent`, `resOutputsEvent` or `resOpFailedEvent`."""
        meta = {**step_metadata(step, rows=self.rows), **more.pop("metadata", {})}
        self.emit(kind, metadata=meta, planning=planning, **more)

    def diagnose(
        self, severity: str, message: str, *, urn: str = "", ephemeral: bool = False, stream: int = 0
    ) -> None:
        """Tell everybody of a message of the program, a provider or the engine."""
        fields: dict[str, Any] = {"message": message, "color": "never", "severity": severity}
        if urn:
            fields["urn"] = urn
        if ephemeral:
            fields["ephemeral"] = True
        if stream:
            fields["streamId"] = stream
        self.emit("diagnosticEvent", **fields)


class Log:
    """A listener that hands on each event as a line of JSON: to a file, or to the stream an SDK listens on."""

    def __init__(self, target: str) -> None:
        self._stream: _Sender | None = None
        self._file: TextIO | None = None
        if target.startswith("tcp://"):
            self._stream = _Sender(target.removeprefix("tcp://"))
        else:
            self._file = open(target, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115 - closed below

    def __call__(self, event: Event) -> None:
        """Hand on an event, unless it is about a default provider: those are the engine's own business."""
        for kind in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
            if kind in event and urns.is_default_provider(event[kind]["metadata"]["urn"]):
                return
        text = json.dumps(event)
        if self._stream:
            self._stream.send(text)
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
