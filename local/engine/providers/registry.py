"""Provider resources: what `pulumi:providers:PACKAGE` entries of the state are, and the clients behind them."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.property_value import UNKNOWN_STRING, Properties, equal, has_unknown
from local.engine.providers.host import DYNAMIC, PULUMI, ProviderHost
from local.engine.providers.request import INTERNAL, configuration
from local.engine.providers.unconfigured import UnconfiguredProvider
from local.engine.steps.difference import Diff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.state.resource_state import ResourceState


class ProviderRegistry:
    """Hands out configured clients by reference (`URN::ID`), starting each on first use."""

    def __init__(self, host: ProviderHost, builtin: Any, olds: Mapping[str, ResourceState]) -> None:
        self._host = host
        self._builtin = builtin
        self._olds = olds
        self._inputs: dict[str, Properties] = {}
        self._clients: dict[str, asyncio.Task[Any]] = {}
        self._packages: dict[str, asyncio.Task[Any]] = {}

    def declare(self, state: ResourceState) -> None:
        """Make a provider available to the resources that refer to it: they hear of it if it can't be configured."""
        reference = f"{state.urn}::{state.id}"
        old = self._olds.get(state.urn)
        if not equal(self._inputs.get(reference, old.inputs if old else {}), state.inputs):
            self._clients.pop(reference, None)  # it was opened as it used to be
        self._inputs[reference] = state.inputs
        # Those of dynamic providers take no configuration: they start when they are needed.
        if urns.package_of(state.type) not in {PULUMI, DYNAMIC}:
            opening = self._clients[reference] = asyncio.ensure_future(self._open(reference))
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def get(self, reference: str) -> Any:
        """The configured client of a reference; raises EngineError if there is no such provider."""
        if reference not in self._clients:
            self._clients[reference] = asyncio.ensure_future(self._open(reference))
        return await asyncio.shield(self._clients[reference])

    async def _open(self, reference: str) -> Any:
        urn, identity = urns.split_reference(reference)
        inputs = self._inputs.get(reference)
        if inputs is None:
            old = self._olds.get(urn)
            if old is None or old.id != identity:
                raise EngineError(
                    f"unknown provider '{reference}': its resource is neither in the program nor in the state"
                )
            inputs = old.inputs
        package = urns.package_of(urns.type_of(urn))
        if package == PULUMI:
            return self._builtin
        if has_unknown(inputs):
            return UnconfiguredProvider()
        client = await self._host.connect(package)
        await client.configure(configuration(inputs), urn=urn, identity=identity)
        return client

    async def _bare(self, package: str) -> Any:
        """A client of a package before any configuration, for checking and comparing configurations."""
        if package not in self._packages:
            self._packages[package] = asyncio.ensure_future(self._host.connect(package))
        return await asyncio.shield(self._packages[package])

    async def check(
        self, urn: str, olds: Properties, news: Properties
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """A provider's inputs with defaults; what is wrong with them. As the official registry's `Check`."""
        package = urns.package_of(urns.type_of(urn))
        if package in {PULUMI, DYNAMIC}:
            return news, []
        client = await self._bare(package)
        inputs, failures = await client.check_config(urn, configuration(olds), configuration(news))
        version, found = news.get("version"), inputs.get("version")
        if version and found and found != version:
            raise EngineError(f'provider "{urn}" attempted to change version from "{version}" to "{found}"')
        own = {key: news[key] for key in ("version", INTERNAL) if key in news}
        return {**inputs, **own}, failures

    async def diff(self, old: ResourceState, news: Properties, *, urn: str = "") -> Diff:
        """What the change of a provider's inputs means for it, or for what goes over to the provider `urn`.

        As the official registry's `Diff`.
        """
        package = urns.package_of(old.type)
        if package == PULUMI:
            return Diff()
        news = configuration(news)
        answer = Diff(changes=None)  # dynamic providers aren't asked
        if package != DYNAMIC:
            answer = await (await self._bare(package)).diff_config(urn or old.urn, old, news)
        if answer.changes is None:
            return replace(answer, changes=not equal(configuration(old.outputs), news))
        return answer

    @staticmethod
    def new_id(*, preview: bool) -> str:
        """The id of a provider that is created."""
        return UNKNOWN_STRING if preview else str(uuid.uuid4())
