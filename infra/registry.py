"""The container registry of the images that environments are built into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import containerregistry

from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.network.config import NetworkConfig
    from infra.scope import Scope
    from infra.workspace.encryption import CustomerKey


class RegistryConfig(Section):
    """``mlops:registry``: the container registry of images."""

    sku: Literal["Basic", "Standard", "Premium"] = setting(
        "Standard",
        breaks="only Premium can be reached through private endpoints",
        write="Basic, Standard or Premium",
    )


def _only(identity_id: str) -> dict[str, containerregistry.UserIdentityPropertiesArgs]:
    return {identity_id: containerregistry.UserIdentityPropertiesArgs()}


class Registry(pulumi.ComponentResource):
    """A container registry without an admin user."""

    id: pulumi.Output[str]
    registry_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: RegistryConfig,
        *,
        scope: Scope,
        network: NetworkConfig,
        key: CustomerKey | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Registry", name, None, opts)
        registry = containerregistry.Registry(
            f"{name}-registry",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            registry_name=scope.named(lambda names: names.registry),
            sku=containerregistry.SkuArgs(name=config.sku),
            admin_user_enabled=False,
            identity=key
            and containerregistry.IdentityPropertiesArgs(
                type=containerregistry.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=key.identity_id.apply(_only),
            ),
            encryption=key
            and containerregistry.EncryptionPropertyArgs(
                status=containerregistry.EncryptionStatus.ENABLED,
                # Without a version the registry follows the key's rotations.
                key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
                    identity=key.client_id, key_identifier=key.uri
                ),
            ),
            public_network_access=network.public_network_access,
            network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
            tags=scope.tags,
            opts=scope.holding_data(self),
        )
        self.id = registry.id
        self.registry_name = registry.name
        self.register_outputs({"id": self.id, "registryName": self.registry_name})
