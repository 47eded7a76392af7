"""What a provider makes of a call; apart from its client, which loads gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.engine.property_value import Properties


class ProviderError(Exception):
    """What a provider answered instead of a result."""


@dataclass(frozen=True)
class Outcome:
    """What an operation made of a resource. `errors`: it exists but did not become what was asked for."""

    id: str = ""
    outputs: Properties = field(default_factory=dict[str, Any])
    inputs: Properties | None = None
    errors: tuple[str, ...] = ()
    answered: bool = True  # False: not even properties were sent
