"""What an engine that was killed had begun and nobody saw the end of: looked up before anything is decided.

Only for the azure-native provider beside this engine, which refuses to create what exists. Dynamic providers adopt what
they find in `create`; their operations stay pending until the program registers the resource again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.providers.answer import Outcome, ProviderError
from local.engine.providers.host import AZURE_NATIVE, attached
from local.engine.state.interrupted import CREATING, UPDATING, WORDS, settled_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.display.events import Stream
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.checkpoint import Operation
    from local.engine.state.resource_state import ResourceState


@dataclass(frozen=True)
class Settled:
    """The resources as they turned out to be, and the operations that are still open."""

    resources: list[ResourceState]
    open: list[Operation]


async def settle(
    resources: Sequence[ResourceState],
    operations: Sequence[Operation],
    providers: ProviderRegistry,
    events: Stream,
    *,
    parallel: int,
) -> Settled:
    """Read back what interrupted operations left behind; raises EngineError where that can't be found out."""
    known = {state.urn for state in resources}
    ours = [item for item in operations if _is_ours(item, known)]
    slots = asyncio.Semaphore(parallel)

    async def found(item: Operation) -> Outcome:
        async with slots:
            return await _read_back(item, providers)

    outcomes = await asyncio.gather(*(found(item) for item in ours))
    settled = list(resources)
    for item, outcome in zip(ours, outcomes, strict=True):
        settled, told = settled_one(settled, item, outcome)
        if told:
            message = f"was {WORDS[item.type]} when the last run was interrupted: {told}\n"
            events.diagnose("info", message, urn=item.resource.urn)
    return Settled(settled, [item for item in operations if item not in ours and item.type == CREATING])


def _is_ours(item: Operation, known: set[str]) -> bool:
    return (
        item.type in WORDS
        and urns.package_of(item.resource.type) == AZURE_NATIVE
        and AZURE_NATIVE not in attached()
        and item.resource.provider.rpartition("::")[0] in known
    )


async def _read_back(item: Operation, providers: ProviderRegistry) -> Outcome:
    state = item.resource
    if item.type == UPDATING:
        return Outcome(state.id)  # it is made again, whatever came of it
    provider = await providers.get(state.provider)
    # Nobody heard the id of what was being created: the provider derives it from the inputs.
    identity = "" if item.type == CREATING else state.id
    try:
        return await provider.read(state.urn, identity, state.inputs, state.outputs)
    except ProviderError as error:
        raise EngineError(
            f"{state.urn} was {WORDS[item.type]} when the last run was interrupted, and can't be read back: {error}"
        ) from error
