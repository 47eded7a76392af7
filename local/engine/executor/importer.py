"""`pulumi import`: takes resources into the state that are there already, and leaves all else as it is.

Official: pkg/resource/deploy/import.go.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.error import EngineError, StepFailedError
from local.engine.providers.host import DYNAMIC, refuse
from local.engine.providers.provider import ProviderError
from local.engine.providers.request import ProviderRequest
from local.engine.state.resource_state import ResourceState
from local.engine.steps import step as op
from local.engine.steps.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.engine.display.events import Stream
    from local.engine.executor.executor import Executor
    from local.engine.property_value import Properties
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.steps.plan import Plan
    from local.engine.workspace.import_file import Import


@dataclass(frozen=True)
class Place:
    """The stack whose state it is."""

    stack: str
    project: str


class Importer:
    """The one run of an import."""

    def __init__(
        self,
        place: Place,
        plan: Plan,
        executor: Executor,
        providers: ProviderRegistry,
        events: Stream,
        *,
        package_config: Callable[[str], Properties],
        parallel: int,
    ) -> None:
        self._place = place
        self._plan = plan
        self._executor = executor
        self._providers = providers
        self._events = events
        self._package_config = package_config
        self._slots = asyncio.Semaphore(parallel)
        self._references: dict[str, str] = {}  # a provider's URN → URN::ID
        self._root = ""
        self.failed = False
        self.cancelled = False

    def cancel(self) -> None:
        """Start nothing more."""
        self.cancelled = self.failed = True

    async def run(self, imports: Sequence[Import], *, protect: bool) -> None:
        """Import; what went wrong has been shown, and `failed` says so."""
        word = "preview" if self._executor.preview else "update"
        try:
            await self._keep()
            if imports:
                self._root = await self._stack()
                await self._declare_providers(imports)
                await self._import(self._new_states(imports, protect=protect), imports)
        except StepFailedError as error:
            self.failed = True
            self._events.diagnose(
                "error", f"{word} failed: step application failed: {error.__cause__}", urn=self._root
            )
        except (EngineError, ProviderError) as error:
            self.failed = True
            self._events.diagnose("error", f"{word} failed: {error}", urn=self._root)

    async def _keep(self) -> None:
        """What is in the state stays, in its order."""
        for state in self._plan.resources:
            if not state.delete:
                kept = replace(state)
                self._plan.news[state.urn] = kept
                await self._executor.run(Step(op.SAME, state.urn, state, kept))

    async def _stack(self) -> str:
        for state in self._plan.news.values():
            if state.type == urns.STACK_TYPE and not state.parent:
                return state.urn
        place = self._place
        urn = urns.make(place.stack, place.project, "", urns.STACK_TYPE, f"{place.project}-{place.stack}")
        await self._create(ResourceState(urn, urns.STACK_TYPE))
        return urn

    async def _create(self, state: ResourceState) -> None:
        self._plan.news[state.urn] = state
        await self._executor.run(Step(op.CREATE, state.urn, None, state))

    def _provider_urn(self, item: Import) -> str:
        """Of the provider that an import names, or of its package's default provider."""
        if item.provider:
            return item.provider
        place, wanted = self._place, _wanted(item)
        type_ = f"{urns.PROVIDER_PREFIX}{wanted.package}"
        return urns.make(place.stack, place.project, "", type_, wanted.name)

    async def _declare_providers(self, imports: Sequence[Import]) -> None:
        """Have each provider that is needed; those in the state are used as they are."""
        wanted: dict[str, Properties] = {}
        for item in imports:
            if urns.is_provider(item.type):
                place = self._place
                parent = item.parent or self._root
                wanted[urns.make(place.stack, place.project, parent, item.type, item.name)] = item.inputs
        for item in imports:
            if item.component or urns.is_provider(item.type):
                continue
            urn = self._provider_urn(item)
            known = item.provider or urn in wanted
            config = {} if known else self._package_config(urns.package_of(item.type))
            wanted.setdefault(urn, _wanted(item).inputs(config))
        for urn, inputs in sorted(wanted.items()):
            state = self._plan.news.get(urn)
            if state is None:
                state = await self._new_provider(urn, inputs)
            self._references[urn] = f"{urn}::{state.id}"

    async def _new_provider(self, urn: str, inputs: Properties) -> ResourceState:
        refuse(urns.package_of(urns.type_of(urn)))
        checked, failures = await self._providers.check(urn, {}, inputs)
        for name, reason in failures:
            self._events.diagnose("error", f"property {name} has a problem: {reason}", urn=urn)
        if failures:
            raise EngineError("provider check failed")
        state = ResourceState(urn, urns.type_of(urn), custom=True, inputs=checked)
        await self._create(state)
        return state

    def _new_states(self, imports: Sequence[Import], *, protect: bool) -> list[ResourceState]:
        """The entries of what isn't in the state yet; raises EngineError for two of one URN."""
        found: dict[str, ResourceState] = {}
        for item in imports:
            if urns.is_provider(item.type):
                continue
            parent = item.parent or self._root
            urn = urns.make(self._place.stack, self._place.project, parent, item.type, item.name)
            if urn in found:
                raise EngineError(f"duplicate import '{item.name}' of type '{item.type}'")
            old = self._plan.olds.get(urn)
            if old is not None and (old.import_id or old.id) == item.id:
                continue
            found[urn] = ResourceState(
                urn,
                item.type,
                custom=not item.component,
                inputs=dict(item.inputs),
                parent=parent,
                protect=protect,
                provider="" if item.component else self._references[self._provider_urn(item)],
                import_id=item.id,
            )
        return list(found.values())

    async def _import(self, states: list[ResourceState], imports: Sequence[Import]) -> None:
        """Parents first, what doesn't depend on each other at once."""
        chosen = {item.id: item.properties for item in imports}
        while states and not self.failed:
            waiting = {state.urn for state in states}
            batch = [state for state in states if state.parent not in waiting]
            states = [state for state in states if state.parent in waiting]
            results = await asyncio.gather(
                *(self._one(state, chosen.get(state.import_id, ())) for state in batch),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _one(self, state: ResourceState, properties: Sequence[str]) -> None:
        refusal = ""
        if state.urn in self._plan.olds:
            refusal = f"resource '{state.urn}' already exists"
        elif state.parent not in self._plan.news:
            refusal = f"unknown parent '{state.parent}' for resource '{state.urn}'"
        step = Step(op.IMPORT, state.urn, None, state)
        async with self._slots:
            if self.cancelled:
                raise StepFailedError
            self._executor.planned_imports[state.urn] = refusal
            await self._executor.run(step)
            self._plan.news[state.urn] = state
            if state.custom:
                await self._check(state, properties)

    async def _check(self, state: ResourceState, properties: Sequence[str]) -> None:
        """Warn of inputs that the provider wouldn't take; they are imported all the same."""
        provider = await self._providers.get(state.provider)
        _, failures = await provider.check(state.urn, state.inputs, state.inputs, os.urandom(32))
        if not failures:
            return
        package = urns.package_of(state.type)
        advice = (
            "Try specifying a different set of properties to import with in the future."
            if properties
            else f"This is almost certainly a bug in the `{package}` provider."
        )
        self._events.diagnose(
            "warning",
            f"One or more imported inputs failed to validate. {advice} The import will still proceed, but you will "
            "need to edit the generated code after copying it into your program.",
            urn=state.urn,
        )
        for name, reason in failures:
            what = (
                f"property {name}{_shown(state.inputs.get(name))} has a problem" if name else "has a problem"
            )
            self._events.diagnose(
                "warning", f"{state.type} resource '{state.name}': {what}: {reason}", urn=state.urn
            )


def _shown(value: object) -> str:
    """A plain value as messages of the official engine have it; of others nothing."""
    if isinstance(value, bool):
        return f" value {{{str(value).lower()}}}"
    if isinstance(value, str):
        return f" value {{{value}}}"
    return f" value {{{value:g}}}" if isinstance(value, (int, float)) else ""


def _wanted(item: Import) -> ProviderRequest:
    """The provider for what names none."""
    package = urns.package_of(item.type)
    return ProviderRequest(package, item.version if package != DYNAMIC else "")
