"""up, preview, refresh and destroy: putting the parts together around one stack.

A little over 400 lines: the parts are made in the order they need each other, which is what one has to see at once.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.executor.interrupt import Interrupts, StoppedError
from local.engine.executor.request import Request, Result
from local.engine.property_value import Properties, Secret
from local.engine.providers.host import AZURE_NATIVE, DYNAMIC
from local.engine.steps.plan import Plan
from local.engine.steps.target import Targets, missing, not_found
from local.engine.workspace import config as configs

if TYPE_CHECKING:
    from local.engine.display.events import Stream
    from local.engine.executor.deployment import Deployment
    from local.engine.executor.importer import Importer
    from local.engine.executor.refresh import Refresh
    from local.engine.monitor.callback import Callbacks
    from local.engine.monitor.hook import Hooks
    from local.engine.policy.policies import Policies
    from local.engine.program.program import Program
    from local.engine.providers.registry import ProviderRegistry
    from local.engine.state.checkpoint import Deployment as State
    from local.engine.state.snapshot import Snapshot
    from local.engine.workspace.stack import Stack

ORGANIZATION = "organization"


class UnopenedError(EngineError):
    """The stack's state or its key can't be had: nothing was begun, so there is nothing to show."""


async def run(request: Request, stack: Stack, program: Program | None, events: Stream) -> Result:
    """Carry out a request. Raises EngineError for what makes it impossible; failures of resources are in the result."""
    started = time.monotonic()
    # In a thread: deriving the key takes a while, in which the program starts and the rest of the engine is loaded.
    loading = asyncio.ensure_future(asyncio.to_thread(_opened, stack))
    await asyncio.sleep(0)  # the program's process
    _load()
    try:
        opened = await loading
    except EngineError as error:
        raise UnopenedError(str(error), exit_code=error.exit_code) from error
    state = request.edit(opened)
    if request.kind == "destroy" and program is None:
        _require_no_delete_hooks(state, events)
    config = stack.config
    plain = {key: configs.plain(value, stack.crypter) for key, value in config.merged().items()}
    secret_keys = [key for key, value in config.merged().items() if configs.is_secret(value)]
    blinded = {
        key: "[secret]" if key in secret_keys else configs.text(value) for key, value in sorted(plain.items())
    }
    operation = _Operation(request, stack, events, state=state, config=plain, secret_keys=secret_keys)
    try:
        return await operation.run(program, started, blinded)
    finally:
        if program is not None:
            await program.stop()


def _opened(stack: Stack) -> State:
    """The stack's state; its key is there as well, if there is configuration that may be encrypted with it."""
    state = stack.state()
    if stack.config.merged():
        _ = stack.crypter
    return state


def _load() -> None:
    """Import what every operation needs. gRPC takes a while, which is spent better when the program has been started."""
    for name in ("executor.deployment", "executor.planner", "monitor.resource_monitor", "providers.registry"):
        importlib.import_module(f"local.engine.{name}")


def _plan_type(request: Request) -> type[Plan]:
    if not request.run_program or request.kind == "update":
        return Plan
    from local.engine.steps.run_program import DestroyPlan, RefreshPlan  # noqa: PLC0415 - seldom

    return DestroyPlan if request.kind == "destroy" else RefreshPlan


def _require_no_delete_hooks(state: State, events: Stream) -> None:
    """Raise EngineError if what is to be deleted has hooks that only the program can run."""
    from local.engine.monitor.hook import delete_hooks  # noqa: PLC0415 - gRPC is loaded for operations only

    rows = delete_hooks(state.resources)
    for urn, message in rows:
        events.diagnose("error", message, urn=urn)
    if rows:
        raise EngineError("You must run with the `--run-program` flag to use delete hooks during destroy.")


def _warn_of_pending(state: State, events: Stream) -> None:
    if not state.operations:
        return
    lines = "".join(f"\n  * {item.resource.urn}, interrupted while {item.type}" for item in state.operations)
    events.diagnose(
        "warning",
        f"Attempting to deploy or update resources with {len(state.operations)} pending operations from previous "
        f"deployment.{lines}\nThese resources are in an unknown state because the engine was interrupted while "
        "waiting for changes to them to complete. What azure-native was doing is looked up first; the rest is done "
        "again, and a provider that adopts what it finds makes nothing twice.",
    )


