"""Pulumi's own package: stack references and resource references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.property_value import Properties, Secret, reveal
from local.engine.providers.answer import Outcome, ProviderError
from local.engine.state import checkpoint, passphrase
from local.engine.state.backend import StackStore
from local.engine.steps.difference import Diff, structural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.state.backend import Backend
    from local.engine.state.resource_state import ResourceState

ORGANIZATION = "organization"  # of every project in a file backend
_FULL_NAME = 3  # parts of a stack's full name
_STACK_REFERENCE = "pulumi:pulumi:StackReference"


class Builtin:
    """The provider `pulumi`, in the engine's own process."""

    def __init__(self, backend: Backend, project: str, news: Mapping[str, ResourceState]) -> None:
        self._backend = backend
        self._project = project
        self._news = news

    async def check(
        self, urn: str, _olds: Properties | None, news: Properties, _seed: bytes
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Only stack references are known."""
        if _STACK_REFERENCE not in urn:
            raise UnsupportedError(f"the resource type of {urn}")
        return news, []

    async def diff(self, old: ResourceState, news: Properties, _ignore: Sequence[str]) -> Diff:
        """Another name is another reference."""
        return structural(old.inputs, news)

    async def create(self, _urn: str, inputs: Properties, *, preview: bool, seconds: float = 0) -> Outcome:
        """A stack reference is read."""
        _ = preview, seconds
        return self._reference(inputs)

    async def update(
        self,
        _old: ResourceState,
        inputs: Properties,
        _ignore: Sequence[str],
        *,
        preview: bool,
        seconds: float = 0,
    ) -> Outcome:
        """A stack reference is read again."""
        _ = preview, seconds
        return self._reference(inputs)

    async def delete(self, _old: ResourceState, *, seconds: float = 0) -> None:
        """Nothing was made."""
        _ = seconds

    async def read(self, _urn: str, _identity: str, inputs: Properties, outputs: Properties) -> Outcome:
        """A stack reference's outputs as of now."""
        return self._reference(inputs or outputs)

    async def invoke(self, function: str, arguments: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Look up another stack's outputs, or a resource of this operation."""
        if function == "pulumi:pulumi:getResource":
            urn = reveal(arguments).get("urn", "")
            state = self._news.get(urn)
            if state is None:
                raise ProviderError(f"unknown resource {urn}")
            return {"urn": urn, "id": state.id, "state": state.outputs}, []
        if function in {"pulumi:pulumi:readStackOutputs", "pulumi:pulumi:readStackReference"}:
            return self._reference(arguments).outputs, []
        raise ProviderError(f"unknown function {function}")

    def _reference(self, inputs: Properties) -> Outcome:
        name = reveal(inputs).get("name")
        if not isinstance(name, str):
            raise ProviderError("a StackReference needs a `name` that is known in the preview")
        outputs = stack_outputs(self._backend, self._project, name)
        return Outcome(
            name,
            {
                "name": name,
                "outputs": outputs,
                "secretOutputNames": sorted(
                    key for key, value in outputs.items() if isinstance(value, Secret)
                ),
            },
        )


def stack_outputs(backend: Backend, project: str, name: str) -> dict[str, Any]:
    """The outputs of a stack named `organization/PROJECT/STACK`, `organization/STACK` or `STACK`."""
    parts = name.split("/")
    stack = parts[-1] if len(parts) <= _FULL_NAME else ""
    if 1 < len(parts) <= _FULL_NAME and parts[0] != ORGANIZATION:
        raise ProviderError(f"organization name must be '{ORGANIZATION}'")
    if not stack:
        raise ProviderError("a stack name may not be empty")
    store = StackStore(backend, parts[1] if len(parts) == _FULL_NAME else project, stack)
    if not store.exists():
        raise ProviderError(f'unknown stack "{name}"')
    try:
        latest = store.read()
        salt = checkpoint.salt_of(latest)
        crypter = passphrase.open_(passphrase.from_environment(), salt) if salt else None
        deployment = checkpoint.load(latest, crypter.decrypt if crypter else str, keep=False)
    except EngineError as error:
        raise ProviderError(f'reading stack "{name}": {error}') from error
    stack = deployment.stack()
    return stack.outputs if stack else {}
