"""Pulumi's own package: stack references, stashes and resource references.

As `builtins.go` of the official engine.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError
from local.engine.property_value import Properties, equal, has_secret, reveal
from local.engine.providers.answer import UNSURE, Outcome, ProviderError
from local.engine.state import checkpoint, passphrase
from local.engine.state.backend import StackStore
from local.engine.steps.difference import Diff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.state.backend import Backend
    from local.engine.state.resource_state import ResourceState

ORGANIZATION = "organization"  # of every project in a file backend
_FULL_NAME = 3  # parts of a stack's full name
_STACK_REFERENCE = "pulumi:pulumi:StackReference"
_STASH = "pulumi:index:Stash"


class Builtin:
    """The provider `pulumi`, in the engine's own process."""

    def __init__(self, backend: Backend, project: str, news: Mapping[str, ResourceState]) -> None:
        self._backend = backend
        self._project = project
        self._news = news

    async def check(
        self, urn: str, _olds: Properties | None, news: Properties, _seed: bytes
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Stack references have a name, stashes an input."""
        kind = urns.type_of(urn)
        if kind == _STACK_REFERENCE:
            wanted = "name"
        elif kind == _STASH:
            wanted = "input"
        else:
            raise ProviderError(f"unrecognized resource type '{kind}'")
        if unknown := sorted(news.keys() - {wanted}):
            return news, [(unknown[0], f'unknown property "{unknown[0]}"')]
        if wanted not in news:
            return news, [(wanted, f'missing required property "{wanted}"')]
        return news, []

    async def diff(self, old: ResourceState, news: Properties, _ignore: Sequence[str]) -> Diff:
        """Another name is another reference; a stash takes another input."""
        key = "input" if old.type == _STASH else "name"
        if equal(old.inputs.get(key), news.get(key)):
            return Diff()
        return Diff(changes=True, changed=(key,)) if key == "input" else Diff(changes=True, replaces=(key,))

    async def create(self, urn: str, inputs: Properties, *, preview: bool, seconds: float = 0) -> Outcome:
        """A stack reference is read, a stash keeps what it was first given."""
        _ = seconds
        identity = "" if preview else str(uuid.uuid4())
        if urns.type_of(urn) == _STASH:
            return Outcome(identity, {"input": inputs["input"], "output": inputs["input"]})
        return Outcome(identity, self._reference(inputs).outputs)

    async def update(
        self,
        old: ResourceState,
        inputs: Properties,
        _ignore: Sequence[str],
        *,
        preview: bool,
        seconds: float = 0,
    ) -> Outcome:
        """What a stash was first given stays."""
        _ = preview, seconds
        if old.type != _STASH:
            raise ProviderError(f"unrecognized resource type '{old.type}'")
        return Outcome(old.id, {"input": inputs["input"], "output": old.outputs.get("output")})

    async def delete(self, _old: ResourceState, *, seconds: float = 0) -> None:
        """Nothing was made."""
        _ = seconds

    async def read(self, urn: str, identity: str, inputs: Properties, outputs: Properties) -> Outcome:
        """A stack reference's outputs as of now; a stash as it is."""
        if urns.type_of(urn) == _STASH:
            if not inputs:
                raise ProviderError("stash can not be imported")
            return Outcome(identity, outputs, inputs)
        if "name" not in inputs:
            raise ProviderError("stack reference can not be imported")
        return Outcome(identity, self._reference(inputs).outputs, inputs)

    async def invoke(
        self, function: str, arguments: Properties, *, preview: bool
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Look up another stack's outputs, or a resource of this operation."""
        _ = preview
        if function == "pulumi:pulumi:getResource":
            urn = reveal(arguments).get("urn", "")
            state = self._news.get(urn)
            if state is None:
                raise ProviderError(f"unknown resource {urn}")
            return {"urn": urn, "id": state.id, "state": state.outputs}, []
        if function == "pulumi:pulumi:readStackResourceOutputs":
            name = reveal(arguments).get("stackName", "")
            outputs = {
                state.urn: {"type": state.type, "outputs": state.outputs}
                for state in _deployment(self._backend, self._project, name).resources
                if not state.delete
            }
            return {"name": name, "outputs": outputs}, []
        if function == "pulumi:pulumi:readStackOutputs":
            return self._reference(arguments).outputs, []
        raise ProviderError(f"unrecognized function name: '{function}'")

    def _reference(self, inputs: Properties) -> Outcome:
        name = reveal(inputs).get("name")
        if not isinstance(name, str):
            raise ProviderError("a StackReference needs a `name` that is known in the preview", status=UNSURE)
        outputs = stack_outputs(self._backend, self._project, name)
        return Outcome(
            name,
            {
                "name": name,
                "outputs": outputs,
                "secretOutputNames": sorted(key for key, value in outputs.items() if has_secret(value)),
            },
        )


def stack_outputs(backend: Backend, project: str, name: str) -> dict[str, Any]:
    """The outputs of a stack."""
    stack = _deployment(backend, project, name).stack()
    return stack.outputs if stack else {}


def _deployment(backend: Backend, project: str, name: str) -> checkpoint.Deployment:
    """What a stack named `organization/PROJECT/STACK`, `organization/STACK` or `STACK` has."""
    parts = name.split("/")
    stack = parts[-1] if len(parts) <= _FULL_NAME else ""
    if 1 < len(parts) <= _FULL_NAME and parts[0] != ORGANIZATION:
        raise ProviderError(f"organization name must be '{ORGANIZATION}'", status=UNSURE)
    if not stack:
        raise ProviderError("a stack name may not be empty", status=UNSURE)
    store = StackStore(backend, parts[1] if len(parts) == _FULL_NAME else project, stack)
    if not store.exists():
        raise ProviderError(f'unknown stack "{name}"', status=UNSURE)
    try:
        latest = store.read()
        salt = checkpoint.salt_of(latest)
        crypter = passphrase.open_(passphrase.from_environment(), salt) if salt else None
        return checkpoint.load(latest, crypter.decrypt if crypter else str, keep=False)
    except EngineError as error:
        raise ProviderError(f'reading stack "{name}": {error}', status=UNSURE) from error