class _Operation:
    """The parts of one run, made in the order they need each other."""

    def __init__(
        self,
        request: Request,
        stack: Stack,
        events: Stream,
        *,
        state: State,
        config: dict[str, Any],
        secret_keys: list[str],
    ) -> None:
        from local.engine.providers.host import ProviderHost  # noqa: PLC0415 - gRPC is loaded for operations only
        from local.engine.state.snapshot import Snapshot  # noqa: PLC0415

        self._request = request
        self._stack = stack
        self._config = config
        self._secret_keys = secret_keys
        self._events = events
        self._state = state
        self._policies: Policies | None = None
        self._interrupts = Interrupts(events, preview=request.preview)
        self._interrupts.watch()
        self._snapshot: Snapshot | None = None
        if not request.preview:
            self._snapshot = Snapshot(stack.store, state, stack.crypter)
        self._host = ProviderHost(
            stack.project,
            stack.name,
            stack.project.program_folder,
            lambda line: events.diagnose("info", line),
            {},
            outcomes=self._snapshot.outcomes if self._snapshot else None,
        )
        # Providers take a while to start and most operations need them.
        packages = {urns.package_of(r.type) for r in state.resources if urns.is_provider(r.type)}
        for package in packages & {DYNAMIC, AZURE_NATIVE}:
            if request.kind == "update" or package in packages:
                self._host.start(package).add_done_callback(lambda task: task.cancelled() or task.exception())

    def _require_targets(self) -> None:
        """Refuse targets that aren't there; an update may make its own."""
        if self._request.kind in {"update", "import"}:
            return
        options = self._request.options
        known = [state.urn for state in self._state.resources]
        for urn in (*missing(options.targets, known), *missing(options.excludes, known)):
            raise EngineError(f"no resource named '{urn}' found")

    def _are_missing(self, resources: list[Any], targets: Targets) -> bool:
        """Tell of targets that aren't there."""
        absent = missing(targets, (state.urn for state in resources))
        for urn in absent:
            self._events.diagnose("error", not_found(urn))
        return bool(absent)

    async def run(self, program: Program | None, started: float, blinded: dict[str, str]) -> Result:
        changes: dict[str, int] = {}
        failed = False
        resources = list(self._state.resources)
        deployment: Deployment | Importer | None = None
        try:
            self._require_targets()
            if self._request.packs:
                self._policies = await self._interrupts.unless(self._load_policies())
            self._events.emit("preludeEvent", config=blinded)
            # A refresh leaves no doubt about what was being updated or deleted.
            if not self._request.refreshes and not self._request.preview:
                _warn_of_pending(self._state, self._events)
            if self._state.operations:
                resources = await self._interrupts.unless(self._settle(resources))
            if self._request.refreshes and not self._request.run_program:
                resources, changes, failed = await self._interrupts.unless(self._refresh(resources))
            failed = failed or self._are_missing(resources, self._request.options.replaces)
            if (self._request.kind != "refresh" or self._request.run_program) and not failed:
                deployment, changes = await self._deploy(resources, program)
                failed = deployment.failed
        except StoppedError:
            failed = True
        finally:
            await self._host.close()
            if self._policies:
                await self._policies.close()
            if self._snapshot:
                self._snapshot.close()
        result = Result(
            changes,
            failed,
            cancelled=self._interrupts.received,
            violated=bool(self._policies and self._policies.violated),
            duration=time.monotonic() - started,
        )
        self._events.emit(
            "summaryEvent",
            maybeCorrupt=self._events.unsure,
            durationSeconds=math.ceil(result.duration),
            resourceChanges=dict(sorted(changes.items())),
            PolicyPacks=self._policies.names if self._policies else {},
            isPreview=self._request.preview,
            result="canceled" if result.cancelled else "failed" if failed else "succeeded",
        )
        return result

    async def _load_policies(self) -> Policies:
        from local.engine.policy.pack import StackFacts  # noqa: PLC0415
        from local.engine.policy.policies import load  # noqa: PLC0415

        facts = StackFacts(
            project=self._stack.project.name,
            stack=self._stack.name,
            organization=ORGANIZATION,
            preview=self._request.preview,
            config={key: configs.text(value) for key, value in self._config.items()},
            secret_keys=self._secret_keys,
        )
        return await load(self._request.packs, facts, self._events)

    async def _settle(self, resources: list[Any]) -> list[Any]:
        """Account for what an interrupted operation had begun."""
        from local.engine.executor.settlement import settle  # noqa: PLC0415

        providers = self._providers_of(resources)
        settled = await settle(
            resources, self._state.operations, providers, self._events, parallel=self._request.parallel
        )
        if self._snapshot:
            self._snapshot.rebase(settled.resources, settled.open)
        return settled.resources

    def _providers_of(self, resources: list[Any]) -> ProviderRegistry:
        """The providers that the state has."""
        from local.engine.providers.builtin import Builtin  # noqa: PLC0415
        from local.engine.providers.registry import ProviderRegistry  # noqa: PLC0415

        olds = {state.urn: state for state in resources if not state.delete}
        return ProviderRegistry(
            self._host, Builtin(self._stack.store.backend, self._stack.project.name, {}), olds
        )

    async def _refresh(self, resources: list[Any]) -> tuple[list[Any], dict[str, int], bool]:
        request = self._request
        if not resources:
            return resources, {}, False
        absent = self._are_missing(resources, request.options.targets)
        if self._are_missing(resources, request.options.excludes) or absent:
            return resources, {}, True
        refresh = self._reader(self._providers_of(resources))
        kept = await refresh.run(resources)
        if self._snapshot:
            self._snapshot.rebase(kept, self._snapshot.unfinished)
        return kept, refresh.changes, refresh.failed

    def _reader(self, providers: ProviderRegistry) -> Refresh:
        from local.engine.executor.refresh import Refresh  # noqa: PLC0415

        request = self._request
        return Refresh(
            providers,
            self._events,
            request.options,
            preview=request.preview,
            parallel=request.parallel,
            counts=request.kind == "refresh",
        )

    async def _deploy(
        self, resources: list[Any], program: Program | None
    ) -> tuple[Deployment | Importer, dict[str, int]]:
        from local.engine.executor.deployment import Deployment  # noqa: PLC0415
        from local.engine.executor.executor import Executor  # noqa: PLC0415
        from local.engine.executor.planner import Planner  # noqa: PLC0415
        from local.engine.monitor.callback import Callbacks  # noqa: PLC0415
        from local.engine.monitor.hook import Hooks  # noqa: PLC0415
        from local.engine.providers.builtin import Builtin  # noqa: PLC0415
        from local.engine.providers.registry import ProviderRegistry  # noqa: PLC0415

        request, stack = self._request, self._stack
        if request.preview:
            # A preview marks what it would delete; the state it was given stays as it is.
            resources = [replace(state) for state in resources]
        plan = _plan_type(request)(stack.name, stack.project.name, resources, request.options)
        builtin = Builtin(stack.store.backend, stack.project.name, plan.news)
        providers = ProviderRegistry(self._host, builtin, plan.olds)
        callbacks = Callbacks()
        hooks = Hooks(callbacks, self._events, preview=request.preview)
        executor = Executor(
            providers,
            self._snapshot,
            self._events,
            hooks,
            ignore_protect=request.options.ignore_protect,
        )
        refresh = self._reader(providers) if request.refreshes and request.run_program else None
        if request.kind == "import":
            return await self._import(plan, executor, providers), executor.changes
        deployment = Deployment(
            Planner(plan, providers, self._events, self._policies, preview=request.preview),
            executor,
            self._events,
            self._snapshot,
            parallel=request.parallel,
            continue_on_error=request.options.continue_on_error,
            policies=self._policies,
            refresh=refresh,
        )
        self._interrupts.then(deployment.cancel)
        if program is None:
            deployment.program_ended()
            await deployment.run()
        else:
            await self._serve(deployment, providers, program, callbacks, hooks)
        found = refresh.changes if refresh else {}
        kinds = executor.changes.keys() | found.keys()
        return deployment, {kind: executor.changes.get(kind, 0) + found.get(kind, 0) for kind in kinds}

    async def _import(self, plan: Plan, executor: Any, providers: Any) -> Importer:
        from local.engine.executor.importer import Importer, Place  # noqa: PLC0415

        importer = Importer(
            Place(self._stack.name, self._stack.project.name),
            plan,
            executor,
            providers,
            self._events,
            package_config=self._package_config,
            parallel=self._request.parallel,
        )
        self._interrupts.then(importer.cancel)
        await importer.run(self._request.imports, protect=self._request.protect)
        return importer

    async def _serve(
        self, deployment: Deployment, providers: Any, program: Program, callbacks: Callbacks, hooks: Hooks
    ) -> None:
        from pulumi.runtime.proto import resource_pb2  # noqa: PLC0415

        from local.engine.monitor.resource_monitor import EngineService, ResourceMonitor, serve  # noqa: PLC0415

        stack, texts = self._stack, {key: configs.text(value) for key, value in self._config.items()}
        info = resource_pb2.DeploymentInfo(
            project=stack.project.name,
            stack=stack.name,
            organization=ORGANIZATION,
            config=texts,
            configSecretKeys=self._secret_keys,
            dryRun=self._request.preview,
            parallel=self._request.parallel,
        )
        monitor = ResourceMonitor(
            deployment,
            providers,
            callbacks,
            hooks,
            folder=stack.project.program_folder,
            info=info,
            package_config=self._package_config,
        )
        engine = EngineService(self._events, deployment)
        server, address = await serve(monitor, engine)
        settings = {
            "address": address,
            "project": stack.project.name,
            "stack": stack.name,
            "organization": ORGANIZATION,
            "parallel": self._request.parallel,
            "preview": self._request.preview,
            "config": texts,
            "secret_keys": self._secret_keys,
            "debug": self._request.debug,
        }

        async def run_program() -> None:
            error = await program.run(settings)
            if error is None:  # errors that it logged are shown; they fail nothing
                deployment.program_ended()
            elif not deployment.failed:
                deployment.fail(error or "")

        running = asyncio.ensure_future(run_program())
        try:
            await deployment.run()
            if deployment.program_has_ended or not deployment.failed:
                await running
        finally:
            if self._interrupts.received:
                await program.stop()  # first: it would complain that nobody listens
            await server.stop(None if deployment.failed else 0.05)
            await program.stop()
            await asyncio.gather(running, return_exceptions=True)

    def _package_config(self, package: str) -> Properties:
        """What the stack's configuration says to a package's default provider."""
        found: Properties = {}
        for key, value in self._config.items():
            namespace, _, name = key.partition(":")
            if package == DYNAMIC:
                name = key  # dynamic providers see all of it
            elif namespace != package:
                continue
            text = configs.text(value)
            found[name] = Secret(text) if key in self._secret_keys else text
        return found
