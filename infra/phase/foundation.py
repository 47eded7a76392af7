"""Phase 3: what the workspace stands on, who may use it, and the private endpoints that lead to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.access.grant import Access, deployers, grants
from infra.access.identity import Identity
from infra.network.private_endpoint import foundation_entrances, reachable
from infra.observability.log_analytics import Observability
from infra.registry import Registry
from infra.storage import Storage
from infra.vault import Vault
from infra.workspace.encryption import Encryption

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.access.grant import Target
    from infra.access.identity import Purpose
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
    entrances: PrivateEndpoints | None
    deployers: tuple[str, ...]

    def identity_id(self, purpose: Purpose) -> pulumi.Output[str]:
        """An identity, once it has its roles here."""
        return self.access.after(self.identity.ids[purpose], [purpose])

    def reachable(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """``value``, once the private network leads here."""
        return reachable(value, self.entrances)

    def for_deployers(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """``value``, once whoever deploys has their roles here."""
        return self.access.after(value, self.deployers)


def compose_foundation(ground: Ground, reach: Reach) -> Foundation:
    """Identities, logs, storage, registry and vault, the roles on them, and the ways to them."""
    config, scope, child = ground.config, ground.scope, ground.child
    called, network = ground.called, ground.config.network
    identity = Identity(called("identity"), scope=scope, opts=child)
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
    return Foundation(
        identity=identity,
        observability=observability,
        storage=storage,
        registry=registry,
        vault=vault,
        key=key,
        access=grant(ground, "access", identity, targets),
        entrances=reach.entrances("entrances", foundation_entrances(targets)),
        deployers=deployers(config.access),
    )


def grant(
    ground: Ground, part: str, identity: Identity, targets: Mapping[Target, pulumi.Output[str]]
) -> Access:
    """Every grant of the configuration on one of these targets; to a workspace's own identity Microsoft grants what it needs."""
    own = ground.config.workspace.identity == "system"
    return Access(
        ground.called(part),
        [
            one
            for one in grants(ground.config.access)
            if one.target in targets and not (own and one.who == "workspace")
        ],
        principals=identity.principal_ids,
        targets=targets,
        opts=ground.child,
    )
