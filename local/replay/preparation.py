"""Makes what an example needs: the group, the parents, the resource itself where it must be there, and what bodies refer to.

A resource is made by PUT, as a client would, with the first of these bodies that local Azure takes: what the example
documents of it, without what only Azure sets; a documented PUT of its type in the replayed folder; the least that makes
one (``minimal.py``). What can't be made is noted: the example's own request shows what that means.

At 400 lines, since one order of making runs through all of it.
"""

from __future__ import annotations

import asyncio
import copy
import re
import zlib
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.replay import learning
from local.replay.address import addresses, prefixes, within
from local.replay.arising import ARISING, KINDS, Arising, beforehand, further
from local.replay.encrypting import open_vaults
from local.replay.minimal import ANYTHING, MINIMAL
from local.replay.minimal_further import FURTHER
from local.replay.referring import REFERRING, UNDER_KEY
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from local.azure.resource_type import ResourceId
    from local.replay.example import Example
    from local.replay.world import Reply, World
    from local.replay.writable import Writable

Json = dict[str, Any]
_MINIMAL = {name.lower(): body for name, body in {**MINIMAL, **FURTHER, **learning.MINIMAL}.items()}
#: How deep what is referred to may refer itself.
_DEPTH = 8
_API_VERSION = "2024-05-01"
#: Types of what refers that are resources of their own; other documented ids name a part of the one before.
_WHOLE = frozenset(
    other
    for _, _, other in REFERRING
    if not other.endswith(("/ipconfigurations", "/frontendipconfigurations"))
)


class Library:
    """What a folder documents of each type: bodies to PUT, and the version to do it with."""

    def __init__(self, examples: Iterable[Example], writable: Writable) -> None:
        self.writable = writable
        #: whether bodies have what nobody says anything about, too
        self.open = False
        self._puts: dict[str, list[Example]] = {}
        self._versions: dict[str, str] = {}
        for example in examples:
            kind = type_of(example.path)
            if kind is None:
                continue
            self._versions.setdefault(kind, example.query.get("api-version", _API_VERSION))
            if example.method == "PUT" and isinstance(example.body, dict):
                self._puts.setdefault(kind, []).append(example)

    def bodies(self, resource_id: ResourceId, documented: Any, near: Sequence[str] = ()) -> Iterator[Json]:
        """Bodies that may make a resource, the likeliest first: what is documented, alone and over others that do.

        ``near``: addresses that what refers to it wants, if it is a subnet.
        """
        kind = resource_id.type.lower()
        name = f"/{resource_id.name.lower()}"
        known = [
            put.body
            for put in sorted(self._puts.get(kind, []), key=lambda put: not put.path.lower().endswith(name))
        ]
        least = [filled(_MINIMAL[kind], resource_id)] if kind in _MINIMAL else []
        if kind.endswith("/virtualnetworks/subnets") and not isinstance(documented, dict):
            yield from (
                over({"properties": {"addressPrefix": prefix}}, least[0]) for prefix in prefixes(near)
            )
        others = [*known, *least] if isinstance(documented, dict) else [*least, *known]
        if isinstance(documented, dict):
            shown = (self.writable.open_of if self.open else self.writable.of)(kind, documented)
            yield shown
            yield from (over(shown, other) for other in [*least, *known, ANYTHING])
        yield from others
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


def filled(body: Any, resource_id: ResourceId, **more: str) -> Any:
    """A body or path of a table with ``$group``, ``$subscription``, ``$tenant`` and ``more`` filled in."""
    if isinstance(body, str):
        subscription = f"/subscriptions/{SUBSCRIPTION_ID}"
        group = f"{subscription}/resourceGroups/{resource_id.resource_group or 'replay'}"
        number = str(zlib.crc32(resource_id.name.lower().encode()) % 250 + 1)
        known = {"group": group, "subscription": subscription, "tenant": TENANT_ID, "number": number}
        workspace = "/".join(resource_id.text.split("/")[:9])
        values = {**known, "parent": resource_id.parent, "workspace": workspace, **more}
        return re.sub(r"\$(\w+)", lambda found: values.get(found[1], found[0]), body)
    if isinstance(body, list):
        return [filled(item, resource_id, **more) for item in body]
    if isinstance(body, dict):
        return {key: filled(item, resource_id, **more) for key, item in body.items()}
    return body


def over(upper: Any, lower: Any) -> Any:
    """``upper``, and what only ``lower`` has."""
    if not isinstance(upper, dict) or not isinstance(lower, dict):
        return upper
    return {**lower, **{key: over(value, lower.get(key)) for key, value in upper.items()}}


def _endpoint(connection: Any) -> str:
    """The name of the private endpoint that a connection shows."""
    properties: Any = (connection.get("properties") if isinstance(connection, dict) else None) or {}
    return str((properties.get("privateEndpoint") or {}).get("id") or "").rpartition("/")[2]


def under(value: Any, wanted: str) -> Iterator[str]:
    """Every id that stands under a key."""
    if isinstance(value, list):
        for item in value:
            yield from under(item, wanted)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == wanted and isinstance(item, dict) and isinstance(item.get("id"), str):
                yield item["id"]
            else:
                yield from under(item, wanted)


