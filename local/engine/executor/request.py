"""What is asked of an operation, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.engine.steps import step as op
from local.engine.steps.target import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.policy.pack import PackSource
    from local.engine.state.checkpoint import Deployment as State
    from local.engine.workspace.import_file import Import


@dataclass(frozen=True)
class Request:
    """What to do with a stack."""

    kind: str  # update, refresh, destroy, import
    preview: bool
    options: Options = field(default_factory=Options)
    parallel: int = 16
    refresh: bool = False
    run_program: bool = False  # for a refresh or a destroy, or with the refresh before an update
    # What the user has decided about pending operations.
    edit: Callable[[State], State] = lambda state: state
    packs: tuple[PackSource, ...] = ()
    debug: bool = False
    imports: tuple[Import, ...] = ()
    protect: bool = True  # what is imported

    @property
    def refreshes(self) -> bool:
        """Whether resources are read."""
        return self.refresh or self.kind == "refresh"


@dataclass(frozen=True)
class Result:
    """What came of it."""

    changes: dict[str, int]
    failed: bool
    cancelled: bool
    violated: bool  # a mandatory policy
    duration: float  # seconds

    @property
    def changed(self) -> bool:
        """Whether anything is or would be different."""
        return any(
            count for kind, count in self.changes.items() if kind not in {op.SAME, op.READ, op.DISCARD}
        )
