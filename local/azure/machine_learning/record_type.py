"""What resource types share that are records only: nothing runs behind them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record


def given(body: Mapping[str, Any], field: str = "properties") -> Json:
    """A part of a request's body without what is null."""
    return {key: value for key, value in (body.get(field) or {}).items() if value is not None}


async def nothing(_azure: Azure, _record: Record) -> None:
    """What happens after the answer, where a client must follow an operation all the same."""


def merge_top(*names: str) -> Any:
    """A PATCH that changes the top-level fields of these names, and no other."""

    def merge(stored: Json, patch: Json) -> Json:
        return {**stored, **{key: patch[key] for key in names if patch.get(key) is not None}}

    return merge
