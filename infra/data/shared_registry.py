"""A registry of Azure ML: models, components and environments that several workspaces share, in one region or more.

One stack makes it; others name it and are granted its use. Source: Microsoft Learn, "Create and manage registries" and
"Share models, components, and environments across workspaces with registries".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pydantic import model_validator

from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope

_REGISTRY = (
    r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/registries/"
    r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}$"
)


class SharedRegistryConfig(Section):
    """``mlops:sharedRegistry``: what workspaces share models, components and environments through."""

    enabled: bool = setting(
        False, breaks="it decides whether this stack has a registry to share through", write="true or false"
    )
    id: str | None = setting(
        None,
        pattern=_REGISTRY,
        breaks="this stack shares through another stack's registry",
        write="the id that `az ml registry show --query id` prints, or leave the key out and this stack makes one",
    )
    regions: tuple[str, ...] = setting(
        (),
        max_length=20,
        breaks="workspaces use assets in their own region, and a registry serves those that it lists",
        write="a list of other regions such as northeurope; the stack's own is always one",
    )
    redundancy: Literal["LRS", "ZRS", "GRS", "GZRS"] = setting(
        "LRS", breaks="it decides which failures shared models survive", write="LRS, ZRS, GRS or GZRS"
    )

    @model_validator(mode="after")
    def _fits(self) -> SharedRegistryConfig:
        if self.id and self.regions:
            raise ValueError(
                "regions are listed for a given registry, whose regions are another stack's to choose; remove regions or id"
            )
        if not self.enabled and (self.id or self.regions):
            raise ValueError(
                "a registry is described while enabled is false, so nothing would be shared; write enabled: true"
            )
        twice = [one for one in dict.fromkeys(self.regions) if self.regions.count(one) > 1]
        if twice:
            raise ValueError(f"the region {twice[0]} is listed twice, and Azure refuses that; list it once")
        return self

    @property
    def given_name(self) -> str | None:
        """The name of another stack's registry."""
        return self.id and self.id.rsplit("/", 1)[1]


def mistakes(config: SharedRegistryConfig, *, location: str) -> list[str]:
    """What doesn't fit the stack's region. ``config.py`` puts the prefix before each."""
    return [
        f"sharedRegistry.regions: {location} is the stack's own region, which a registry always has; remove it"
        for region in config.regions
        if region == location
    ]


class SharedRegistry(pulumi.ComponentResource):
    """The registry, unless one is given."""

    id: pulumi.Output[str]
    registry_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: SharedRegistryConfig,
        *,
        scope: Scope,
        public_network_access: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes or takes the registry.

        Args:
            name: the component's name.
            config: its section.
            scope: where it goes.
            public_network_access: whether it answers on the internet.
            opts: the usual options.
        """
        super().__init__("mlops:infra:SharedRegistry", name, None, opts)
        if config.id and config.given_name:
            self.id = pulumi.Output.from_input(config.id)
            self.registry_name = pulumi.Output.from_input(config.given_name)
        else:
            registry = self._registry(f"{name}-registry", config, scope, public_network_access)
            self.id, self.registry_name = registry.id, registry.name
        self.register_outputs({"id": self.id, "registryName": self.registry_name})

    def _registry(
        self, name: str, config: SharedRegistryConfig, scope: Scope, public_network_access: str
    ) -> ml.Registry:
        regions = [
            ml.RegistryRegionArmDetailsArgs(
                location=region,
                acr_details=[
                    ml.AcrDetailsArgs(
                        system_created_acr_account=ml.SystemCreatedAcrAccountArgs(acr_account_sku="Premium")
                    )
                ],
                storage_account_details=[
                    ml.StorageAccountDetailsArgs(
                        system_created_storage_account=ml.SystemCreatedStorageAccountArgs(
                            storage_account_type=f"Standard_{config.redundancy}",
                            storage_account_hns_enabled=False,
                            allow_blob_public_access=False,
                        )
                    )
                ],
            )
            for region in (scope.location, *config.regions)
        ]
        return ml.Registry(
            name,
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            registry_name=scope.named(lambda all_names: all_names.shared_registry),
            identity=ml.ManagedServiceIdentityArgs(type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED),
            public_network_access=public_network_access,
            region_details=regions,
            tags=scope.tags,
            opts=scope.holding_data(self),
        )
