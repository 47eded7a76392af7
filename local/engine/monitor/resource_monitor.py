"""The gRPC services a program talks to: ResourceMonitor and Engine. Translation only; decisions are the plan's.

A little over 400 lines: the two services of the protocol that a program talks to, a method for each of its calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    alias_pb2,
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from local.engine import urn as urns
from local.engine.error import EngineError, UnsupportedError
from local.engine.executor.registered import CancelledRegistrationError
from local.engine.monitor.hook import bindings_of
from local.engine.monitor.transform import Transforms
from local.engine.property_value import decode, decode_value, encode, flatten
from local.engine.providers.answer import ProviderError
from local.engine.providers.host import DYNAMIC, refuse
from local.engine.providers.provider import CHANNEL_OPTIONS
from local.engine.steps.goal import Alias, Goal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.engine.display.events import Stream
    from local.engine.executor.deployment import Deployment
    from local.engine.executor.registered import Registered
    from local.engine.monitor.callback import Callbacks
    from local.engine.monitor.hook import Hooks
    from local.engine.property_value import Properties
    from local.engine.providers.registry import ProviderRegistry

_FEATURES = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "outputValues": resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "replacementTrigger": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "replaceWith": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    "transforms": resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    "invokeTransforms": resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    "resourceHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    "errorHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
}
_SEVERITIES = ("debug", "info", "warning", "error")
_SHUT_DOWN = "resource monitor shut down"


class ResourceMonitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Answers what a program registers, reads and invokes."""

    def __init__(
        self,
        deployment: Deployment,
        providers: ProviderRegistry,
        callbacks: Callbacks,
        hooks: Hooks,
        *,
        folder: Path,
        info: resource_pb2.DeploymentInfo,
        package_config: Callable[[str], Properties],
    ) -> None:
        self._deployment = deployment
        self._providers = providers
        self._info = info
        self._info.supportedFeatures.extend(_FEATURES.values())
        self._folder = folder
        self._package_config = package_config
        self._transforms = Transforms(callbacks)
        self._hooks = hooks
        self._tried: set[str] = set()

    async def GetDeploymentInfo(self, request: Any, context: Any) -> resource_pb2.DeploymentInfo:  # noqa: N802
        """What is deployed and what this engine can do."""
        _ = request, context
        return self._info

    async def SupportsFeature(self, request: Any, context: Any) -> resource_pb2.SupportsFeatureResponse:  # noqa: N802
        """Whether a feature is supported."""
        _ = context
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    async def RegisterResource(self, request: Any, context: Any) -> resource_pb2.RegisterResourceResponse:  # noqa: N802
        """Have a resource be what the program says."""
        if request.remote:
            await self._refuse(
                context, f"the component '{request.type}' of another package (a remote component)"
            )
        if request.packageRef:
            await self._refuse(context, f"the parameterized package of '{request.type}'")
        request, goal = await self._transformed(request, context)
        try:
            if request.custom and not urns.is_provider(request.type) and not goal.provider:
                reference = await self._default_provider(urns.package_of(request.type), request.version)
                goal = _with_provider(goal, reference)
            elif urns.is_provider(request.type):
                refuse(urns.package_of(request.type))
                goal = _provider_goal(goal, request)
            registered = await self._deployment.register(goal)
        except CancelledRegistrationError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except ValueError as error:  # the program's to handle, as an exception
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise
        except (EngineError, ProviderError) as error:
            self._deployment.fail(str(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        self._transforms.remember(registered.state.urn, request)
        return _registered(registered)

    async def _transformed(self, request: Any, context: Any) -> tuple[Any, Goal]:
        """A registration after its transforms, and its goal; the program is told what is wrong with it."""
        try:
            transformed = await self._transforms.apply(request)
            return transformed, goal_of(transformed, self._folder)
        except UnsupportedError as error:
            self._deployment.fail(str(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except EngineError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise

    async def ReadResource(self, request: Any, context: Any) -> resource_pb2.ReadResourceResponse:  # noqa: N802
        """Read a resource the stack doesn't manage."""
        try:
            reference = request.provider or await self._default_provider(
                urns.package_of(request.type), request.version
            )
            goal = Goal(
                type=request.type,
                name=request.name,
                custom=True,
                inputs=flatten(decode(request.properties), self._folder),
                parent=request.parent,
                dependencies=tuple(request.dependencies),
                provider=reference,
                additional_secret_outputs=tuple(request.additionalSecretOutputs),
            )
            read = await self._deployment.read(goal, request.id)
        except CancelledRegistrationError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except (EngineError, ProviderError) as error:
            self._deployment.fail(str(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        return resource_pb2.ReadResourceResponse(urn=read.state.urn, properties=encode(read.state.outputs))

    async def RegisterResourceOutputs(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Give a component its outputs."""
        try:
            await self._deployment.outputs(request.urn, flatten(decode(request.outputs), self._folder))
        except CancelledRegistrationError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
        return empty_pb2.Empty()

    async def Invoke(self, request: Any, context: Any) -> resource_pb2.ResourceInvokeResponse:  # noqa: N802
        """Call a provider's function."""
        if request.packageRef:
            await self._refuse(context, f"the parameterized package of '{request.tok}'")
        try:
            request = await self._transforms.apply_to_invoke(request)
            reference = request.provider or await self._default_provider(
                urns.package_of(request.tok), request.version
            )
            provider = await self._providers.get(reference)
            result, failures = await provider.invoke(request.tok, flatten(decode(request.args)))
        except CancelledRegistrationError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except (EngineError, ProviderError) as error:
            await context.abort(
                grpc.StatusCode.UNKNOWN, f"invocation of {request.tok} returned an error: {error}"
            )
            raise
        response = resource_pb2.ResourceInvokeResponse(
            failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures]
        )
        getattr(response, "return").CopyFrom(encode(result))
        return response

    async def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Methods of remote components."""
        await self._refuse(context, f"the method call '{request.tok}'")

    async def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Parameterized packages."""
        await self._refuse(
            context, f"the parameterized package '{request.parameterization.name or request.name}'"
        )

    async def RegisterStackTransform(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Have a callback transform every resource."""
        _ = context
        self._transforms.register(request)
        return empty_pb2.Empty()

    async def RegisterStackInvokeTransform(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Have a callback transform every invoke."""
        _ = context
        self._transforms.register_for_invokes(request)
        return empty_pb2.Empty()

    async def RegisterResourceHook(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Take a function of the program that runs around what is done to resources."""
        return await self._taken(self._hooks.register, request, context)

    async def RegisterErrorHook(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Take a function of the program that says whether a failed operation is tried again."""
        return await self._taken(self._hooks.register_error_hook, request, context)

    @staticmethod
    async def _taken(register: Callable[[Any], None], request: Any, context: Any) -> empty_pb2.Empty:
        try:
            register(request)
        except EngineError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    async def SignalAndWaitForShutdown(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """The program has nothing more to register; it stays for the hooks of what is deleted now."""
        _ = request, context
        self._deployment.program_ended()
        await self._deployment.ended.wait()
        return empty_pb2.Empty()

    async def _default_provider(self, package: str, version: str) -> str:
        refuse(package)
        inputs = dict(self._package_config(package))
        version = version.removeprefix("v")
        if version and package != DYNAMIC:
            inputs["version"] = version
        return await self._deployment.default_provider(package, version, inputs)

    async def _refuse(self, context: Any, what: str) -> None:
        message = f"{what} is not supported by the embedded engine; use the official Pulumi CLI for it"
        self._deployment.fail(message)
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)


class EngineService(engine_pb2_grpc.EngineServicer):
    """Takes what a program logs."""

    def __init__(self, events: Stream, deployment: Deployment) -> None:
        self._events = events
        self._deployment = deployment
        self._root = ""

    async def Log(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Show a message of the program."""
        _ = context
        severity = _SEVERITIES[request.severity]
        # What a program says about an engine that has stopped answering explains nothing.
        gone = severity == "error" and "Resource monitor has terminated" in request.message
        if gone and self._deployment.failed:
            return empty_pb2.Empty()
        self._events.diagnose(
            severity,
            request.message,
            urn=request.urn,
            ephemeral=request.ephemeral,
            stream=request.streamId,
        )
        return empty_pb2.Empty()

    async def GetRootResource(self, request: Any, context: Any) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        """The stack's URN."""
        _ = request, context
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    async def SetRootResource(self, request: Any, context: Any) -> engine_pb2.SetRootResourceResponse:  # noqa: N802
        """Remember the stack's URN."""
        _ = context
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    async def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Any version will do: what isn't supported is refused where it is used."""
        _ = request, context
        return engine_pb2.RequirePulumiVersionResponse()


async def serve(monitor: ResourceMonitor, engine: EngineService) -> tuple[grpc.aio.Server, str]:
    """A server on loopback with both services, and its address."""
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


def goal_of(request: Any, folder: Path) -> Goal:
    """A registration as a goal; raises EngineError if an asset can't be read or an option isn't understood."""
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        inputs=_inputs(request, folder),
        parent=request.parent,
        protect=request.protect if request.HasField("protect") else None,
        dependencies=tuple(request.dependencies),
        property_dependencies={
            key: list(deps.urns) for key, deps in sorted(request.propertyDependencies.items())
        },
        provider=request.provider,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=tuple(request.ignoreChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=tuple(_alias(alias) for alias in request.aliases)
        + tuple(Alias(urn=urn) for urn in request.aliasURNs),
        import_id=request.importId,
        custom_timeouts=_timeouts(request.customTimeouts),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        replace_on_changes=tuple(request.replaceOnChanges),
        replacement_trigger=flatten(decode_value(request.replacement_trigger))
        if request.HasField("replacement_trigger")
        else None,
        hide_diff=tuple(request.hideDiffs),
        resource_hooks=bindings_of(request.hooks),
    )


def _inputs(request: Any, folder: Path) -> Properties:
    try:
        return flatten(decode(request.object), folder)
    except UnsupportedError:
        raise
    except EngineError as error:
        raise EngineError(f"unmarshal properties: {error}") from error


def _with_provider(goal: Goal, reference: str) -> Goal:
    from dataclasses import replace  # noqa: PLC0415

    return replace(goal, provider=reference)


def _provider_goal(goal: Goal, request: Any) -> Goal:
    """A declared provider: its version is among its inputs."""
    from dataclasses import replace  # noqa: PLC0415

    inputs = dict(goal.inputs)
    if request.version and "version" not in inputs:
        inputs["version"] = request.version.removeprefix("v")
    if request.pluginDownloadURL:
        inputs["pluginDownloadURL"] = request.pluginDownloadURL
    return replace(goal, inputs=inputs)


def _alias(alias: alias_pb2.Alias) -> Alias:
    if alias.WhichOneof("alias") == "urn":
        return Alias(urn=alias.urn)
    spec = alias.spec
    parent = spec.parentUrn or ("" if spec.noParent else None)
    return Alias(
        name=spec.name or None,
        type=spec.type or None,
        stack=spec.stack or None,
        project=spec.project or None,
        parent=parent,
    )


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A Go duration such as `1h30m` in seconds; raises ValueError if it isn't one."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"unable to parse customTimeout Value {duration}")
    total = float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    return int(total) if total.is_integer() else total


def _timeouts(timeouts: Any) -> dict[str, float]:
    pairs = {name: getattr(timeouts, name) for name in ("create", "update", "delete", "read")}
    return {name: seconds(text) for name, text in pairs.items() if text}


def _registered(registered: Registered) -> resource_pb2.RegisterResourceResponse:
    state = registered.state
    return resource_pb2.RegisterResourceResponse(
        urn=state.urn,
        id=state.id,
        object=encode(state.outputs if state.custom else state.inputs),
        stables=registered.stables,
        unknown=registered.unknown,
        result=registered.result,  # pyright: ignore[reportArgumentType] - protobuf enums are ints
    )
