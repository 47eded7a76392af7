"""Runs the program as a preview that nobody answers: what it registers is what a stack would have.

The program runs as the engine would run it, against a stand-in for the engine in this process. Nothing is asked of Azure:
ids are made up, and what only Azure knows is unknown, as in the first preview of a stack.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi.runtime import config as runtime_config
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.rpc import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What ends the names of a stack that was never deployed.
SUFFIX = "??????"
_NOBODY = "00000000-0000-0000-0000-000000000000"
_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Planned:
    """A resource that the program registered."""

    type: str
    label: str  #: its logical name
    name: str | None  #: what Azure would call it
    room: str  #: the component of the platform, or the model, that it belongs to
    inputs: dict[str, Any]
    protect: bool


class _Nobody(mocks.Mocks):
    """Answers what no program can do without."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = {key: value for key, value in args.inputs.items() if value is not None}
        if args.typ.endswith(":Suffix"):
            return args.name, {**inputs, "value": inputs.get("fixed") or SUFFIX}
        name = physical_name(args.typ, inputs) or args.name
        if not args.custom:
            return "", {}
        group = inputs.get("resourceGroupName", name)
        id_ = f"/subscriptions/{_NOBODY}/resourceGroups/{group}/providers/{args.typ}/{name}"
        if args.typ.startswith("pulumi-python:"):
            return id_, inputs
        # The rest is as unknown as before a first deployment.
        principal = str(uuid.uuid5(uuid.NAMESPACE_URL, id_))
        return id_, {"principalId": principal, "tenantId": _NOBODY, "clientId": _NOBODY, "name": name}

    def call(
        self,
        args: mocks.MockCallArgs,  # noqa: ARG002 (the same whatever is asked)
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {
            "objectId": _NOBODY,
            "subscriptionId": _NOBODY,
            "tenantId": _NOBODY,
            "clientId": _NOBODY,
        }, []


class _Listening(mocks.MockMonitor):
    """Remembers what was registered."""

    def __init__(self) -> None:
        super().__init__(_Nobody())
        self.planned: list[Planned] = []
        self._rooms: dict[str, str] = {}  # by URN

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the name in Pulumi's protocol)
        response = super().RegisterResource(request)
        parent = self._rooms.get(request.parent, "")
        self._rooms[response.urn] = parent or _room(request.type, request.name)
        if request.custom:
            inputs: dict[str, Any] = mocks.rpc.deserialize_properties(request.object, keep_unknowns=True)
            self.planned.append(
                Planned(
                    type=request.type,
                    label=request.name,
                    name=physical_name(request.type, inputs),
                    room=parent,
                    inputs=inputs,
                    protect=request.protect,
                )
            )
        return response


def _room(type_: str, label: str) -> str:
    """What a resource's children belong to: the platform and the stack are everybody's parents."""
    if type_ in (_STACK, "mlops:infra:Platform"):
        return ""
    return f"Model {label}" if type_ == "mlops:ml:ServedModel" else type_.rsplit(":", 1)[1]


def physical_name(type_: str, inputs: Mapping[str, Any]) -> str | None:
    """What Azure would call a resource: the input that names it and not what it is in."""
    if isinstance(inputs.get("name"), str):
        return inputs["name"] if inputs["name"] != UNKNOWN else None
    kind = type_.rsplit(":", 1)[1].lower()
    named = {
        key[: -len("Name")].lower(): value
        for key, value in inputs.items()
        if key.endswith("Name") and isinstance(value, str) and value != UNKNOWN
    }
    if len(named) > 1 and kind != "resourcegroup":
        named.pop("resourcegroup", None)
    # `accountName` names a StorageAccount, and is where a Queue is.
    best = max(named, key=lambda key: (kind.endswith(key), key in kind, len(key)), default=None)
    return named.get(best) if best else None


def rehearse(program: Callable[[], None], values: Mapping[str, Any], stack_name: str) -> list[Planned]:
    """What ``program`` registers for a stack that says ``values``.

    Raises:
        pulumi.RunError: what the program says of a configuration that can't be used.
    """
    texts = {
        f"mlops:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }
    runtime_config.set_all_config(texts, [])
    settings.set_root_resource(None)  # pyright: ignore[reportArgumentType] (none is set yet)
    listening = _Listening()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        mocks.set_mocks(listening.mocks, project="mlops", stack=stack_name, preview=True, monitor=listening)
        loop.run_until_complete(stack.run_pulumi_func(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return listening.planned
