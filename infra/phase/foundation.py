"""Phase 3: what the workspace stands on, who may use it, and the private endpoints that lead to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.access.custom_role import CustomRoles
from infra.access.delivery import Delivery
from infra.access.grant import Access
from infra.access.identity import Identity
from infra.access.table import custom_roles, deployers, grants
from infra.names import subscription_of
from infra.network.private_endpoint import foundation_entrances, reachable
from infra.observability.log_analytics import Observability
from infra.registry import Registry
from infra.storage import Storage
from infra.vault import Vault
from infra.workspace.encryption import Encryption
from infra.workspace.hub import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.access.custom_role import CustomRole
    from infra.access.identity import Purpose
    from infra.access.work import Target
    from infra.network.private_endpoint import PrivateEndpoints
    from infra.phase.ground import Ground
    from infra.phase.network import Reach
    from infra.workspace.encryption import CustomerKey


@dataclass(frozen=True)
class Foundation:
    """What the workspace stands on. ``entrances`` is None where it answers on the internet."""

    identity: Identity
    observability: Observability
    storage: Storage
    registry: Registry
    vault: Vault
    key: CustomerKey | None  #: what all of it is encrypted with, if not with Microsoft's
    access: Access
    hub_access: Access | None  #: the same on what a given hub stands on, for a project of it
    custom_roles: Mapping[CustomRole, pulumi.Output[str]]  #: their GUIDs
    entrances: PrivateEndpoints | None
    deployers: tuple[str, ...]

    def identity_id(self, purpose: Purpose) -> pulumi.Output[str]:
        """An identity, once it has its roles here."""
        return self._granted(self.identity.ids[purpose], [purpose])

    def delivery(self, workspace_id: pulumi.Output[str]) -> dict[str, pulumi.Output[str]] | None:
        """What pipelines sign in with to deploy models; none of it is a secret."""
        if "delivery" not in self.identity.client_ids:
            return None
        return {
            "principalId": self.identity.principal_ids["delivery"],
            "clientId": self.access.after(self.identity.client_ids["delivery"], ["delivery"]),
            "tenantId": self.identity.tenant_id,
            "subscriptionId": workspace_id.apply(subscription_of),
        }

    def reachable(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """``value``, once the private network leads here."""
        return reachable(value, self.entrances)

    def for_deployers(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """``value``, once whoever deploys has their roles here."""
        return self._granted(value, self.deployers)

    def _granted(self, value: pulumi.Output[str], who: Iterable[str]) -> pulumi.Output[str]:
        own = self.access.after(value, who)
        return own if self.hub_access is None else self.hub_access.after(own, who)


def compose_foundation(ground: Ground, reach: Reach) -> Foundation:
    """Identities, logs, storage, registry and vault, the roles on them, and the ways to them."""
    config, scope, child = ground.config, ground.scope, ground.child
    called, network = ground.called, ground.config.network
    identity = Identity(called("identity"), config.access.purposes, scope=scope, opts=child)
    observability = Observability(called("observability"), config.observability, scope=scope, opts=child)
    vault = Vault(
        called("vault"),
        config.vault,
        scope=scope,
        network=network,
        tenant_id=identity.tenant_id,
        purge=config.workspace.purge_on_destroy,
        opts=child,
    )
    encryption = (
        Encryption(
            called("encryption"),
            config.encryption,
            scope=scope,
            vault_id=vault.id,
            vault_name=vault.vault_name,
            opts=child,
        )
        if config.encryption.customer
        else None
    )
    key = encryption and encryption.key
    storage = Storage(called("storage"), config.storage, scope=scope, network=network, key=key, opts=child)
    registry = Registry(
        called("registry"), config.registry, scope=scope, network=network, key=key, opts=child
    )
    targets: dict[Target, pulumi.Output[str]] = {
        "storage": storage.account_id,
        "lake": storage.lake_id,
        "vault": vault.id,
        "registry": registry.id,
        "insights": observability.application_insights_id,
    }
    roles = _custom_roles(ground)
    if config.access.delivery is not None:
        Delivery(
            called("delivery"),
            config.access.delivery,
            scope=scope,
            identity_name=identity.names["delivery"],
            opts=child,
        )
    granted = {
        **targets,
        "logs": observability.log_analytics_id,
        "resource group": ground.resource_group_id,
        "identity/endpoint": identity.ids["endpoint"],
        **{
            one.target: pulumi.Output.from_input(one.target)
            for one in grants(config.access)
            if one.is_elsewhere
        },
    }
    return Foundation(
        identity=identity,
        observability=observability,
        storage=storage,
        registry=registry,
        vault=vault,
        key=key,
        access=grant(ground, "access", identity, roles, granted),
        hub_access=_hub_access(ground, identity, roles),
        custom_roles=roles,
        entrances=reach.entrances("entrances", foundation_entrances(targets)),
        deployers=deployers(config.access),
    )


def _hub_access(
    ground: Ground, identity: Identity, roles: Mapping[CustomRole, pulumi.Output[str]]
) -> Access | None:
    """A project's models, data and images are where its hub's are: this stack's identities need their roles there.

    People's are the hub's stack's to grant: Azure refuses the same grant of two stacks.
    """
    hub_id = ground.config.workspace.hub
    if hub_id is None:
        return None
    hub = look_up(hub_id, pulumi.InvokeOptions(parent=ground.platform))
    targets: dict[Target, pulumi.Output[str]] = {
        "storage": hub.storage_id,
        "vault": hub.vault_id,
        "registry": hub.registry_id,
        "insights": hub.application_insights_id,
    }
    return grant(ground, "hub-access", identity, roles, targets, people=False)


def _custom_roles(ground: Ground) -> Mapping[CustomRole, pulumi.Output[str]]:
    used = custom_roles(ground.config.access)
    if not used:
        return {}
    return CustomRoles(
        ground.called("roles"),
        used,
        scope=ground.scope,
        resource_group_id=ground.resource_group_id,
        existing=ground.config.access.made_roles,
        opts=ground.child,
    ).ids


def grant(
    ground: Ground,
    part: str,
    identity: Identity,
    roles: Mapping[CustomRole, pulumi.Output[str]],
    targets: Mapping[Target, pulumi.Output[str]],
    *,
    people: bool = True,
) -> Access:
    """Every grant of the configuration on one of these targets; to a workspace's own identity Microsoft grants what it needs."""
    own = ground.config.workspace.identity == "system"
    return Access(
        ground.called(part),
        [
            one
            for one in grants(ground.config.access)
            if one.target in targets
            and not (own and one.who == "workspace")
            and (people or one.who in identity.ids)
        ],
        principals=identity.principal_ids,
        targets=targets,
        custom_roles=roles,
        opts=ground.child,
    )