def references(value: Any) -> Iterator[str]:
    """Every id of a resource in a body, keys included."""
    if isinstance(value, str):
        if re.match(r"/subscriptions/[^/]+/(resourceGroups/[^/]+/)?providers/", value, re.IGNORECASE):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from references(key)
            yield from references(item)


def vault_keys(value: Any) -> Iterator[str]:
    """The ids of the vaults and keys that a body refers to by URL."""
    if isinstance(value, list):
        for item in value:
            yield from vault_keys(item)
    elif isinstance(value, dict):
        given = {key.lower(): item for key, item in value.items() if isinstance(item, str)}
        found = re.match(r"https://([^./]+)\.vault\.azure\.net", given.get("keyvaulturi", ""))
        if found is not None and given.get("keyname") and not given.get("keyversion"):
            group = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/replay"
            yield f"{group}/providers/Microsoft.KeyVault/vaults/{found[1]}/keys/{given['keyname']}"
        for item in value.values():
            yield from vault_keys(item)


class Preparation:
    """Makes what one example needs."""

    def __init__(self, world: World, library: Library) -> None:
        self._world = world
        self._library = library
        self._made: set[str] = set()
        #: id → why it couldn't be made
        self.failures: dict[str, str] = {}
        #: id → what local Azure said isn't supported of it (501)
        self.unsupported: dict[str, str] = {}
        #: documented name → the name that Azure gave
        self.names: dict[str, str] = {}

    async def refer(self, body: Any, *, but: str = "", depth: int = 0) -> None:
        """Makes everything that a body refers to, except what is ``but`` or below it."""
        for key, least in UNDER_KEY.items():
            for reference in under(body, key):
                await self.make(reference, filled(least, parse(reference)), depth=depth + 1)
        near = list(addresses(body))
        for reference in (*references(body), *vault_keys(body)):
            if not (reference.lower() + "/").startswith(but.lower() + "/") or not but:
                await self.make(reference, depth=depth + 1, near=near)
        await open_vaults(self._world, vault_keys(body), references(body))

    async def referring(self, path: str, documented: Any) -> None:
        """Makes what refers to a resource, where the resource is documented to show it."""
        properties = documented.get("properties") if isinstance(documented, dict) else None
        kind = type_of(path)
        for key, value in properties.items() if isinstance(properties, dict) and kind is not None else ():
            for item in value if isinstance(value, list) else [value]:
                if not isinstance(item, dict):
                    continue
                endpoint = (item.get("properties") or {}).get("privateEndpoint") or {}
                named = endpoint.get("id") or item.get("id")
                shown = type_of(named) if isinstance(named, str) else None
                body = REFERRING.get((str(kind), key, str(shown)))
                if body is not None and isinstance(named, str):
                    await self._refer_back(path, named, body)
                elif isinstance(item.get("name"), str) and "properties" in item:
                    await self.referring(f"{path}/{key}/{item['name']}", item)

    def refers(self, path: str, documented: Any) -> bool:
        """Whether a resource is documented to show what refers to it: it was there before, even if this is a PUT."""
        properties = documented.get("properties") if isinstance(documented, dict) else None
        kind = type_of(path)
        return isinstance(properties, dict) and any(
            isinstance(item, dict)
            and isinstance(item.get("id"), str)
            and (kind, key, type_of(item["id"])) in REFERRING
            for key, value in properties.items()
            for item in (value if isinstance(value, list) else [value])
        )

    async def _refer_back(self, path: str, named: str, body: Json) -> None:
        """Makes one that refers; it has a name of its own, as documented ids are shared by several."""
        parsed, target = parse(named), parse(path)
        part = parsed.name
        if parsed.type.lower() not in _WHOLE:
            parsed = parse(parsed.parent)
        if not parsed.key.startswith(f"{target.key}/"):
            parsed = parse(f"{parsed.text}-{target.name}")
        await self.parents(parsed.text)
        sent = filled(body, parsed, this=path, part=part)
        await self.refer(sent, but=path)
        reply = await self._put(parsed.text, {"api-version": self._library.version(parsed.type)}, sent)
        if reply.status >= 300:
            self.failures[parsed.key] = reply.error

    async def parents(self, path: str, *, depth: int = 0) -> None:
        """Makes the group and the parents of a resource."""
        parsed = parse(path)
        if parsed.resource_group is not None:
            await self.make(f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{parsed.resource_group}")
        if parsed.parent:
            await self.make(parsed.parent, depth=depth)

    async def needed(self, wanted: Iterable[tuple[str, Json | None]]) -> None:
        """Makes what an example needs besides what it names, of the bodies given."""
        for path, body in wanted:
            await self.make(path, body)

    async def send(self, requests: Iterable[tuple[str, str]], query: Mapping[str, str]) -> None:
        """Requests (method and path) that bring what is there to where the example begins."""
        for method, path in requests:
            await self._world.send(method, path, query)

    async def make(
        self, path: str, documented: Any = None, *, depth: int = 0, near: Sequence[str] = ()
    ) -> bool:
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
        if parsed.type == SUBSCRIPTION or parsed.type.lower().endswith("/locations"):
            return True
        self.failures[key] = "it refers to itself"
        if parsed.type != RESOURCE_GROUP:
            await self.parents(path, depth=depth)
        if (arising := ARISING.get(parsed.type.lower())) is not None:
            made = await self._bring_about(parsed, arising, documented)
        else:
            made = await self._put_any(parsed, documented, depth, near)
            if made and (steps := further(parsed.type.lower(), documented)):
                made = await self._bring_about(parsed, Arising(steps), documented)
        if made:
            del self.failures[key]
            self._made.add(key)
        return made

    async def before(self, path: str, action: str, asked: Any) -> None:
        """Does what must have been done to a resource before an action on it."""
        if type_of(path) is None:
            return
        parsed = parse(path)
        if steps := beforehand(parsed.type, action, asked):
            await self._bring_about(parsed, Arising(steps), asked)

    async def _put_any(
        self, resource_id: ResourceId, documented: Any, depth: int, near: Sequence[str]
    ) -> bool:
        """PUTs a resource unless it is there; notes why, where that can't be."""
        path, key = resource_id.text, resource_id.key
        version = {"api-version": self._library.version(resource_id.type)}
        if documented is None and (await self._world.send("GET", path, version)).status == 200:
            return True
        why = ""
        for body in self._library.bodies(resource_id, documented, near):
            sent = copy.deepcopy(body)
            await self.refer(sent, but=path, depth=depth)
            sent = self._without_failures(sent)
            reply = await self._put(path, version, sent)
            if reply.status < 300:
                return True
            # Documented addresses may be of no range that the subnets documented beside them could have.
            if reply.status == 400 and any(addresses(sent)):
                moved = within(sent, await self._ranges(sent))
                if (await self._put(path, version, moved)).status < 300:
                    return True
            why = why or reply.error
            if reply.status == 501:
                self.unsupported.setdefault(key, reply.error)
                break
            if reply.status == 405:
                break
        self.failures[key] = why
        return False

    async def _ranges(self, body: Any) -> list[str]:
        """The ranges of the subnets that a body names."""
        version = {"api-version": self._library.version("Microsoft.Network/virtualNetworks/subnets")}
        found: list[str] = []
        for subnet in under(body, "subnet"):
            shown = (await self._world.send("GET", subnet, version)).body
            prefix = (shown.get("properties") or {}).get("addressPrefix") if isinstance(shown, dict) else None
            found += [prefix] if prefix else []
        return found

    async def _bring_about(self, resource_id: ResourceId, arising: Arising, documented: Any) -> bool:
        """Does what a resource arises from, and finds out its name."""
        parent_type = resource_id.type.lower().rpartition("/")[0]
        values = {
            "parent": resource_id.parent,
            "name": resource_id.name,
            "kind": KINDS.get(parent_type, ""),
        }
        for step in arising.steps:
            path = filled(step.path, resource_id, **values)
            body = filled(
                _MINIMAL[step.minimal.lower()] if step.minimal else step.body, resource_id, **values
            )
            where = re.search(r"/locations/([^/]+)/", resource_id.text, re.IGNORECASE)
            if where is not None and isinstance(body, dict) and "location" in body:
                body["location"] = where[1]
            if step.method == "PUT":
                await self.parents(path)
            await self.refer(body, but=path)
            version = {"api-version": self._library.version(type_of(path) or "")}
            reply = await self._world.send(step.method, path, version, body)
            if reply.status < 300:
                reply = await self._world.follow(reply)
            if reply.status >= 300:
                if reply.status == 501:
                    self.unsupported.setdefault(resource_id.key, reply.error)
                self.failures[resource_id.key] = f"{step.method} {path}: {reply.error}"
                return False
        # What the requests began in the background (a run of a workflow) goes on first.
        await asyncio.sleep(0.02)
        if arising.listed is None:
            return True
        version = {"api-version": self._library.version(resource_id.type)}
        reply = await self._world.send("GET", filled(arising.listed, resource_id, **values), version)
        found = reply.body.get("value") if isinstance(reply.body, dict) else None
        if not found:
            self.failures[resource_id.key] = f"nothing arose: {reply.error}"
            return False
        self.names[resource_id.name] = str(found[0]["name"])
        theirs, ours = _endpoint(documented), _endpoint(found[0])
        if theirs and ours:
            self.names[theirs] = ours
        return True

    def _without_failures(self, body: Any) -> Any:
        """A body without the references of its lists that lead nowhere."""
        if isinstance(body, dict):
            return {key: self._without_failures(item) for key, item in body.items()}
        if isinstance(body, list):
            return [self._without_failures(item) for item in body if not self._nowhere(item)]
        return body

    def _nowhere(self, item: Any) -> bool:
        named = item.get("id") if isinstance(item, dict) and len(item) == 1 else None
        return (
            isinstance(named, str)
            and named.startswith("/subscriptions/")
            and (type_of(named) is None or named.lower() in self.failures)
        )

    async def _put(self, path: str, version: Json, body: Json) -> Reply:
        reply = await self._world.send("PUT", path, version, body)
        return await self._world.follow(reply) if reply.status < 300 else reply
