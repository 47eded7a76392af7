"""Resources that Azure makes together with their parent and nobody writes: usages, private link resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.resource_id import parse
from local.azure.resource_type import Record, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, ResourceId


def computed(name: str, bodies: Callable[[Azure, ResourceId], Mapping[str, Json]]) -> ResourceType:
    """A type that can be read and listed; ``bodies(azure, parent)`` are its resources by name."""

    def implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
        found = bodies(azure, parse(resource_id.parent))
        return {key.lower(): body for key, body in found.items()}.get(resource_id.name.lower())

    def listing(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
        parent = parse(call.path.rstrip("/").rsplit("/", 1)[0])
        return [made(parent, name, key, body) for key, body in bodies(azure, parent).items()]

    def refuse(_azure: Azure, resource_id: ResourceId, _body: Json, _old: Record | None) -> Json:
        raise ArmError(405, "MethodNotAllowed", f"'{resource_id.text}' can be read only.")

    return ResourceType(name, prepare=refuse, implicit=implicit, listing=listing, view=plain, patch=False)


def made(parent: ResourceId, resource_type: str, name: str, body: Json) -> Record:
    """A resource that is in no store."""
    path = f"{parent.text}/{resource_type.rsplit('/', 1)[1]}/{name}"
    return Record(path, resource_type, name, body, "", "", "", "")


def plain(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    """A view without ``systemData``."""
    body.pop("systemData", None)
    return body
