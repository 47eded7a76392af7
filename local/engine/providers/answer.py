"""What a provider makes of a call; apart from its client, which loads gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.property_value import Properties


# What is known of a resource whose operation failed: `resource.Status` of the official engine, as its events have it.
UNTOUCHED, PARTIAL, UNSURE = 0, 1, 2


class ProviderError(Exception):
    """What a provider answered instead of a result; `status` says what is known of the resource."""

    def __init__(self, message: str, *, status: int = UNTOUCHED) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Outcome:
    """What an operation made of a resource. `errors`: it exists but did not become what was asked for."""

    id: str = ""
    outputs: Properties = field(default_factory=dict[str, Any])
    inputs: Properties | None = None
    errors: tuple[str, ...] = ()
    answered: bool = True  # False: not even properties were sent


def all_of(reasons: Sequence[str]) -> str:
    """Why a resource that is there isn't what was asked for, as the official engine lists it."""
    count = "1 error" if len(reasons) == 1 else f"{len(reasons)} errors"
    return f"{count} occurred:\n" + "".join(f"\t* {reason}\n" for reason in reasons) + "\n"
