"""Where computes go: the workspace, and the network that their machines are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi

    from infra.scope import Scope


@dataclass(frozen=True)
class Place:
    """What every compute of a workspace is given.

    ``subnet_id``: where machines get their addresses; None: a network of Azure's. ``private``: machines have no public
    addresses, in a subnet or in the workspace's managed network.
    """

    scope: Scope
    workspace_name: pulumi.Input[str]
    subnet_id: pulumi.Input[str] | None = None
    private: bool = False

    def public_addresses(self, subnet_id: pulumi.Input[str] | None) -> bool | None:
        """Whether machines in a subnet have public addresses; None: as Azure has it."""
        return False if self.private or subnet_id is not None else None
