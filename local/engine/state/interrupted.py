"""What the state becomes when an operation nobody saw the end of is accounted for; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from local.engine.property_value import Properties, with_secrets
from local.engine.state.resource_state import now

if TYPE_CHECKING:
    from local.engine.state.checkpoint import Operation
    from local.engine.state.resource_state import ResourceState

CREATING, UPDATING, DELETING = "creating", "updating", "deleting"
WORDS = {CREATING: "being created", UPDATING: "being updated", DELETING: "being deleted"}


class Found(Protocol):
    """What a provider says of a resource: an empty id if it isn't there."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def outputs(self) -> Properties:
        """Its properties."""
        ...

    @property
    def errors(self) -> tuple[str, ...]:
        """Why it isn't what was asked for."""
        ...


def settled_one(
    resources: list[ResourceState], item: Operation, outcome: Found
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
    reasons = [f"it was {WORDS[item.type]} when the last run was interrupted"]
    return [*before, replace(state, init_errors=reasons), *after], "not finished, to be done again"


def _is_entry(state: ResourceState, item: Operation) -> bool:
    if state.urn != item.resource.urn:
        return False
    if item.type == UPDATING:
        return not state.delete
    return (state.id, state.delete) == (item.resource.id, item.resource.delete)


def _before_dependents(resources: list[ResourceState], urn: str) -> int:
    return next(
        (index for index, state in enumerate(resources) if urn in state.all_dependencies()), len(resources)
    )


def _created(
    resources: list[ResourceState], made: ResourceState, outcome: Found
) -> tuple[list[ResourceState], str]:
    index, old = next(
        (
            (index, state)
            for index, state in enumerate(resources)
            if state.urn == made.urn and not state.delete
        ),
        (_before_dependents(resources, made.urn), None),
    )
    if old is not None and not old.pending_replacement and old.id == outcome.id:
        return resources, ""  # its end was recorded
    if not outcome.id:
        return resources, "nothing to take over"
    state = replace(
        made,
        id=outcome.id,
        outputs=with_secrets(outcome.outputs, made.additional_secret_outputs, made.inputs),
        init_errors=list(outcome.errors),
        created=now(),
        modified=now(),
    )
    # Where its predecessor is: what stands on them comes later. The predecessor goes in the end, if it hasn't already.
    replaced = [] if old is None or old.pending_replacement else [replace(old, delete=True)]
    return [*resources[:index], state, *replaced, *resources[index + 1 :]], "taken over"


def finished_one(
    resources: list[ResourceState], item: Operation, outcome: Found, *, kept: bool
) -> list[ResourceState] | None:
    """The resources after an operation whose end the provider recorded; None if there is nothing it could be about.

    `kept`: what was deleted keeps its entry until its replacement is there.
    """
    if item.type == CREATING:
        return _created(resources, item.resource, outcome)[0]
    index = next((index for index, state in enumerate(resources) if _is_entry(state, item)), -1)
    if index < 0:
        return None
    before, state, after = resources[:index], resources[index], resources[index + 1 :]
    if item.type == DELETING:
        return [*before, replace(state, pending_replacement=True), *after] if kept else [*before, *after]
    made = item.resource
    updated = replace(
        made,
        id=state.id,
        inputs=state.inputs if outcome.errors else made.inputs,
        outputs=with_secrets(outcome.outputs, made.additional_secret_outputs, made.inputs),
        init_errors=list(outcome.errors),
        created=state.created,
        modified=now(),
    )
    return [*before, updated, *after]
