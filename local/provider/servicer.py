"""Pulumi's resource provider protocol: transport only, each call is a line or two of ``resource`` and ``diff``."""

from __future__ import annotations

import functools
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.provider.arm_client import ArmRequestError
from local.provider.check import API_VERSION
from local.provider.configuration import Configuration, ConfigurationError
from local.provider.credential import SignInError
from local.provider.diff import Change, difference
from local.provider.facts import Facts, UnsupportedTypeError
from local.provider.function import Functions
from local.provider.names import Autonaming, Mode, token_of
from local.provider.properties import PropertyError, from_struct, plain, to_struct
from local.provider.resource import ExistsError, InitError, Resources
from local.provider.schema import schema
from local.provider.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
R = TypeVar("R")

_EXPECTED = (
    ArmRequestError,
    ConfigurationError,
    ExistsError,
    PropertyError,
    SignInError,
    UnsupportedTypeError,
    WireError,
)
_DIFF = provider_pb2.DiffResponse


def _answering(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Expected errors become one line for the user; a failed initialization carries the resource's state."""

    @functools.wraps(method)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = args[1]
        context: Any = args[2]
        try:
            return await method(*args, **kwargs)
        except InitError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, error.reason, _init_failed(error, request))
        except _EXPECTED as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        raise AssertionError  # abort raises

    return answer


def _init_failed(error: InitError, request: Any) -> tuple[tuple[str, bytes], ...]:
    if isinstance(request, provider_pb2.CreateRequest):
        inputs = request.properties
    else:
        inputs = request.inputs if isinstance(request, provider_pb2.ReadRequest) else request.news
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=to_struct(error.outputs), reasons=[error.reason], inputs=inputs
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=error.reason)
    status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The protocol's methods. What isn't here answers ``UNIMPLEMENTED``."""

    def __init__(self) -> None:
        self._facts = Facts.load()
        self._resources: Resources | None = None
        self._functions: Functions | None = None

    @property
    def resources(self) -> Resources:
        """What ``Configure`` made."""
        if self._resources is None:
            raise ConfigurationError("azure-native was asked for a resource before it was configured.")
        return self._resources

    async def close(self) -> None:
        """Closes the connections to local Azure."""
        if self._resources is not None:
            await self._resources.client.close()

    async def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:  # noqa: ARG002, N802
        """What this provider understands."""
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, supports_autonaming_configuration=True
        )

    async def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        """The engine's address, which isn't needed."""
        return empty_pb2.Empty()

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: ARG002, N802
        """The version of azure-native whose SDK the table was made from."""
        return plugin_pb2.PluginInfo(version=version("pulumi-azure-native"))

    async def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:  # noqa: ARG002, N802
        """Resource types and nested types, for ``pulumi import`` to write programs."""
        found = schema(self._facts, version("pulumi-azure-native"))
        return provider_pb2.GetSchemaResponse(schema=json.dumps(found))

    async def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: ARG002, N802
        """Takes the configuration as it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: ARG002, N802
        """A changed configuration never replaces resources."""
        return _DIFF(changes=_DIFF.DIFF_UNKNOWN)

    @_answering
    async def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:  # noqa: ARG002, N802
        """Connects, if there is a local Azure to connect to."""
        values = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        configuration = Configuration.read(values | plain(from_struct(request.args)))
        client = await configuration.connect()
        await self.close()
        subscription = configuration.subscription_id
        self._resources = Resources(self._facts, client, subscription, configuration.location)
        self._functions = Functions(self._facts, client, configuration.credential, subscription)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_answering
    async def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:  # noqa: ARG002, N802
        """Runs a function."""
        if self._functions is None:
            raise ConfigurationError(f"azure-native was asked for {request.tok} before it was configured.")
        result = await self._functions.invoke(request.tok, plain(from_struct(request.args)))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))
        return response

    @_answering
    async def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: ARG002, N802
        """Fills in defaults and validates."""
        naming = request.autonaming if request.HasField("autonaming") else None
        inputs, failures = await self.resources.check(
            self._facts.resource(token_of(request.urn)),
            from_struct(request.news),
            plain(from_struct(request.olds)),
            urn=request.urn,
            seed=request.randomSeed,
            autonaming=Autonaming(naming.proposed_name, Mode(naming.mode)) if naming is not None else None,
        )
        found = [provider_pb2.CheckFailure(property="", reason=f.reason) for f in failures]
        return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=found)

    @_answering
    async def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: ARG002, N802
        """Compares old and new inputs."""
        state = from_struct(request.olds)
        olds = from_struct(request.old_inputs)
        if API_VERSION in state:
            olds.setdefault(API_VERSION, state[API_VERSION])
        fact = self._facts.resource(token_of(request.urn))
        found = difference(fact, olds, from_struct(request.news), state, request.ignoreChanges)
        return _DIFF(
            changes=_DIFF.DIFF_SOME if found.changes else _DIFF.DIFF_NONE,
            replaces=found.replaces,
            deleteBeforeReplace=bool(found.replaces) and found.delete_before_replace,
            diffs=found.changed,
            detailedDiff={c.path: _property_diff(c) for c in found.changes},
            hasDetailedDiff=True,
        )

    @_answering
    async def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:  # noqa: ARG002, N802
        """Creates, or previews it."""
        fact = self._facts.resource(token_of(request.urn))
        inputs = from_struct(request.properties)
        if request.preview:
            outputs = self.resources.preview_create(fact, inputs)
            return provider_pb2.CreateResponse(properties=to_struct(outputs))
        resource_id, outputs = await self.resources.create(fact, inputs, request.timeout)
        return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(outputs))

    @_answering
    async def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:  # noqa: ARG002, N802
        """Reads, for refresh, import and get; without an id, what an interrupted create of the inputs made."""
        fact = self._facts.resource(token_of(request.urn))
        inputs, state = from_struct(request.inputs), from_struct(request.properties)
        if not request.id:
            made = await self.resources.recover(fact, inputs)
            if made is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(id=made[0], properties=to_struct(made[1]), inputs=request.inputs)
        found = await self.resources.read(fact, request.id, inputs, state)
        if found is None:
            return provider_pb2.ReadResponse()
        outputs, new_inputs = found
        return provider_pb2.ReadResponse(
            id=request.id, properties=to_struct(outputs), inputs=to_struct(new_inputs)
        )

    @_answering
    async def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:  # noqa: ARG002, N802
        """Updates, or previews it."""
        fact = self._facts.resource(token_of(request.urn))
        inputs, state = from_struct(request.news), from_struct(request.olds)
        if request.preview:
            return _updated(self.resources.preview_update(fact, inputs, state))
        return _updated(await self.resources.update(fact, request.id, inputs, state, request.timeout))

    @_answering
    async def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        """Deletes."""
        fact = self._facts.resource(token_of(request.urn))
        await self.resources.delete(fact, request.id, from_struct(request.old_inputs), request.timeout)
        return empty_pb2.Empty()

    async def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        """Stops waiting for long-running operations; what Azure began is reported as not initialized."""
        if self._resources is not None:
            self._resources.cancelled.set()
        return empty_pb2.Empty()


def _updated(outputs: dict[str, Any]) -> provider_pb2.UpdateResponse:
    return provider_pb2.UpdateResponse(properties=to_struct(outputs))


def _property_diff(change: Change) -> provider_pb2.PropertyDiff:
    kind = change.kind.value + ("_REPLACE" if change.replaces else "")
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(kind), inputDiff=True)
