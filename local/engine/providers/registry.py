"""Provider resources: what `pulumi:providers:PACKAGE` entries of the state are, and the clients behind them."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.property_value import UNKNOWN_STRING, Properties, has_unknown
from local.engine.providers.answer import Outcome, ProviderError
from local.engine.providers.host import PULUMI, ProviderHost
from local.engine.providers.provider import Provider
from local.engine.steps.difference import Diff, structural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.state.resource_state import ResourceState

# Inputs the engine keeps in a provider's entry that are not the provider's configuration.
_OWN_KEYS = frozenset({"version", "pluginDownloadURL", "pluginChecksums", "__internal"})


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
        """Make a provider available to the resources that refer to it."""
        self._inputs[f"{state.urn}::{state.id}"] = state.inputs

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
        try:
            await client.configure(configuration(inputs), urn=urn, identity=identity)
        except ProviderError as error:
            raise EngineError(f"configuring the provider '{package}': {error}") from error
        return client

    async def _bare(self, package: str) -> Any:
        """A client of a package before any configuration, for checking and comparing configurations."""
        if package not in self._packages:
            self._packages[package] = asyncio.ensure_future(self._host.connect(package))
        return await asyncio.shield(self._packages[package])

    async def check(
        self, urn: str, olds: Properties, news: Properties
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """A provider's inputs with defaults; what is wrong with them."""
        package = urns.package_of(urns.type_of(urn))
        if package in {PULUMI, "pulumi-python"} or has_unknown(news):
            return news, []
        own = {key: value for key, value in news.items() if key in _OWN_KEYS}
        client = await self._bare(package)
        inputs, failures = await client.check_config(urn, configuration(olds), configuration(news))
        return {**inputs, **own}, failures

    async def diff(self, old: ResourceState, news: Properties) -> Diff:
        """What the change of a provider's inputs means for it; a new version alone is an update."""
        difference = structural(old.inputs, news)
        if not difference.changes:
            return Diff()
        package = urns.package_of(old.type)
        if package == PULUMI or has_unknown(news):
            return difference
        if (
            package == "pulumi-python"
            or not structural(configuration(old.inputs), configuration(news)).changes
        ):
            return difference
        client = await self._bare(package)
        answer = await client.diff_config(old.urn, old, configuration(news))
        return difference if answer.changes is None or not answer.changes else answer

    @staticmethod
    def new_id(*, preview: bool) -> str:
        """The id of a provider that is created."""
        return UNKNOWN_STRING if preview else str(uuid.uuid4())


def configuration(inputs: Properties) -> Properties:
    """A provider's inputs without what is the engine's."""
    return {key: value for key, value in inputs.items() if key not in _OWN_KEYS}


class UnconfiguredProvider:
    """Stands in during a preview for a provider whose configuration isn't known yet: nothing it makes is known."""

    async def check(
        self, _urn: str, _olds: Properties | None, news: Properties, _seed: bytes
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Everything passes."""
        return news, []

    async def diff(self, old: ResourceState, news: Properties, _ignore_changes: Any) -> Diff:
        """A comparison of inputs."""
        return structural(old.inputs, news)

    async def create(self, _urn: str, inputs: Properties, *, preview: bool, seconds: float = 0) -> Any:
        """What is asked for is all that is known."""
        _ = preview, seconds
        return Outcome(outputs=inputs)

    async def update(
        self, old: ResourceState, inputs: Properties, _ignore: Any, *, preview: bool, seconds: float = 0
    ) -> Any:
        """What is asked for is all that is known."""
        _ = preview, seconds
        return Outcome(old.id, inputs)


__all__ = ["Provider", "ProviderRegistry", "UnconfiguredProvider", "configuration"]
