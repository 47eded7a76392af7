"""A resource that costs nothing: its provider answers at once and keeps nothing."""

from __future__ import annotations

from typing import Any

from pulumi import Input, ResourceOptions, dynamic

PROVIDER = "__provider"


class CellProvider(dynamic.ResourceProvider):
    """Makes an id and gives back what it was given."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """A cell."""
        return dynamic.CreateResult(f"id-of-{props['label']}", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """What differs."""
        keys = (_olds.keys() | _news.keys()) - {PROVIDER}
        return dynamic.DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in keys))


class Cell(dynamic.Resource):
    """One link of a chain."""

    def __init__(self, name: str, before: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__(CellProvider(), name, {"label": name, "before": before}, opts)
