"""A step: one thing to do to one resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState

SAME = "same"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"
REPLACE = "replace"
CREATE_REPLACEMENT = "create-replacement"
DELETE_REPLACED = "delete-replaced"
READ = "read"
READ_REPLACEMENT = "read-replacement"
DISCARD = "discard"
DISCARD_REPLACED = "discard-replaced"
REFRESH = "refresh"
IMPORT = "import"
IMPORT_REPLACEMENT = "import-replacement"
REMOVE_PENDING_REPLACE = "remove-pending-replace"


@dataclass(eq=False)
class Step:
    """One thing to do. `logical` steps are what the user thinks in and what is counted."""

    op: str
    urn: str
    old: ResourceState | None = None
    new: ResourceState | None = None
    logical: bool = True
    keys: tuple[str, ...] = ()  # why it is replaced
    changed: tuple[str, ...] = ()
    stables: tuple[str, ...] = ()
    detailed: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    pending_delete: bool = False  # the old resource is deleted after the new one is there
    pending_replacement: bool = False  # the new resource comes after the old one is deleted
    skipped: bool = False  # not a target: nothing is created
    hidden: bool = False  # the event log has it, but nobody is shown it

    @property
    def state(self) -> ResourceState:
        """The new state, or the old one of what goes."""
        state = self.new or self.old
        assert state is not None  # noqa: S101 - every step has one of them
        return state
