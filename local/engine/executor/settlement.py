"""What an engine that was killed had begun and nobody saw the end of: looked up before anything is decided.

Only for the azure-native provider beside this engine, which refuses to create what exists. Dynamic providers adopt what
they find in `create`; their operations stay pending until the program registers the resource again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.property_value import with_secrets
from local.engine.providers.host import AZURE_NATIVE, attached
from local.engine.providers.provider import Outcome, ProviderError
from local.engine.state.resource_state import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.display.events import Stream
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.checkpoint import Operation
    from local.engine.state.resource_state import ResourceState

CREATING, UPDATING, DELETING = "creating", "updating", "deleting"
_WORDS = {CREATING: "being created", UPDATING: "being updated", DELETING: "being deleted"}


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
            message = f"was {_WORDS[item.type]} when the last run was interrupted: {told}\n"
            events.diagnose("info", message, urn=item.resource.urn)
    return Settled(settled, [item for item in operations if item not in ours and item.type == CREATING])


def _is_ours(item: Operation, known: set[str]) -> bool:
    return (
        item.type in _WORDS
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
            f"{state.urn} was {_WORDS[item.type]} when the last run was interrupted, and can't be read back: {error}"
        ) from error


def settled_one(
    resources: list[ResourceState], item: Operation, outcome: Outcome
) -> tuple[list[ResourceState], str]:
    """The resources after one operation is accounted for, and a word for the user if it matters; pure."""
    if item.type == CREATING:
        return _created(resources, item.resource, outcome)
    index = next((index for index, state in enumerate(resources) if _is_entry(state, item)), -1)
    if index < 0 or resources[index].pending_replacement:
        return resources, ""  # its end was recorded
    before, state, after = resources[:index], resources[index], resources[index + 1 :]
    if item.type == DELETING and not outcome.id:
        return [*before, *after], "gone"
    # Whether it is as its entry says is unknown: if the program keeps it, an update makes sure.
    reasons = [f"it was {_WORDS[item.type]} when the last run was interrupted"]
    return [*before, replace(state, init_errors=reasons), *after], "not finished, to be done again"


def _is_entry(state: ResourceState, item: Operation) -> bool:
    if state.urn != item.resource.urn:
        return False
    if item.type == UPDATING:
        return not state.delete
    return (state.id, state.delete) == (item.resource.id, item.resource.delete)


def _created(
    resources: list[ResourceState], made: ResourceState, outcome: Outcome
) -> tuple[list[ResourceState], str]:
    index, old = next(
        (
            (index, state)
            for index, state in enumerate(resources)
            if state.urn == made.urn and not state.delete
        ),
        (len(resources), None),
    )
    if old is not None and not old.pending_replacement and old.id == outcome.id:
        return resources, ""  # its end was recorded
    if not outcome.id:
        return resources, "nothing to take over"
    state = replace(
        made,
        id=outcome.id,
        outputs=with_secrets(outcome.outputs, made.additional_secret_outputs),
        init_errors=list(outcome.errors),
        created=now(),
        modified=now(),
    )
    # Where its predecessor is: what stands on them comes later. The predecessor goes in the end, if it hasn't already.
    replaced = [] if old is None or old.pending_replacement else [replace(old, delete=True)]
    return [*resources[:index], state, *replaced, *resources[index + 1 :]], "taken over"
