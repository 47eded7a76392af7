"""Where a component puts its resources and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.cloud import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.cloud import Cloud
    from infra.names import Names


@dataclass(frozen=True)
class Scope:
    """What every component is given."""

    resource_group_name: pulumi.Input[str]
    location: str
    names: pulumi.Output[Names]
    tags: Mapping[str, str]
    protect: bool  #: whether what holds data refuses to be deleted
    cloud: Cloud = PUBLIC  #: the names of Azure's cloud

    def named(self, pick: Callable[[Names], str]) -> pulumi.Output[str]:
        """A physical name."""
        return self.names.apply(pick)

    def holding_data(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a resource that can't be made again from this program."""
        return pulumi.ResourceOptions(parent=parent, protect=self.protect)
