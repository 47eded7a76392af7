"""Phase 1: names, and the group that everything is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import resources

from infra.names import Names
from infra.network.isolation import IsolationGuard
from infra.scope import Scope
from infra.suffix import Suffix

if TYPE_CHECKING:
    from infra.config import StackConfig
    from infra.diagnostic import Watched


@dataclass(frozen=True)
class Ground:
    """What every later phase is given: the configuration, where components hang, and where they put resources."""

    name: str  #: what logical names begin with
    config: StackConfig
    platform: pulumi.Resource
    suffix: pulumi.Output[str]
    resource_group_name: pulumi.Output[str]
    resource_group_id: pulumi.Output[str]
    scope: Scope
    watched: Watched

    @property
    def child(self) -> pulumi.ResourceOptions:
        """Options of a component of the platform."""
        return pulumi.ResourceOptions(parent=self.platform)

    def called(self, part: str) -> str:
        """The logical name of a component: ``mlops-storage``."""
        return f"{self.name}-{part}"


def compose_ground(name: str, config: StackConfig, platform: pulumi.Resource, watched: Watched) -> Ground:
    """The suffix of all names, and the resource group."""
    # Before everything else: a stack that Azure would refuse half-way is refused while nothing has changed.
    isolation = IsolationGuard(
        f"{name}-isolation", config.network.isolation, opts=pulumi.ResourceOptions(parent=platform)
    )
    suffix = Suffix(
        f"{name}-suffix",
        fixed=config.suffix,
        opts=pulumi.ResourceOptions(parent=platform, depends_on=[isolation]),
    )
    names = suffix.value.apply(lambda text: Names(config.project, config.environment, text))
    group = resources.ResourceGroup(
        f"{name}-group",
        resource_group_name=names.apply(lambda all_names: all_names.resource_group),
        location=config.location,
        tags=config.all_tags,
        opts=pulumi.ResourceOptions(parent=platform, protect=config.protect),
    )
    return Ground(
        name=name,
        config=config,
        platform=platform,
        watched=watched,
        suffix=suffix.value,
        resource_group_name=group.name,
        resource_group_id=group.id,
        scope=Scope(group.name, config.location, names, config.all_tags, config.protect, config.azure),
    )
