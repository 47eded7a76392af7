"""A registration of the program as a goal: translation of the protocol's message."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.monitor.hook import bindings_of
from local.engine.property_value import decode, decode_value, flatten
from local.engine.providers.request import validate, with_plugin
from local.engine.steps.goal import Alias, Goal

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi.runtime.proto import alias_pb2

    from local.engine.property_value import Properties


def goal_of(request: Any, folder: Path) -> Goal:
    """A registration as a goal; raises EngineError if an asset can't be read or an option isn't understood."""
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        inputs=_inputs(request, folder),
        parent=request.parent,
        protect=request.protect if request.HasField("protect") else None,
        dependencies=tuple(request.dependencies),
        property_dependencies={
            key: list(deps.urns) for key, deps in sorted(request.propertyDependencies.items())
        },
        provider=request.provider,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=tuple(request.ignoreChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=tuple(_alias(alias) for alias in request.aliases)
        + tuple(Alias(urn=urn) for urn in request.aliasURNs),
        import_id=request.importId,
        custom_timeouts=_timeouts(request.customTimeouts),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        replace_on_changes=tuple(request.replaceOnChanges),
        replacement_trigger=flatten(decode_value(request.replacement_trigger))
        if request.HasField("replacement_trigger")
        else None,
        hide_diff=tuple(request.hideDiffs),
        resource_hooks=bindings_of(request.hooks),
    )


def _inputs(request: Any, folder: Path) -> Properties:
    try:
        return flatten(decode(request.object), folder)
    except UnsupportedError:
        raise
    except EngineError as error:
        raise EngineError(f"unmarshal properties: {error}") from error


def provider_goal(goal: Goal, request: Any) -> Goal:
    """A declared provider: which plugin it asks for is among its inputs; raises EngineError for what is no version."""
    if request.version:
        try:
            validate(request.version)
        except ValueError as error:
            label = f"ResourceMonitor.RegisterResource({goal.type},{goal.name})"
            raise EngineError(f"{label}: passed invalid version: {error}") from error
    return replace(goal, inputs=with_plugin(goal.inputs, request.version, request.pluginDownloadURL))


def _alias(alias: alias_pb2.Alias) -> Alias:
    if alias.WhichOneof("alias") == "urn":
        return Alias(urn=alias.urn)
    spec = alias.spec
    parent = spec.parentUrn or ("" if spec.noParent else None)
    return Alias(
        name=spec.name or None,
        type=spec.type or None,
        stack=spec.stack or None,
        project=spec.project or None,
        parent=parent,
    )


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A Go duration such as `1h30m` in seconds; raises ValueError if it isn't one."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"unable to parse customTimeout Value {duration}")
    total = float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    return int(total) if total.is_integer() else total


def _timeouts(timeouts: Any) -> dict[str, float]:
    pairs = {name: getattr(timeouts, name) for name in ("create", "update", "delete", "read")}
    return {name: seconds(text) for name, text in pairs.items() if text}
