"""All resource types that local Azure serves, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from local.azure.resource_type import ResourceType, Route


class Catalog:
    """The types and routes of the loaded providers."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self.modules = tuple(modules)
        self.types: Mapping[str, ResourceType] = {
            kind.name.lower(): kind for module in self.modules for kind in getattr(module, "TYPES", ())
        }
        self.routes: tuple[Route, ...] = tuple(
            route for module in self.modules for route in getattr(module, "ROUTES", ())
        )

    def find(self, name: str) -> ResourceType | None:
        """A type, or None."""
        return self.types.get(name.lower())

    def of(self, name: str) -> ResourceType:
        """A type.

        Raises:
            ArmError: 501, local Azure doesn't have it.
        """
        found = self.find(name)
        if found is None:
            raise unsupported(f"The resource type '{name}'")
        return found

    def namespaces(self) -> dict[str, list[str]]:
        """The Azure providers and their types: ``{"Microsoft.Storage": ["storageAccounts", …]}``."""
        found: dict[str, list[str]] = {}
        for kind in self.types.values():
            namespace, _, rest = kind.name.partition("/")
            found.setdefault(namespace, []).append(rest)
        return found
