"""Transforms: callbacks of the program that see each registration before the engine does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from local.engine.error import EngineError
from local.engine.providers.provider import CHANNEL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCALARS = {
    "version": "version",
    "provider": "provider",
    "plugin_download_url": "pluginDownloadURL",
    "deleted_with": "deletedWith",
    "import": "importId",
}
_LISTS = {
    "depends_on": "dependencies",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "aliases": "aliases",
    "additional_secret_outputs": "additionalSecretOutputs",
    "hide_diff": "hideDiffs",
    "replace_with": "replace_with",
}


class Transforms:
    """The callbacks that were registered: for the stack, and with a resource for what is under it."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._invokes: list[Any] = []
        self._of: dict[str, list[Any]] = {}
        self._parents: dict[str, str] = {}
        self._stubs: dict[str, Any] = {}

    def register(self, callback: Any) -> None:
        """Have a callback transform every resource."""
        self._stack.append(callback)

    def register_for_invokes(self, callback: Any) -> None:
        """Have a callback transform every invoke."""
        self._invokes.append(callback)

    def remember(self, urn: str, request: Any) -> None:
        """Note a resource's own transforms, for its children."""
        self._parents[urn] = request.parent
        if request.transforms:
            self._of[urn] = list(request.transforms)

    def _chain(self, request: Any) -> Sequence[Any]:
        callbacks = list(request.transforms)
        parent = request.parent
        while parent:
            callbacks += self._of.get(parent, [])
            parent = self._parents.get(parent, "")
        return callbacks + self._stack

    async def apply(self, request: Any) -> Any:
        """The registration after its own, its parents' and the stack's transforms."""
        callbacks = self._chain(request)
        if not callbacks:
            return request
        result = resource_pb2.RegisterResourceRequest()
        result.CopyFrom(request)
        for callback in callbacks:
            asked = resource_pb2.TransformRequest(
                type=result.type,
                name=result.name,
                custom=result.custom,
                parent=result.parent,
                properties=result.object,
                options=_options(result),
            )
            answer = resource_pb2.TransformResponse.FromString(await self._call(callback, asked))
            if answer.HasField("properties"):
                result.object.CopyFrom(answer.properties)
            if answer.HasField("options"):
                _take_options(result, answer.options)
        known = set(result.object.fields)
        for key in [key for key in result.propertyDependencies if key not in known]:
            del result.propertyDependencies[key]
        return result

    async def apply_to_invoke(self, request: Any) -> Any:
        """The invoke after the stack's invoke transforms."""
        if not self._invokes:
            return request
        result = resource_pb2.ResourceInvokeRequest()
        result.CopyFrom(request)
        for callback in self._invokes:
            asked = resource_pb2.TransformInvokeRequest(
                token=result.tok,
                args=result.args,
                options=resource_pb2.TransformInvokeOptions(
                    provider=result.provider,
                    version=result.version,
                    plugin_download_url=result.pluginDownloadURL,
                ),
            )
            answer = resource_pb2.TransformInvokeResponse.FromString(await self._call(callback, asked))
            if answer.HasField("args"):
                result.args.CopyFrom(answer.args)
            if answer.HasField("options"):
                result.provider = answer.options.provider
                result.version = answer.options.version
        return result

    async def _call(self, callback: Any, request: Any) -> bytes:
        stub = self._stubs.get(callback.target)
        if stub is None:
            channel = grpc.aio.insecure_channel(callback.target, options=CHANNEL_OPTIONS)
            stub = self._stubs[callback.target] = callback_pb2_grpc.CallbacksStub(channel)
        try:
            answer = await stub.Invoke(
                callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
            )
        except grpc.aio.AioRpcError as error:
            raise EngineError(f"a transform failed: {error.details()}") from error
        return answer.response


def _options(request: Any) -> resource_pb2.TransformResourceOptions:
    options = resource_pb2.TransformResourceOptions()
    for name, field in _SCALARS.items():
        setattr(options, name, getattr(request, field))
    for name, field in _LISTS.items():
        getattr(options, name).extend(getattr(request, field))
    if request.HasField("protect"):
        options.protect = request.protect
    if request.HasField("retainOnDelete"):
        options.retain_on_delete = request.retainOnDelete
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    if request.HasField("replacement_trigger"):
        options.replacement_trigger.CopyFrom(request.replacement_trigger)
    options.providers.update(request.providers)
    return options


def _take_options(request: Any, options: Any) -> None:
    for name, field in _SCALARS.items():
        setattr(request, field, getattr(options, name))
    for name, field in _LISTS.items():
        del getattr(request, field)[:]
        getattr(request, field).extend(getattr(options, name))
    for name, field in (("protect", "protect"), ("retain_on_delete", "retainOnDelete")):
        if options.HasField(name):
            setattr(request, field, getattr(options, name))
        else:
            request.ClearField(field)
    request.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    request.deleteBeforeReplace = options.delete_before_replace
    if options.HasField("custom_timeouts"):
        request.customTimeouts.CopyFrom(options.custom_timeouts)
    if options.HasField("replacement_trigger"):
        request.replacement_trigger.CopyFrom(options.replacement_trigger)
    request.providers.clear()
    request.providers.update(options.providers)
