"""One running provider: its gRPC calls with the values it understands."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.engine import urn as urns
from local.engine.property_value import Properties, annotate, decode, encode
from local.engine.providers.answer import UNSURE, UNTOUCHED, Outcome, ProviderError
from local.engine.providers.request import configuration
from local.engine.steps.difference import Diff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf import struct_pb2

    from local.engine.state.resource_state import ResourceState

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
]
# The number of the operation that calls are made for (`Snapshot.begin`): providers record under it what comes of them.
operation: ContextVar[int] = ContextVar("operation", default=0)
_OPERATION = "pulumi-operation"  # as `leash.py` has it
_RECORDED = frozenset({"Create", "Update", "Delete"})
_KINDS = ("add", "add-replace", "delete", "delete-replace", "update", "update-replace")


class Provider:
    """The client of a provider process."""

    def __init__(self, package: str, address: str) -> None:
        self.package = package
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._accepts_secrets = False
        self._accepts_resources = False
        self._accepts_outputs = False
        self._supports_preview = False

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def _call(self, method: str, request: Any) -> Any:
        number = operation.get()
        metadata = ((_OPERATION, str(number)),) if number and method in _RECORDED else None
        try:
            return await getattr(self._stub, method)(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise ProviderError(
                    f"the provider '{self.package}' has stopped: {error.details()}"
                ) from error
            raise

    async def _required(self, method: str, request: Any) -> Any:
        try:
            return await self._call(method, request)
        except grpc.aio.AioRpcError as error:
            status = _status(error) if method == "Delete" else UNTOUCHED
            raise ProviderError(error.details() or error.code().name, status=status) from error

    def _wire(self, properties: Properties) -> struct_pb2.Struct:
        return encode(properties, secrets=self._accepts_secrets, references=self._accepts_resources)

    def _outputs(self, struct: struct_pb2.Struct, inputs: Properties) -> Properties:
        outputs = decode(struct)
        return outputs if self._accepts_secrets else annotate(outputs, inputs)

    async def version(self) -> str:
        """The version the provider says it has."""
        from google.protobuf import empty_pb2  # noqa: PLC0415

        return (await self._required("GetPluginInfo", empty_pb2.Empty())).version

    async def check_config(
        self, urn: str, olds: Properties, news: Properties
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """The provider's own inputs, validated; what is wrong with them as (property, reason)."""
        request = provider_pb2.CheckRequest(
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            olds=encode(olds, secrets=False, references=False),
            news=encode(news, secrets=False, references=False),
        )
        try:
            response = await self._call("CheckConfig", request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return news, []
            raise ProviderError(error.details() or error.code().name) from error
        failures = [(failure.property, failure.reason) for failure in response.failures]
        return (annotate(decode(response.inputs), news) if response.HasField("inputs") else news), failures

    async def diff_config(self, urn: str, old: ResourceState, news: Properties) -> Diff:
        """What a change of the provider's configuration means."""
        request = provider_pb2.DiffRequest(
            urn=urn,
            name=urns.name_of(urn),
            type=urns.type_of(urn),
            olds=encode(configuration(old.outputs), secrets=False, references=False),
            news=encode(news, secrets=False, references=False),
            old_inputs=encode(configuration(old.inputs), secrets=False, references=False),
        )
        try:
            response = await self._call("DiffConfig", request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return Diff(changes=None)
            raise ProviderError(error.details() or error.code().name) from error
        return _diff(response)

    async def configure(self, inputs: Properties, *, urn: str = "", identity: str = "") -> None:
        """Hand over the configuration; learn what the provider understands."""
        from local.engine.property_value import reveal  # noqa: PLC0415
        from local.engine.workspace.config import text  # noqa: PLC0415 - only for the old form of the request

        plain = reveal(inputs)
        variables = {
            key if ":" in key else f"{self.package}:config:{key}": text(value)
            for key, value in plain.items()
            if key != "version"
        }
        response = await self._required(
            "Configure",
            provider_pb2.ConfigureRequest(
                variables=variables,
                args=encode(inputs),
                acceptSecrets=True,
                acceptResources=True,
                sends_old_inputs=True,
                sends_old_inputs_to_delete=True,
                urn=urn or None,
                name=urns.name_of(urn) if urn else None,
                type=urns.type_of(urn) if urn else None,
                id=identity or None,
            ),
        )
        self._accepts_secrets = response.acceptSecrets
        self._accepts_resources = response.acceptResources
        self._accepts_outputs = response.acceptOutputs
        self._supports_preview = response.supportsPreview

    async def check(
        self, urn: str, olds: Properties | None, news: Properties, seed: bytes
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """The resource's inputs with defaults; what is wrong with them as (property, reason)."""
        request = provider_pb2.CheckRequest(
            urn=urn,
            name=urn.split("::", 3)[3],
            type=urn.split("::", 3)[2].rsplit("$", 1)[-1],
            olds=self._wire(olds or {}),
            news=self._wire(news),
            randomSeed=seed,
        )
        response = await self._required("Check", request)
        failures = [(failure.property, failure.reason) for failure in response.failures]
        return self._outputs(response.inputs, news), failures

    async def diff(self, old: ResourceState, news: Properties, ignore_changes: Sequence[str]) -> Diff:
        """The difference between a resource and its new inputs."""
        request = provider_pb2.DiffRequest(
            urn=old.urn,
            name=old.name,
            type=old.type,
            id=old.id,
            olds=self._wire(old.outputs),
            news=self._wire(news),
            old_inputs=self._wire(old.inputs),
            ignoreChanges=ignore_changes,
        )
        return _diff(await self._required("Diff", request))

    async def create(self, urn: str, inputs: Properties, *, preview: bool, seconds: float = 0) -> Outcome:
        """Make a resource; in a preview, what it would look like."""
        if preview and not self._supports_preview:
            return Outcome(outputs=inputs)
        request = provider_pb2.CreateRequest(
            urn=urn,
            name=urn.split("::", 3)[3],
            type=urn.split("::", 3)[2].rsplit("$", 1)[-1],
            properties=self._wire(inputs),
            timeout=seconds,
            preview=preview,
        )
        try:
            response = await self._call("Create", request)
        except grpc.aio.AioRpcError as error:
            return self._partial(error, inputs, UNTOUCHED)
        if not response.id and not preview:
            raise ProviderError(f"plugin returned empty resource.ID from create '{urn}'")
        return Outcome(response.id, self._outputs(response.properties, inputs))

    async def update(
        self,
        old: ResourceState,
        inputs: Properties,
        ignore_changes: Sequence[str],
        *,
        preview: bool,
        seconds: float = 0,
    ) -> Outcome:
        """Change a resource; in a preview, what it would look like."""
        if preview and not self._supports_preview:
            return Outcome(old.id, inputs)
        request = provider_pb2.UpdateRequest(
            urn=old.urn,
            name=old.name,
            type=old.type,
            id=old.id,
            olds=self._wire(old.outputs),
            news=self._wire(inputs),
            old_inputs=self._wire(old.inputs),
            ignoreChanges=ignore_changes,
            timeout=seconds,
            preview=preview,
        )
        try:
            response = await self._call("Update", request)
        except grpc.aio.AioRpcError as error:
            return self._partial(error, inputs)
        return Outcome(old.id, self._outputs(response.properties, inputs))

    async def delete(self, old: ResourceState, *, seconds: float = 0) -> None:
        """Remove a resource."""
        await self._required(
            "Delete",
            provider_pb2.DeleteRequest(
                urn=old.urn,
                name=old.name,
                type=old.type,
                id=old.id,
                properties=self._wire(old.outputs),
                old_inputs=self._wire(old.inputs),
                timeout=seconds,
            ),
        )

    async def read(self, urn: str, identity: str, inputs: Properties, outputs: Properties) -> Outcome:
        """What a resource looks like now; an empty id if it is gone."""
        request = provider_pb2.ReadRequest(
            urn=urn,
            name=urn.split("::", 3)[3],
            type=urn.split("::", 3)[2].rsplit("$", 1)[-1],
            id=identity,
            inputs=self._wire(inputs),
            properties=self._wire(outputs),
        )
        try:
            response = await self._call("Read", request)
        except grpc.aio.AioRpcError as error:
            return self._partial(error, inputs)
        read_inputs = self._outputs(response.inputs, inputs) if response.HasField("inputs") else None
        return Outcome(
            response.id,
            self._outputs(response.properties, inputs),
            read_inputs,
            answered=response.HasField("properties"),
        )

    async def invoke(
        self, token: str, arguments: Properties, *, preview: bool
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Call a function of the provider."""
        response = await self._required(
            "Invoke", provider_pb2.InvokeRequest(tok=token, args=self._wire(arguments), preview=preview)
        )
        failures = [(failure.property, failure.reason) for failure in response.failures]
        return decode(getattr(response, "return")), failures

    def _partial(self, error: grpc.aio.AioRpcError, inputs: Properties, status: int | None = None) -> Outcome:
        """The outcome of an operation that failed after the resource was there; other errors are raised."""
        detail = _initialization_error(error)
        if detail is None:
            status = _status(error) if status is None else status
            raise ProviderError(error.details() or error.code().name, status=status) from error
        return Outcome(
            detail.id,
            self._outputs(detail.properties, inputs),
            decode(detail.inputs) if detail.HasField("inputs") else None,
            tuple(detail.reasons) or (error.details() or "initialization failed",),
        )


def _status(error: grpc.aio.AioRpcError) -> int:
    """What is known of a resource after an error; as `resourceStateAndError` of the official engine."""
    codes = grpc.StatusCode
    return UNSURE if error.code() in {codes.INTERNAL, codes.DATA_LOSS, codes.UNKNOWN} else UNTOUCHED


def _initialization_error(error: grpc.aio.AioRpcError) -> Any:
    """The ErrorResourceInitFailed in an error's details, if there is one."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return initialization_error(cast("bytes", value))
    return None


def initialization_error(details: bytes) -> Any:
    """The ErrorResourceInitFailed in what gRPC sends as `grpc-status-details-bin`, if there is one."""
    from pulumi.runtime.proto import status_pb2  # noqa: PLC0415

    status = status_pb2.Status.FromString(details)  # pyright: ignore[reportAttributeAccessIssue]
    for detail in status.details:
        failed = provider_pb2.ErrorResourceInitFailed()
        if detail.Is(failed.DESCRIPTOR):
            detail.Unpack(failed)
            return failed
    return None


def _diff(response: provider_pb2.DiffResponse) -> Diff:
    changes = {
        provider_pb2.DiffResponse.DIFF_NONE: False,
        provider_pb2.DiffResponse.DIFF_SOME: True,
    }.get(response.changes)
    return Diff(
        changes=changes,
        replaces=tuple(response.replaces),
        stables=tuple(response.stables),
        changed=tuple(response.diffs),
        delete_before_replace=response.deleteBeforeReplace,
        detailed={
            path: {"diffKind": _KINDS[entry.kind], "inputDiff": entry.inputDiff}
            for path, entry in response.detailedDiff.items()
        },
    )
