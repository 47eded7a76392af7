"""What happens to one resource: check, create, read, update and delete, as azure-native does them.

Decisions are pure (``check``, ``diff``, ``wire``, ``refresh``); this carries them to ARM. A create never adopts what is
there: it refuses, as the real provider does. An engine that knows that a create was its own asks for it with ``recover``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from local.provider import check, preview, refresh, vault, wire
from local.provider.arm_client import ArmRequestError, OperationFailedError, Wait
from local.provider.check import API_VERSION
from local.provider.properties import UNKNOWN, has_unknowns, keep_secrets, plain, without_nulls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.provider.arm_client import ArmClient
    from local.provider.facts import Facts, ResourceFact
    from local.provider.names import Autonaming

Json = dict[str, Any]

_TIMEOUT_SECONDS = 7200.0
_GROUP_TOKEN = "azure-native:resources:ResourceGroup"  # noqa: S105 - a Pulumi type token


class ExistsError(Exception):
    """The resource to create is there already."""


class InitError(Exception):
    """Azure accepted the request and failed later: the resource exists, but not as asked."""

    def __init__(self, resource_id: str, outputs: Json, reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.outputs = outputs
        self.reason = reason


@dataclass
class Resources:
    """All resources of one configured provider."""

    facts: Facts
    client: ArmClient
    subscription_id: str
    #: ``azure-native:location``
    location: str | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _group_locations: dict[str, str] = field(default_factory=dict[str, str])

    async def check(
        self,
        fact: ResourceFact,
        news: Json,
        olds: Json,
        *,
        urn: str,
        seed: bytes = b"",
        autonaming: Autonaming | None = None,
    ) -> tuple[Json, list[check.Failure]]:
        """The inputs with defaults filled in, and what is wrong with them."""
        inputs = check.named(fact, news, olds, urn=urn, seed=seed, autonaming=autonaming)
        if check.needs_location(fact, inputs):
            location = olds.get("location") or self.location or await self._group_location(inputs)
            if location is not None:
                inputs["location"] = location
        return inputs, check.failures(self.facts, fact, inputs)

    async def _group_location(self, inputs: Json) -> Any:
        group = plain(inputs.get("resourceGroupName"))
        if group is None or group is UNKNOWN:
            return group
        if group not in self._group_locations:
            fact = self.facts.resource(_GROUP_TOKEN)
            address = wire.resource_id(fact, {"resourceGroupName": group}, self.subscription_id)
            try:
                found = await self.client.get(address, fact.version)
            except ArmRequestError:
                return None  # whoever may not read the group has to name a location
            if found is None or "location" not in found:
                return None
            self._group_locations[group] = found["location"]
        return self._group_locations[group]

    def preview_create(self, fact: ResourceFact, inputs: Json) -> Json:
        """The outputs as far as they are known before."""
        return preview.outputs(self.facts, fact, inputs)

    def preview_update(self, fact: ResourceFact, inputs: Json, state: Json) -> Json:
        """The same, for an update."""
        return preview.outputs(self.facts, fact, inputs, state)

    async def create(self, fact: ResourceFact, inputs: Json, seconds: float = 0) -> tuple[str, Json]:
        """Creates it: the id and the outputs. ``ExistsError``, ``InitError`` and ``ArmRequestError`` say why not."""
        given = _known(fact, inputs)
        address = wire.resource_id(fact, given, self.subscription_id)
        if fact.singleton is None and await self.client.exists(address, fact.version):
            raise ExistsError(
                f"cannot create already existing resource '{address}'. Import it, or delete it and try again."
            )
        if vault.holds(fact):
            await vault.recover(self.client, fact, given, self._wait(seconds))
        body = wire.body(self.facts, fact, given, address)
        for path in fact.maintained:
            if wire.at_path(body, path) is None:
                wire.put_path(body, path, [])
        try:
            return await self._put(fact, inputs, given, body, seconds)
        except ArmRequestError as error:
            if 0 < error.status < 500 and error.status not in (408, 429):
                raise
            # Nobody said whether it was done. It wasn't there before: if it is now, it is this create's, and would be a
            # leak that the next create refuses to adopt.
            found = None if fact.singleton is not None else await self._read_quietly(address, fact)
            if found is None:
                raise
            raise InitError(_id(found, address), self._outputs(fact, found, inputs), str(error)) from error

    async def recover(self, fact: ResourceFact, inputs: Json) -> tuple[str, Json] | None:
        """What an interrupted ``create`` of these inputs made: id and outputs once Azure is done with it, or None.

        ``InitError`` says that it exists, but not as asked. A singleton is always there, which tells nothing: None.
        """
        if fact.singleton is not None:
            return None
        address = wire.resource_id(fact, _known(fact, inputs), self.subscription_id)
        try:
            found = await self.client.settled(address, fact.version, self._wait(0))
        except OperationFailedError as error:
            found = await self._read_quietly(address, fact)
            outputs = self._outputs(fact, found or {}, inputs)
            raise InitError(_id(found, address), outputs, str(error)) from error
        return (_id(found, address), self._outputs(fact, found, inputs)) if found else None

    async def update(
        self, fact: ResourceFact, resource_id: str, inputs: Json, state: Json, seconds: float = 0
    ) -> Json:
        """Replaces the whole resource by the inputs: the outputs."""
        given = _known(fact, inputs)
        for name, default in fact.restored.items():
            if name not in given and name in state:
                given[name] = default
        body = wire.body(self.facts, fact, given, wire.resource_id(fact, given, self.subscription_id))
        kept = [path for path in fact.maintained if wire.at_path(body, path) is None]
        if kept:
            current = await self.client.get(resource_id, fact.version) or {}
            for path in kept:
                wire.put_path(body, path, wire.at_path(current, path) or [])
        return (await self._put(fact, inputs, given, body, seconds))[1]

    async def _put(
        self, fact: ResourceFact, inputs: Json, given: Json, body: Json, seconds: float
    ) -> tuple[str, Json]:
        address = wire.resource_id(fact, given, self.subscription_id)
        try:
            response = await self.client.put(address, wire.query(fact, given), body, self._wait(seconds))
        except OperationFailedError as error:
            # it exists: a leak if the engine didn't hear of it
            found = await self._read_quietly(address, fact)
            outputs = self._outputs(fact, found or {}, inputs)
            raise InitError(_id(found, address), outputs, str(error)) from error
        # the shape that a refresh sees is the one to store
        found = await self._read_quietly(_id(response, address), fact) or response
        return _id(found, _id(response, address)), self._outputs(fact, found, inputs)

    async def _read_quietly(self, address: str, fact: ResourceFact) -> Json | None:
        try:
            return await self.client.get(address, fact.version)
        except ArmRequestError:
            return None

    def _outputs(self, fact: ResourceFact, response: Mapping[str, Any], inputs: Json) -> Json:
        found = wire.outputs(self.facts, fact, without_nulls(response)) | {API_VERSION: fact.version}
        return keep_secrets(found, inputs)

    async def read(
        self, fact: ResourceFact, resource_id: str, inputs: Json, state: Json
    ) -> tuple[Json, Json] | None:
        """The outputs and inputs now, or None if it is gone. Without ``inputs`` it is an import."""
        response = await self.client.get(resource_id, fact.version)
        if response is None:
            return None
        outputs = self._outputs(fact, response, inputs)
        if not inputs:
            return outputs, wire.imported(self.facts, fact, resource_id, response) | {
                API_VERSION: fact.version
            }
        before = wire.projected(self.facts, fact, plain(state))
        now = wire.projected(self.facts, fact, plain(outputs))
        for path in wire.sdk_paths(fact):
            if wire.at_path(plain(inputs), path) is None:
                wire.drop_path(before, path)
                wire.drop_path(now, path)
        return outputs, refresh.refreshed(inputs, before, now)

    async def delete(self, fact: ResourceFact, resource_id: str, inputs: Json, seconds: float = 0) -> None:
        """Deletes it; gone is fine. A singleton can't be deleted and gets its defaults back."""
        wait = self._wait(seconds)
        if vault.holds(fact):
            await vault.delete(self.client, fact, resource_id, inputs, wait)
        elif fact.singleton is not None:
            query = {"api-version": fact.version}
            await self.client.put(resource_id, query, wire.body(self.facts, fact, fact.singleton), wait)
        else:
            await self.client.delete(resource_id, fact.version, wait)

    def _wait(self, seconds: float) -> Wait:
        return Wait(seconds or _TIMEOUT_SECONDS, self.cancelled)


def _id(response: Mapping[str, Any] | None, otherwise: str) -> str:
    found = (response or {}).get("id")
    return found if isinstance(found, str) and found else otherwise


def _known(fact: ResourceFact, inputs: Json) -> Json:
    given = cast("Json", plain(inputs))
    unknown = sorted(name for name, value in given.items() if has_unknowns(value))
    if unknown:
        raise wire.WireError(
            f"{fact.token}: {', '.join(unknown)} can't be unknown when a resource is written."
        )
    return given
