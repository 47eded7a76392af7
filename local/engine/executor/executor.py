"""Carrying out steps: the only place where resources are touched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import HookError, ProtectedError, StepFailedError
from local.engine.property_value import UNKNOWN_STRING, equal, with_secrets
from local.engine.providers.answer import PARTIAL, UNTOUCHED, Outcome, ProviderError, all_of
from local.engine.providers.provider import operation
from local.engine.providers.request import configuration
from local.engine.state.resource_state import now
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from local.engine.display.events import Stream
    from local.engine.monitor.hook import Hooks
    from local.engine.property_value import Properties
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.resource_state import ResourceState
    from local.engine.state.snapshot import Snapshot
    from local.engine.steps.step import Step

_OPERATIONS = {
    op.CREATE: "creating",
    op.CREATE_REPLACEMENT: "creating",
    op.UPDATE: "updating",
    op.DELETE: "deleting",
    op.DELETE_REPLACED: "deleting",
    op.READ: "reading",
    op.READ_REPLACEMENT: "reading",
    op.IMPORT: "importing",
    op.IMPORT_REPLACEMENT: "importing",
}
_DELETES = frozenset({op.DELETE, op.DELETE_REPLACED, op.DISCARD, op.DISCARD_REPLACED})

_IMPORTS = frozenset({op.IMPORT, op.IMPORT_REPLACEMENT})


class _IsProtectedError(ProviderError):
    """The resource is protected."""


class Executor:
    """Applies steps and records what became of them."""

    def __init__(
        self,
        providers: ProviderRegistry,
        snapshot: Snapshot | None,
        events: Stream,
        hooks: Hooks,
        *,
        ignore_protect: bool = False,
    ) -> None:
        self._providers = providers
        self._snapshot = snapshot
        self._events = events
        self._hooks = hooks
        self._ignore_protect = ignore_protect
        self._components: dict[str, Step] = {}  # which await their outputs, and hooks that run after them
        self.hook_failed = False  # one that ran after a step: the step stands, the deployment doesn't
        self.deleting: AbstractSet[str] = frozenset()  # URNs that go in this operation
        self.planned_imports: dict[str, str] = {}  # of `pulumi import`: URN → why not, if so
        self.changes: dict[str, int] = {}

    @property
    def preview(self) -> bool:
        """Whether nothing is touched and nothing recorded."""
        return self._snapshot is None

    async def run(self, step: Step) -> None:
        """Carry out one step; raises StepFailedError after telling why."""
        # What is imported has no old state that anybody is shown before it is read.
        shown = replace(step, old=None) if step.op in _IMPORTS else step
        self._events.emit_step("resourcePreEvent", shown, planning=self.preview)
        sequence = self._begin(step)
        asked = step.new and step.new.inputs
        if self._snapshot and sequence:
            await self._snapshot.durable()
        number = operation.set(sequence)
        try:
            await self._hooks.before(step)
            errors = await self._apply(step)
        except (ProviderError, HookError) as error:
            if self._snapshot and sequence:
                self._snapshot.end(sequence)
            self._failed(shown, str(error), getattr(error, "status", UNTOUCHED))
            raise (ProtectedError if isinstance(error, _IsProtectedError) else StepFailedError) from error
        finally:
            operation.reset(number)
        if step.new is not None and step.op != op.REPLACE:
            self._hide(step.new)
            if step.op == op.SAME and step.old is not None:
                step.old.outputs = step.new.outputs  # they are the same ones
        if self._snapshot:
            self._record(step)
            if sequence:
                self._snapshot.end(sequence)
            self._snapshot.save_soon()
        if errors:
            self._failed(_asking(step, asked), all_of(errors), PARTIAL)
            raise StepFailedError
        if step.state.custom or step.op in _DELETES:
            await self._run_after_hooks(step)
        else:
            self._components[step.urn] = step
        self._done(step)

    async def outputs_registered(self, urn: str) -> None:
        """A component has its outputs: run the hooks that come after its step."""
        step = self._components.pop(urn, None)
        if step is not None:
            await self._run_after_hooks(step)

    async def _run_after_hooks(self, step: Step) -> None:
        """Run after the outcome is recorded: no hook and no kill during it can lose what was done."""
        try:
            await self._hooks.after(step)
        except HookError as error:
            self.hook_failed = True
            self._events.diagnose("error", str(error), urn=step.urn)

    def _hide(self, state: ResourceState) -> None:
        """Make outputs secret that are asked to be, and those whose inputs are."""
        names = state.additional_secret_outputs
        if "id" in names:
            self._events.diagnose(
                "warning",
                "The 'id' property cannot be made secret. See pulumi/pulumi#2717 for more details.",
                urn=state.urn,
            )
        state.outputs = with_secrets(state.outputs, names, state.inputs)

    def _begin(self, step: Step) -> int:
        kind = _OPERATIONS.get(step.op)
        if (
            self._snapshot is None
            or kind is None
            or not step.state.custom
            or urns.is_provider(step.state.type)
        ):
            return 0
        return self._snapshot.begin(step.state, kind, kept=step.pending_replacement)

    def _failed(self, step: Step, reason: str, status: int) -> None:
        """A step has failed: tell why."""
        urn = "" if urns.is_default_provider(step.urn) else step.urn
        message = f"Preview failed: {reason}" if self.preview else reason
        self._events.diagnose("error", message, urn=urn)
        if not self.preview:
            self._events.emit_step(
                "resOpFailedEvent", step, planning=False, status=status, steps=sum(self.changes.values())
            )

    def _done(self, step: Step) -> None:
        internal = step.op == op.REMOVE_PENDING_REPLACE or urns.is_default_provider(step.urn)
        counted = step.logical and step.op != op.READ
        if step.op == op.READ and step.old is not None and step.new is not None:
            counted = not equal(step.old.outputs, step.new.outputs)
        if counted and not internal:
            self.changes[step.op] = self.changes.get(step.op, 0) + 1
        if self.preview or step.state.custom or step.op == op.DELETE:
            found = step.op in _IMPORTS or step.urn in self.planned_imports
            shown = replace(step, old=step.new) if found else step
            self._events.emit_step("resOutputsEvent", shown, planning=self.preview)

    async def _apply(self, step: Step) -> tuple[str, ...]:
        """Do it; returns the reasons why a resource that is there now isn't what was asked for."""
        if step.op == op.SAME:
            self._same(step)
            return ()
        if step.op in {op.CREATE, op.CREATE_REPLACEMENT}:
            return await self._create(step)
        if step.op == op.UPDATE:
            return await self._update(step)
        if step.op in _DELETES:
            await self._delete(step)
        elif step.op in {op.READ, op.READ_REPLACEMENT}:
            return await self._read(step)
        elif step.op in {op.IMPORT, op.IMPORT_REPLACEMENT}:
            await self._import(step)
        return ()

    def _same(self, step: Step) -> None:
        old, new = step.old, step.new
        assert new is not None  # noqa: S101 - a same step has a new state
        if old is not None:
            new.id, new.outputs, new.init_errors = old.id, old.outputs, old.init_errors
            if equal(new.inputs, old.inputs):
                new.inputs = old.inputs  # whose secrets are encrypted already
            new.created, new.modified = old.created, old.modified
        if urns.is_provider(new.type):
            self._providers.declare(new)

    async def _create(self, step: Step) -> tuple[str, ...]:
        new = _required(step.new)
        errors: tuple[str, ...] = ()
        if urns.is_provider(new.type):
            new.id = self._providers.new_id(preview=self.preview)
            new.outputs = configuration(new.inputs)
            self._providers.declare(new)
        elif new.custom:
            provider = await self._providers.get(new.provider)
            outcome = await self._hooks.retried(
                step,
                lambda: provider.create(
                    new.urn, new.inputs, preview=self.preview, seconds=new.custom_timeouts.get("create", 0)
                ),
            )
            new.id = outcome.id
            new.outputs = outcome.outputs
            errors = outcome.errors
            new.init_errors = list(errors)
        new.created = new.modified = now()
        if step.pending_delete and step.old is not None:
            step.old.delete = True
        return errors

    async def _update(self, step: Step) -> tuple[str, ...]:
        old, new = _required(step.old), _required(step.new)
        new.id = old.id
        errors: tuple[str, ...] = ()
        if urns.is_provider(new.type):
            new.outputs = configuration(new.inputs)
            self._providers.declare(new)
        elif new.custom:
            provider = await self._providers.get(new.provider)
            outcome = await self._hooks.retried(
                step,
                lambda: provider.update(
                    replace(old, urn=new.urn),
                    new.inputs,
                    new.ignore_changes,
                    preview=self.preview,
                    seconds=new.custom_timeouts.get("update", 0),
                ),
            )
            new.outputs = outcome.outputs
            errors = outcome.errors
            new.init_errors = list(errors)
            if errors:
                new.inputs = old.inputs
        # A component's outputs are what it registers from now on.
        new.created, new.modified = old.created, now() if new.custom else old.modified
        return errors

    async def _delete(self, step: Step) -> None:
        old = _required(step.old)
        if step.op == op.DELETE and old.protect and not self._ignore_protect:
            raise _IsProtectedError(
                f'resource "{old.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either '
                "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the "
                f"command:\n`pulumi state unprotect '{old.urn}'`"
            )
        goes_with = bool(old.deleted_with) and old.deleted_with in self.deleting
        if self.preview or old.external or old.retain_on_delete or goes_with:
            pass
        elif old.custom and not urns.is_provider(old.type):
            provider = await self._providers.get(old.provider)

            async def delete() -> Outcome:
                await provider.delete(old, seconds=old.custom_timeouts.get("delete", 0))
                return Outcome()

            await self._hooks.retried(step, delete)
        if step.pending_replacement:
            old.pending_replacement = True

    async def _read(self, step: Step) -> tuple[str, ...]:
        new = _required(step.new)
        outcome = Outcome()
        if new.id != UNKNOWN_STRING:
            provider = await self._providers.get(new.provider)
            outcome = await provider.read(new.urn, new.id, new.inputs, new.inputs)
            if not outcome.answered:
                raise ProviderError(f"resource '{new.id}' does not exist")
        new.id = outcome.id or new.id
        new.outputs = outcome.outputs
        new.init_errors = list(outcome.errors)
        if old := step.old:
            same = equal(new.inputs, old.inputs) and equal(new.outputs, old.outputs)
            new.created, new.modified = old.created, old.modified if same else now()
        if step.pending_delete and step.old is not None:
            step.old.delete = True
        return outcome.errors

    async def _import(self, step: Step) -> None:
        new = _required(step.new)
        if refusal := self.planned_imports.get(step.urn):
            raise ProviderError(refusal)
        if not new.custom:
            new.created = new.modified = now()
            return
        provider = await self._providers.get(new.provider)
        outcome: Outcome = await provider.read(new.urn, new.import_id, {}, {})
        if not outcome.id:
            raise ProviderError(f"resource '{new.import_id}' does not exist")
        if outcome.inputs is None:
            raise ProviderError(
                f"provider does not support importing resources; please try updating the '{urns.package_of(new.type)}' plugin"
            )
        new.id, supplied, new.inputs = outcome.id, new.inputs, outcome.inputs
        if step.urn in self.planned_imports:
            # The official engine keeps no id to import here; what can't be read was supplied.
            new.import_id, new.inputs = "", {**supplied, **outcome.inputs}
        new.outputs = outcome.outputs
        new.init_errors = list(outcome.errors)
        new.created = new.modified = now()
        if step.pending_delete and step.old is not None:
            step.old.delete = True

    def _record(self, step: Step) -> None:
        """Put what a step did into the snapshot."""
        snapshot = self._snapshot
        assert snapshot is not None  # noqa: S101 - the caller looked
        if step.op in {op.REPLACE, op.REFRESH} or step.skipped:
            return
        if step.op in _DELETES:
            old = _required(step.old)
            if step.pending_replacement:
                snapshot.change(old)
            else:
                snapshot.remove(old)
        elif step.op == op.REMOVE_PENDING_REPLACE:
            snapshot.remove(_required(step.old))
        elif step.pending_delete and step.old is not None and not step.old.pending_replacement:
            snapshot.rename(step.old, _required(step.new))
            snapshot.change(step.old)
            snapshot.settle(_required(step.new))
        else:
            snapshot.rename(step.old, _required(step.new))
            snapshot.settle(_required(step.new), step.old, same=step.op == op.SAME)


def _asking(step: Step, inputs: Properties | None) -> Step:
    """A step that has failed in part as it is shown: what was asked for, not what there is."""
    return step if step.new is None else replace(step, new=replace(step.new, inputs=inputs or {}))


def _required(state: ResourceState | None) -> ResourceState:
    assert state is not None  # noqa: S101 - the plan made the step with it
    return state
