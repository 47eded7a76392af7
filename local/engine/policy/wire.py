"""Resources as policy packs get them: without Pulumi's own properties, secrets marked, unknowns as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import analyzer_pb2

from local.engine.property_value import Secret, encode

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState


def options(
    state: ResourceState, delete_first: bool | None, aliases: list[str]
) -> analyzer_pb2.AnalyzerResourceOptions:
    """A resource's options as packs see them."""
    timeouts = {
        name: state.custom_timeouts[name]
        for name in ("create", "update", "delete")
        if name in state.custom_timeouts
    }
    return analyzer_pb2.AnalyzerResourceOptions(
        protect=state.protect,
        ignoreChanges=state.ignore_changes,
        deleteBeforeReplace=bool(delete_first),
        deleteBeforeReplaceDefined=delete_first is not None,
        additionalSecretOutputs=state.additional_secret_outputs,
        aliases=aliases,
        customTimeouts=analyzer_pb2.AnalyzerResourceOptions.CustomTimeouts(**timeouts),
        parent=state.parent,
    )


def provider_of(state: ResourceState | None) -> analyzer_pb2.AnalyzerProviderResource | None:
    """The provider that a resource is given to."""
    if state is None:
        return None
    return analyzer_pb2.AnalyzerProviderResource(
        urn=state.urn,
        type=state.type,
        name=state.name,
        properties=encode(visible(state.inputs), references=False),
    )


def visible(value: Any) -> Any:
    """Properties without Pulumi's own, whose names start with two underscores."""
    if isinstance(value, dict):
        return {key: visible(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [visible(item) for item in value]
    return value


def secrets_in(value: Any) -> set[str]:
    """The texts in a value that nobody may see."""
    if isinstance(value, Secret):
        return _texts(value.value)
    if isinstance(value, dict):
        return set[str]().union(
            *(secrets_in(item) for key, item in value.items() if not key.startswith("__"))
        )
    if isinstance(value, list):
        return set[str]().union(*(secrets_in(item) for item in value))
    return set()


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, Secret):
        return _texts(value.value)
    if isinstance(value, dict):
        return set[str]().union(*(_texts(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_texts(item) for item in value))
    return set()
