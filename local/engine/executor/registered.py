"""What the program is told about what it registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.engine.state.resource_state import ResourceState

SUCCESS, FAIL, SKIP = 0, 1, 2  # as the protocol has them


class CancelledRegistrationError(Exception):
    """The operation has failed: registrations are no longer answered."""


@dataclass(frozen=True)
class Registered:
    """What became of a registration."""

    state: ResourceState
    stables: tuple[str, ...] = ()
    result: int = SUCCESS
    unknown: bool = False  # it was left out: nobody knows what it would have been
