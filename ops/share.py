"""``python -m ops share``: copies a version from a stack's workspace into a registry, for other workspaces to deploy.

Azure ML makes the copy, content and all, as ``az ml model share`` does; the lineage goes with it as a tag. Run twice, or after
a kill, it finds the version there: a version in a registry never changes.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml import resource_manager
from ml.client import AzureMLError, Door, Settings, subscription
from ops.failure import Failure
from ops.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

_API = "2024-10-01"


class Kind(StrEnum):
    """What can be shared."""

    MODEL = "model"
    ENVIRONMENT = "environment"
    COMPONENT = "component"
    DATA = "data"

    @property
    def segment(self) -> str:
        """The word in ARM ids."""
        return "data" if self is Kind.DATA else f"{self.value}s"


def share(
    asset: Annotated[
        str, typer.Argument(help="NAME:VERSION, or a model's NAME for the version that the stack serves.")
    ],
    *,
    stack: Annotated[str, typer.Option(help="The stack whose workspace has it.")],
    registry: Annotated[
        str | None, typer.Option(help="The registry's name. Without it: the stack's mlops:sharedRegistry.")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What it is.")] = Kind.MODEL,
    under: Annotated[
        str | None,
        typer.Option("--as", help="NAME:VERSION in the registry. Without it: as in the workspace."),
    ] = None,
) -> None:
    """Copy a version of a model, environment, component or data asset into a registry; print what to refer to it by."""
    found = Stack(stack)
    outputs = found.outputs()
    name, version = _reference(asset, kind, outputs, stack)
    named, numbered = _split(under) if under else (name, version)
    target = registry or outputs.get("sharedRegistry")
    if not isinstance(target, str):
        raise Failure(
            f"stack {stack}: shares through no registry; name one with --registry, or write mlops:sharedRegistry and run `up`",
            code=2,
        )
    try:
        door = _door(found, outputs, stack)
        _copy(door, kind, (name, version), (named, numbered), target)
    except AzureMLError as error:
        raise Failure(str(error)) from None
    _say(f"azureml://registries/{target}/{kind.segment}/{named}/versions/{numbered}")


def _reference(asset: str, kind: Kind, outputs: Mapping[str, Any], stack: str) -> tuple[str, str]:
    if ":" in asset:
        return _split(asset)
    served: Mapping[str, Mapping[str, Any]] = outputs.get("models") or {}
    for one in served.values() if kind is Kind.MODEL else ():
        if one.get("model") == asset and one.get("version"):
            return asset, str(one["version"])
    known = ", ".join(sorted(str(one.get("model")) for one in served.values())) or "none"
    raise Failure(
        f"{asset}: stack {stack} serves no model of that name (it serves: {known}), so its version isn't known; write "
        f"{asset}:VERSION",
        code=2,
    )


def _split(reference: str) -> tuple[str, str]:
    name, _, version = reference.partition(":")
    if not name or not version or ":" in version:
        raise Failure(f"{reference!r} is no version of anything; write NAME:VERSION", code=2)
    return name, version


def _door(found: Stack, outputs: Mapping[str, Any], stack: str) -> Door:
    missing = [name for name in ("resourceGroup", "workspace") if not isinstance(outputs.get(name), str)]
    if missing:
        raise Failure(
            f"stack {stack}: has no output {', '.join(missing)}, so there is no workspace to share from; run "
            f"`pulumi up -s {stack}`"
        )
    settings = Settings(subscription(found.setting("azure-native:subscriptionId")), poll_interval=5.0)
    return Door(settings, outputs["resourceGroup"], outputs["workspace"], _say)


def _copy(door: Door, kind: Kind, source: tuple[str, str], target: tuple[str, str], registry: str) -> None:
    """Publishes the version, unless the registry has it."""
    what = f"{kind.value} {source[0]}:{source[1]}"
    path = door.arm_id(kind.segment, source[0], "versions", source[1])
    if door.find(what, lambda: resource_manager.request("GET", path, api_version=_API)) is None:
        raise Failure(
            f"{what}: workspace {door.workspace} has no such version; `az ml {kind.value} list -n {source[0]}` lists what it has",
            code=2,
        )
    body = {"registryName": registry, "destinationName": target[0], "destinationVersion": target[1]}
    try:
        door.do(
            f"{what} into registry {registry}",
            lambda: resource_manager.finish("POST", f"{path}/publish", _API, body=body),
        )
    except AzureMLError as error:
        if "already exists" not in str(error):
            raise
        _say(f"registry {registry} has {kind.value} {target[0]}:{target[1]} already; a version never changes")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
