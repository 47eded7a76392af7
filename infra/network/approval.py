"""What lets the workspace's identity approve the private endpoints of its managed network.

Source: Microsoft's "Workspace managed virtual network isolation": a workspace with a user-assigned identity needs *Azure AI
Enterprise Network Connection Approver* on every target, before the network is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import authorization

from infra import names

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Azure AI Enterprise Network Connection Approver.
APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"


class Approvals(pulumi.ComponentResource):
    """The role on each target, under names that are a function of what they grant."""

    ids: list[pulumi.Output[str]]  #: known once the identity may approve

    def __init__(
        self,
        name: str,
        principal_id: pulumi.Input[str],
        targets: Mapping[str, pulumi.Input[str]],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``targets``: ids by what tells them apart in resource names."""
        super().__init__("mlops:infra:Approvals", name, None, opts)
        self.ids = [self._assign(f"{name}-{label}", principal_id, id_) for label, id_ in targets.items()]
        self.register_outputs({})

    def _assign(
        self, name: str, principal_id: pulumi.Input[str], target: pulumi.Input[str]
    ) -> pulumi.Output[str]:
        scope = pulumi.Output.from_input(target)
        return authorization.RoleAssignment(
            name,
            role_assignment_name=pulumi.Output.all(scope, principal_id).apply(
                lambda ids: names.role_assignment(ids[0], ids[1], APPROVER)
            ),
            scope=scope,
            principal_id=principal_id,
            principal_type="ServicePrincipal",
            role_definition_id=scope.apply(
                lambda id_: names.role_definition_id(names.subscription_of(id_), APPROVER)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        ).id
