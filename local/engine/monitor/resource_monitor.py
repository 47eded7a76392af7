"""The gRPC services a program talks to: ResourceMonitor and Engine. Translation only; decisions are the plan's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from local.engine import urn as urns
from local.engine.error import EngineError, UnsupportedError
from local.engine.executor.registered import CancelledRegistrationError
from local.engine.monitor.registration import goal_of, provider_goal
from local.engine.monitor.transform import Transforms
from local.engine.property_value import decode, encode, flatten
from local.engine.providers import request as requests
from local.engine.providers.answer import ProviderError
from local.engine.providers.host import refuse
from local.engine.providers.provider import CHANNEL_OPTIONS
from local.engine.steps.goal import Goal

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
                goal = replace(goal, provider=await self._default_provider_of(request))
            elif urns.is_provider(request.type):
                refuse(urns.package_of(request.type))
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
            goal = goal_of(transformed, self._folder)
            return transformed, provider_goal(goal, transformed) if urns.is_provider(goal.type) else goal
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
            reference = request.provider or await self._default_provider(request, request.type)
            if requests.denied_package(reference):
                raise ValueError(requests.denial(request.type, request.type))
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
        except ValueError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
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
            reference = request.provider or await self._default_provider(request, request.tok)
            if package := requests.denied_package(reference):
                raise ValueError(f"Invoke: {requests.denial(package, request.tok)}")
            provider = await self._providers.get(reference)
            result, failures = await provider.invoke(
                request.tok, flatten(decode(request.args)), preview=self._info.dryRun
            )
        except CancelledRegistrationError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except ValueError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
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

    async def _default_provider_of(self, request: Any) -> str:
        try:
            return await self._default_provider(request, request.type)
        except ValueError as error:
            raise ValueError(f"parse provider request: {error}") from error

    async def _default_provider(self, request: Any, token: str) -> str:
        """The provider of what names none; raises ValueError for what is no version."""
        package = urns.package_of(token)
        refuse(package)
        wanted = requests.request(package, request.version, request.pluginDownloadURL)
        if requests.is_disabled(package, self._package_config("pulumi")):
            return requests.denied_reference(package)
        return await self._deployment.default_provider(wanted, self._package_config(package))

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
