"""Values that wait for something else, and stay as known as they are.

``Output.all(value, *others)`` waits too, but is unknown in a preview as soon as one of the others is: a new private endpoint or
a new grant would make the preview replace everything that is named after the workspace, which the update then doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import pulumi

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def after(value: pulumi.Output[T], others: Iterable[pulumi.Output[Any]]) -> pulumi.Output[T]:
    """``value``, once the resources of ``others`` exist; it depends on them too, so what uses it goes before they go."""
    waited = tuple(others)
    if not waited:
        return value

    async def resources() -> set[pulumi.Resource]:
        found = set(await value.resources())
        for other in waited:
            found |= await other.resources()
        return found

    async def future() -> T:
        for other in waited:
            await other.future(with_unknowns=True)
        return cast("T", await value.future(with_unknowns=True))

    return pulumi.Output(resources(), future(), value.is_known(), value.is_secret())
