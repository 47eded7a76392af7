"""Transforms: callbacks of the program that see each registration before the engine does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import resource_pb2

from local.engine.error import EngineError
from local.engine.monitor.callback import CallbackError
from local.engine.property_value import Output, Secret, decode, dependencies_in, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.monitor.callback import Callbacks
    from local.engine.property_value import Properties

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

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._stack: list[Any] = []
        self._invokes: list[Any] = []
        self._of: dict[str, list[Any]] = {}
        self._parents: dict[str, str] = {}

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
        own = bool(request.transforms)
        if own:
            result.object.CopyFrom(encode(_with_dependencies(request)))
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
        _take_dependencies(result, request, own=own)
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
        try:
            return await self._callbacks.call(callback, request)
        except CallbackError as error:
            raise EngineError(f"invoke transform: rpc error: code = Unknown desc = {error}") from error


def _with_dependencies(request: Any) -> Properties:
    """A registration's properties, each as an output that knows what it depends on, so that transforms keep it."""
    named = request.propertyDependencies
    return {
        key: _upgraded(value, set(named[key].urns if key in named else () if named else request.dependencies))
        for key, value in decode(request.object).items()
    }


def _upgraded(value: Any, dependencies: set[str]) -> Any:
    if dependencies <= dependencies_in(value):
        return value
    if isinstance(value, Output):
        return Output(value.value, value.secret, tuple(sorted({*value.dependencies, *dependencies})))
    secret = isinstance(value, Secret)
    return Output(value.value if secret else value, secret, tuple(sorted(dependencies)))


def _take_dependencies(result: Any, request: Any, *, own: bool) -> None:
    """Have the transformed registration depend on what its outputs come from.

    What a resource depends on changes with its own transforms only, not with its parents' and the stack's; their outputs
    count for the properties alone. As in source_eval.go of the official engine.
    """
    found = {key: dependencies_in(value) for key, value in decode(result.object).items()}
    if own:
        whole = {*result.dependencies}.union(*found.values())
        for key in list(result.propertyDependencies):
            del result.propertyDependencies[key]
    else:
        whole = {*request.dependencies}
    del result.dependencies[:]
    result.dependencies.extend(sorted(whole))
    for key, urns in found.items():
        entry = result.propertyDependencies[key].urns
        both = sorted({*entry, *urns})
        del entry[:]
        entry.extend(both)


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
    if request.HasField("hooks"):
        options.hooks.CopyFrom(request.hooks)
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
    request.hooks.CopyFrom(options.hooks)
    request.providers.clear()
    request.providers.update(options.providers)
