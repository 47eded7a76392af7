"""The identities that the platform's parts act as: one each, so that each can be granted the least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import managedidentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.scope import Scope

#: ``workspace`` runs the service, ``compute`` the jobs, ``endpoint`` the deployments, ``events`` delivers events,
#: ``retraining`` starts retrainings, ``starter`` what an event starts, ``teller`` tells Teams of alerts,
#: ``delivery`` is whom pipelines deploy models as.
Purpose = Literal["workspace", "compute", "endpoint", "events", "retraining", "starter", "teller", "delivery"]
#: Those that every platform has.
PURPOSES: tuple[Purpose, ...] = ("workspace", "compute", "endpoint", "events")
#: What the access table calls those that it may give more.
NAMED: dict[str, Purpose] = {"training": "compute", "serving": "endpoint", "delivery": "delivery"}


class Identity(pulumi.ComponentResource):
    """The user-assigned managed identities. They outlive what uses them, so their roles can exist before it."""

    ids: Mapping[Purpose, pulumi.Output[str]]
    principal_ids: Mapping[Purpose, pulumi.Output[str]]
    client_ids: Mapping[Purpose, pulumi.Output[str]]
    names: Mapping[Purpose, pulumi.Output[str]]
    tenant_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        purposes: Iterable[Purpose] = PURPOSES,
        *,
        scope: Scope,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Identity", name, None, opts)
        identities: dict[Purpose, managedidentity.UserAssignedIdentity] = {
            purpose: self._identity(name, purpose, scope) for purpose in purposes
        }
        self.ids = {purpose: identity.id for purpose, identity in identities.items()}
        self.principal_ids = {purpose: identity.principal_id for purpose, identity in identities.items()}
        self.client_ids = {purpose: identity.client_id for purpose, identity in identities.items()}
        self.names = {purpose: identity.name for purpose, identity in identities.items()}
        self.tenant_id = identities["workspace"].tenant_id
        self.register_outputs({"ids": dict(self.ids)})

    def _identity(self, name: str, purpose: Purpose, scope: Scope) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"{name}-{purpose}",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda names: names.identity(purpose)),
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
