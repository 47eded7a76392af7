"""What a program registers: the goal for a resource."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.engine.property_value import Properties


@dataclass(frozen=True)
class Alias:
    """Another identity the resource may have had; `None` means as it is now."""

    urn: str = ""
    name: str | None = None
    type: str | None = None
    stack: str | None = None
    project: str | None = None
    parent: str | None = None  # an empty text: no parent


@dataclass(frozen=True)
class Goal:
    """What the program wants a resource to be. `None` for an option: its parent's, or the provider's say."""

    type: str
    name: str
    custom: bool
    inputs: Properties
    parent: str = ""
    protect: bool | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    provider: str = ""
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    import_id: str = ""
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])  # seconds
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    hide_diff: tuple[str, ...] = ()
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # kind → names

    def inheriting(self, parent: Goal | None) -> Goal:
        """The goal with the options that are its parent's where it leaves them open."""
        if parent is None:
            return self
        return replace(
            self,
            protect=parent.protect if self.protect is None else self.protect,
            retain_on_delete=parent.retain_on_delete
            if self.retain_on_delete is None
            else self.retain_on_delete,
            deleted_with=self.deleted_with or parent.deleted_with,
        )
