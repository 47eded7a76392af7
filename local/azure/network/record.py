"""What all types of Microsoft.Network have in common: etags, states, parts with ids of their own, children in their parent.

A part is an item of a list in a resource's properties (a firewall's IP configuration): Azure gives it an id, an etag and a
state, and keeps it in the resource. A child (a subnet) can also be written by itself: it is kept as a resource of its own and
shown in its parent.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from local.azure.azure import Azure

    Write = Callable[[Azure, ResourceId, Json, Json, Record | None], Json]
    Read = Callable[[Azure, Record, Json], Json]
    PrepareChildren = Callable[[Azure, ResourceId, Json, list[Json]], list[Json]]


@dataclass(frozen=True)
class Part:
    """The items of ``properties[at]``, a list or a single one."""

    at: str
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    #: the segment of its ids, where it isn't ``at``
    segment: str = ""
    parts: tuple[Part, ...] = ()
    #: whether Azure shows a state and an etag
    state: bool = True
    #: whether Azure shows a type
    typed: bool = False


@dataclass(frozen=True)
class Children:
    """The resources of ``type`` below one, shown in ``properties[at]``.

    ``prepare(azure, id, properties, items)`` checks the items of a PUT of the parent and fills their defaults.
    """

    at: str
    type: str
    prepare: PrepareChildren
    #: whether a PUT of the parent without the list leaves its children alone
    stay: bool = False
    parts: tuple[Part, ...] = ()
    #: what a child shows beyond what is kept
    read: Read | None = None


def given(body: Json) -> Json:
    """The properties of a request, without nulls."""
    return {key: value for key, value in (body.get("properties") or {}).items() if value is not None}


def before(old: Record | None) -> Json:
    """The stored properties, empty for a new resource."""
    return (old.body.get("properties") or {}) if old is not None else {}


def guid(old: Record | None) -> str:
    """The ``resourceGuid``: made once."""
    return before(old).get("resourceGuid") or str(uuid.uuid4())


def named(items: Sequence[Json], what: str) -> list[Json]:
    """The items of a list, each with a name that no other has.

    Raises:
        ArmError: 400.
    """
    taken: set[str] = set()
    for item in items:
        name = str(item.get("name") or "").lower()
        if not name:
            raise bad_request(f"Each of {what} needs a name.", code="InvalidRequestFormat")
        if name in taken:
            raise bad_request(f"Two of {what} have the name '{item['name']}'.", code="InvalidRequestFormat")
        taken.add(name)
    return list(items)


def etag_of(record: Record) -> str:
    """The etag in a body."""
    return f'W/"{uuid.UUID(record.etag)}"'


def with_parts(parts: Sequence[Part], owner: str, etag: str, properties: Json) -> Json:
    """Properties whose parts have the ids, etags and states that Azure gives them."""
    shown = dict(properties)
    for part in parts:
        found: Any = shown.get(part.at)
        if isinstance(found, list):
            shown[part.at] = [_shown(part, owner, etag, item) for item in found]
        elif isinstance(found, dict) and found:
            shown[part.at] = _shown(part, owner, etag, found)
    return shown


def _shown(part: Part, owner: str, etag: str, item: Json) -> Json:
    name = str(item.get("name") or "default")
    resource_id = f"{owner}/{part.segment or part.at}/{name}"
    inner: Json = {**part.defaults, **(item.get("properties") or {})}
    if part.state:
        inner["provisioningState"] = "Succeeded"
    shown: Json = {**item, "name": name, "id": resource_id}
    if part.state:
        shown["etag"] = etag
    if part.typed:
        # …/providers/Microsoft.Network/loadBalancers/NAME → Microsoft.Network/loadBalancers
        namespace, *rest = owner[owner.lower().rindex("/providers/") + 11 :].split("/")
        shown["type"] = "/".join([namespace, *rest[::2], part.segment or part.at])
    return {**shown, "properties": with_parts(part.parts, resource_id, etag, inner)}


def tags_only(body: Json, patch: Json) -> Json:
    """What PATCH makes of most network resources: other tags (azure-sdk-for-go issue 2608).

    Raises:
        ArmError: 400, something else was to be changed.
    """
    for key in patch:
        if key not in ("tags", "id", "name", "type", "location", "etag"):
            raise bad_request(
                f"PATCH request content includes {key} property. Only tags property is currently supported.",
                code="OnlyTagsSupportedForPatch",
            )
    return {**body, "tags": patch.get("tags") or {}}


def child_view(azure: Azure, children: Children, record: Record) -> list[Json]:
    """The children of a resource as it shows them."""
    found = azure.store.below(record.id, children.type)
    shown: list[Json] = []
    for child in found:
        etag = etag_of(child)
        properties = with_parts(children.parts, child.id, etag, child.body.get("properties") or {})
        if children.read is not None:
            properties = children.read(azure, child, properties)
        known = {"id": child.id, "name": child.name, "type": child.type, "etag": etag}
        shown.append({**known, **child.body, "properties": properties})
    return shown


@dataclass(frozen=True)
class _Kept:
    """What is particular about a type of Microsoft.Network (``kept``)."""

    write: Write | None = None
    read: Read | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    read_only: Sequence[str] = ()
    parts: tuple[Part, ...] = ()
    children: tuple[Children, ...] = ()
    located: bool = True
    locate: Callable[[Azure, ResourceId, Json], Json] | None = None
    has_guid: bool = False
    settle: Callable[[Azure, Record], Awaitable[Json | None]] | None = None

    def prepare(self, azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
        body = self.locate(azure, resource_id, body) if self.locate is not None else dict(body)
        if self.located:
            check_location(body)
        properties: Json = {**self.defaults, **given(body)}
        for key in (*self.read_only, "resourceGuid"):
            properties.pop(key, None)
        if self.has_guid:
            properties["resourceGuid"] = guid(old)
        if self.write is not None:
            properties = self.write(azure, resource_id, body, properties, old)
        properties = self._with_children(azure, resource_id, properties)
        shown = {**body, "properties": {**properties, "provisioningState": "Succeeded"}}
        return {**shown, "tags": body.get("tags") or {}} if self.located else shown

    def _with_children(self, azure: Azure, resource_id: ResourceId, properties: Json) -> Json:
        shown = dict(properties)
        for kind in self.children:
            items: Any = shown.pop(kind.at, None)
            if items is None and kind.stay:
                continue
            shown[kind.at] = kind.prepare(azure, resource_id, properties, named(items or [], kind.at))
        return shown

    async def split(self, azure: Azure, record: Record) -> Json | None:
        """Makes resources of the children that were written with a resource."""
        properties: Json = dict(record.body["properties"])
        for kind in self.children:
            items: Any = properties.pop(kind.at, None)
            if items is not None:
                _replace(azure, kind, record, items)
        body = {**record.body, "properties": properties}
        if self.settle is None:
            return body
        return await self.settle(azure, replace(record, body=body)) or body

    def view(self, azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
        body.pop("systemData", None)
        etag = etag_of(record)
        properties = with_parts(self.parts, record.id, etag, body.get("properties") or {})
        for kind in self.children:
            if kind.at in properties:
                part = Part(kind.at, parts=kind.parts)
                properties = with_parts((part,), record.id, etag, properties)
            else:
                properties[kind.at] = child_view(azure, kind, record)
        if self.read is not None:
            properties = self.read(azure, record, properties)
        return {**body, "etag": etag, "properties": properties}


def kept(
    name: str,
    *,
    guard: Callable[[Azure, Record], None] | None = None,
    patch: bool = True,
    vanish: Callable[[Azure, Record], Awaitable[None]] | None = None,
    vanish_now: bool = False,
    created: int = 201,
    **more: Any,
) -> ResourceType:
    """A type of Microsoft.Network; ``more`` are the fields of ``_Kept``.

    ``write(azure, id, body, properties, old)`` checks and completes the properties of a PUT (and, in place, the rest of the
    body); ``read(azure, record, properties)`` adds what follows from other resources. ``read_only`` properties are dropped
    from requests; ``locate`` may add a location to a body.
    """
    special = _Kept(**more)
    return ResourceType(
        name,
        prepare=special.prepare,
        settle=special.split,
        vanish=vanish or _nothing,
        vanish_now=vanish_now,
        created=created,
        guard_delete=guard,
        view=special.view,
        patch=patch,
        merge=tags_only if patch else None,
        merge_now=patch,
    )


def _replace(azure: Azure, kind: Children, record: Record, items: list[Json]) -> None:
    """Makes the children of a resource those of a list. Children that a list leaves out go."""
    wanted = {str(item["name"]).lower() for item in items}
    for child in azure.store.below(record.id, kind.type):
        if child.name.lower() not in wanted:
            azure.store.delete(child.id)
    segment = kind.type.rsplit("/", 1)[1]
    for item in items:
        child_id = f"{record.id}/{segment}/{item['name']}"
        body = {key: value for key, value in item.items() if key not in ("id", "name", "type", "etag")}
        old = azure.store.get(child_id)
        if old is None or old.body != body:
            azure.store.put(child_id, body)


def view_of(name: str, items: Callable[[Azure, Record], list[Json]]) -> ResourceType:
    """A type that only shows what its parent holds: read and listed, never written by itself (405)."""

    def found(azure: Azure, parent: str) -> list[Json]:
        record = azure.store.get(parent)
        return items(azure, record) if record is not None else []

    def implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
        for item in found(azure, resource_id.parent):
            if str(item["name"]).lower() == resource_id.name.lower():
                return {key: value for key, value in item.items() if key != "id"}
        return None

    def listing(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
        parent = call.path.rsplit("/", 1)[0]
        return [
            Record(
                f"{parent}/{name.rsplit('/', 1)[1]}/{item['name']}", name, item["name"], item, "", "", "", ""
            )
            for item in found(azure, parent)
        ]

    def refuse(*_: object) -> Json:
        raise ArmError(405, "MethodNotAllowed", f"'{name}' is read-only; write the resource it belongs to.")

    def shown(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
        body.pop("systemData", None)
        return body

    def refuse_delete(_azure: Azure, _call: Call, _id: ResourceId, _record: Record | None) -> Answer | None:
        refuse()
        return None

    return ResourceType(
        name,
        prepare=refuse,
        implicit=implicit,
        listing=listing,
        view=shown,
        on_delete=refuse_delete,
        patch=False,
    )


def parts_of(segment: str, parts: tuple[Part, ...]) -> Callable[[Azure, Record], list[Json]]:
    """The parts in one list of a resource, as it shows them (for ``view_of``)."""

    def items(_azure: Azure, record: Record) -> list[Json]:
        shown = with_parts(parts, record.id, etag_of(record), record.body.get("properties") or {})
        found: Any = shown.get(segment)
        return found if isinstance(found, list) else []

    return items


async def _nothing(_azure: Azure, _record: Record) -> None:
    """A deletion is a long operation with nothing to do."""
