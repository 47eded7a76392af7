"""What events say of steps and resources: values with every secret blinded, kept as they were when it happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.property_value import (
    ARCHIVE,
    ASSET,
    SIGNATURE,
    UNKNOWN,
    Output,
    Properties,
    Secret,
    Unknown,
)
from local.engine.steps import step as op

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState
    from local.engine.steps.step import Step

BLINDED = Secret("[secret]")
_ELIDED = "<contents elided>"


class StateView:
    """A resource at one moment: what events tell of it. Values are blinded when somebody looks."""

    def __init__(self, state: ResourceState) -> None:
        self.type = state.type
        self.urn = state.urn
        self.custom = state.custom
        self.delete = state.delete
        self.id = state.id
        self.parent = state.parent
        self.protect = state.protect
        self.taint = state.taint
        self.external = state.external
        self.retain_on_delete = state.retain_on_delete
        self.provider = state.provider
        self.init_errors = tuple(state.init_errors)
        self.hide_diff = tuple(state.hide_diff)
        # Values are replaced, never changed in place: these stay what they were.
        self._inputs, self._outputs = state.inputs, state.outputs
        self._state = state

    @cached_property
    def inputs(self) -> Properties:
        """The inputs, blinded."""
        return blinded(self._inputs)

    @cached_property
    def outputs(self) -> Properties:
        """The outputs, blinded."""
        return blinded(self._outputs)

    @property
    def current(self) -> ResourceState:
        """The state itself, with its values in plain text: for who blinds it before showing it."""
        return self._state


@dataclass(frozen=True)
class StepView:
    """A step: what events tell of it."""

    op: str
    urn: str
    type: str = ""
    old: StateView | None = None
    new: StateView | None = None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: dict[str, dict[str, Any]] | None = None
    logical: bool = True
    provider: str = ""
    hidden: bool = False

    @property
    def res(self) -> StateView | None:
        """The latest that is known of the resource."""
        return self.new or self.old

    @property
    def internal(self) -> bool:
        """Whether it is the engine's own business, which nobody is shown."""
        return self.hidden or self.op == op.REMOVE_PENDING_REPLACE or urns.is_default_provider(self.urn)

    @property
    def is_stack(self) -> bool:
        """Whether it is about the stack itself."""
        return urns.qualified_type(self.urn) == urns.STACK_TYPE

    @property
    def retained(self) -> bool:
        """Whether what goes isn't deleted."""
        return self.old is not None and self.old.retain_on_delete


def step_view(step: Step, operation: str = "") -> StepView:
    """What to tell of a step; with another operation, if it turned out to be that."""
    return StepView(
        op=operation or step.op,
        urn=step.urn,
        hidden=step.hidden,
        type=urns.type_of(step.urn),
        old=None if step.old is None else StateView(step.old),
        new=None if step.new is None else StateView(step.new),
        keys=tuple(step.keys),
        diffs=tuple(step.changed),
        detailed=dict(step.detailed) or None,
        logical=step.logical and step.op != op.REFRESH,
        provider=step.state.provider,
    )


def renamed(view: StepView, operation: str) -> StepView:
    """The same step under another operation."""
    return replace(view, op=operation)


def blinded(value: Any) -> Any:
    """A value without its secrets and without the texts of assets, which may be large."""
    if isinstance(value, Secret):
        return BLINDED
    if isinstance(value, (Output, Unknown)):
        return BLINDED if isinstance(value, Output) and value.secret else UNKNOWN
    if isinstance(value, dict):
        if value.get(SIGNATURE) == ASSET and "text" in value:
            return {**value, "text": _ELIDED}
        if value.get(SIGNATURE) == ARCHIVE and isinstance(value.get("assets"), dict):
            return {**value, "assets": blinded(value["assets"])}
        return {key: blinded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [blinded(item) for item in value]
    return value
