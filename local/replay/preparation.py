"""Makes what an example needs: the group, the parents, the resource itself where it must be there, and what bodies refer to.

A resource is made by PUT, as a client would, with the first of these bodies that local Azure takes: what the example
documents of it, without what only Azure sets; a documented PUT of its type in the replayed folder; the least that makes
one (``minimal.py``). What can't be made is noted: the example's own request shows what that means.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.replay.minimal import ANYTHING, MINIMAL
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.azure.resource_type import ResourceId
    from local.replay.example import Example
    from local.replay.world import Reply, World
    from local.replay.writable import Writable

Json = dict[str, Any]
_MINIMAL = {name.lower(): body for name, body in MINIMAL.items()}
#: How deep what is referred to may refer itself.
_DEPTH = 8
_API_VERSION = "2024-05-01"


class Library:
    """What a folder documents of each type: bodies to PUT, and the version to do it with."""

    def __init__(self, examples: Iterable[Example], writable: Writable) -> None:
        self.writable = writable
        self._puts: dict[str, list[Example]] = {}
        self._versions: dict[str, str] = {}
        for example in examples:
            kind = type_of(example.path)
            if kind is None:
                continue
            self._versions.setdefault(kind, example.query.get("api-version", _API_VERSION))
            if example.method == "PUT" and isinstance(example.body, dict):
                self._puts.setdefault(kind, []).append(example)

    def bodies(self, resource_id: ResourceId, documented: Any) -> Iterator[Json]:
        """Bodies that may make a resource, the likeliest first."""
        kind = resource_id.type.lower()
        if isinstance(documented, dict):
            yield self.writable.of(kind, documented)
        puts = sorted(
            self._puts.get(kind, []),
            key=lambda put: not put.path.lower().endswith(f"/{resource_id.name.lower()}"),
        )
        if isinstance(documented, dict) or kind not in _MINIMAL:
            yield from (put.body for put in puts)
        if kind in _MINIMAL:
            yield _filled(_MINIMAL[kind], resource_id)
            yield from (put.body for put in puts)
        yield ANYTHING
        yield {"properties": {}}

    def version(self, resource_type: str) -> str:
        """An api-version of a type."""
        return self._versions.get(resource_type.lower(), _API_VERSION)


def type_of(path: str) -> str | None:
    """The type of the resource that a path names, in lower case; None if it names none."""
    try:
        return parse(path).type.lower()
    except ArmError:
        return None


def _filled(body: Any, resource_id: ResourceId) -> Any:
    subscription = f"/subscriptions/{SUBSCRIPTION_ID}"
    group = f"{subscription}/resourceGroups/{resource_id.resource_group or 'replay'}"
    if isinstance(body, str):
        return (
            body.replace("$group", group).replace("$subscription", subscription).replace("$tenant", TENANT_ID)
        )
    if isinstance(body, list):
        return [_filled(item, resource_id) for item in body]
    if isinstance(body, dict):
        return {key: _filled(item, resource_id) for key, item in body.items()}
    return body


def references(value: Any) -> Iterator[str]:
    """Every id of a resource in a body, keys included."""
    if isinstance(value, str):
        if re.match(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/", value, re.IGNORECASE):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from references(key)
            yield from references(item)


class Preparation:
    """Makes what one example needs."""

    def __init__(self, world: World, library: Library) -> None:
        self._world = world
        self._library = library
        self._made: set[str] = set()
        #: id → why it couldn't be made
        self.failures: dict[str, str] = {}

    async def refer(self, body: Any, *, but: str = "", depth: int = 0) -> None:
        """Makes everything that a body refers to, except what is ``but`` or below it."""
        for reference in references(body):
            if not (reference.lower() + "/").startswith(but.lower() + "/") or not but:
                await self.make(reference, depth=depth + 1)

    async def parents(self, path: str, *, depth: int = 0) -> None:
        """Makes the group and the parents of a resource."""
        parsed = parse(path)
        if parsed.resource_group is not None:
            await self.make(f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{parsed.resource_group}")
        if parsed.parent:
            await self.make(parsed.parent, depth=depth)

    async def make(self, path: str, documented: Any = None, *, depth: int = 0) -> bool:
        """Makes a resource unless it is there; returns whether it is there now."""
        key = path.lower()
        if key in self._made:
            return True
        if depth > _DEPTH or key in self.failures:
            return False
        try:
            parsed = parse(path)
        except ArmError:
            return False
        if parsed.type == SUBSCRIPTION:
            return True
        self.failures[key] = "it refers to itself"
        if parsed.type != RESOURCE_GROUP:
            await self.parents(path, depth=depth)
        version = {"api-version": self._library.version(parsed.type)}
        if documented is None and (await self._world.send("GET", path, version)).status == 200:
            del self.failures[key]
            self._made.add(key)
            return True
        why = ""
        for body in self._library.bodies(parsed, documented):
            sent = copy.deepcopy(body)
            await self.refer(sent, but=path, depth=depth)
            reply = await self._put(path, version, sent)
            if reply.status < 300:
                del self.failures[key]
                self._made.add(key)
                return True
            why = why or reply.error
            if reply.status in (501, 405):
                break
        self.failures[key] = why
        return False

    async def _put(self, path: str, version: Json, body: Json) -> Reply:
        reply = await self._world.send("PUT", path, version, body)
        return await self._world.follow(reply) if reply.status < 300 else reply
