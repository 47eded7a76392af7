"""What stands in during a preview for a provider whose configuration isn't known yet: nothing it makes is known.

As the methods of the official engine's provider client (`provider_plugin.go`) while its configuration is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.providers.answer import Outcome
from local.engine.steps.difference import Diff

if TYPE_CHECKING:
    from local.engine.property_value import Properties
    from local.engine.state.resource_state import ResourceState

_MESSAGE = (
    "The provider for this resource has inputs that are not known during preview.\n"
    "This preview may not correctly represent the changes that will be applied during an update."
)


class UnconfiguredProvider:
    """Answers what can be answered without asking."""

    async def check(
        self, _urn: str, _olds: Properties | None, news: Properties, _seed: bytes
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Everything passes."""
        return news, []

    async def diff(self, _old: ResourceState, _news: Properties, _ignore_changes: Any) -> Diff:
        """A resource is updated, as far as anybody knows."""
        return Diff(changes=True, warning=_MESSAGE)

    async def create(self, _urn: str, _inputs: Properties, *, preview: bool, seconds: float = 0) -> Outcome:
        """Nothing is known of it."""
        _ = preview, seconds
        return Outcome()

    async def update(
        self, old: ResourceState, _inputs: Properties, _ignore: Any, *, preview: bool, seconds: float = 0
    ) -> Outcome:
        """Nothing is known of it."""
        _ = preview, seconds
        return Outcome(old.id)

    async def read(self, _urn: str, identity: str, _inputs: Properties, _outputs: Properties) -> Outcome:
        """Nothing is known of it."""
        return Outcome(identity)

    async def invoke(
        self, _token: str, _arguments: Properties, *, preview: bool
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Nothing is known of it."""
        _ = preview
        return {}, []
