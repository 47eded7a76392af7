"""The random suffix of a platform's names, made once per stack and kept in its state.

Workspaces, vaults and accounts keep their names for days after they were deleted, and share them with the world:
a platform that is destroyed and made again must not meet itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from infra.names import SUFFIX_ALPHABET, SUFFIX_LENGTH

if TYPE_CHECKING:
    import pulumi


class SuffixProvider(ResourceProvider):
    """Makes the suffix. The state names this class: it must stay importable here."""

    # The serialized provider is the name of a class: nothing to encrypt.
    serialize_as_secret_always = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Takes the suffix that the stack fixes, else draws one; nothing exists yet that could be left behind."""
        fixed = props.get("fixed")
        value = fixed or "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
        return CreateResult(value, {"fixed": fixed, "value": value})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another suffix only where the stack fixes another one; then everything named after it is replaced."""
        fixed = _news.get("fixed")
        moved = fixed is not None and fixed != _olds.get("value")
        return DiffResult(changes=moved, replaces=["fixed"] if moved else [])


class Suffix(Resource, module="infra", name="Suffix"):
    """Six lowercase letters and digits.

    Args:
        name: the resource's name.
        fixed: the suffix to take instead of a random one, to take up a platform whose state was lost.
        opts: the usual options.
    """

    value: pulumi.Output[str]

    def __init__(
        self, name: str, *, fixed: str | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(SuffixProvider(), name, {"fixed": fixed, "value": None}, opts)
