"""Role assignments: one role for one principal on one target, under names that are a function of what they grant.

Sources: Microsoft's "Set up authentication between Azure Machine Learning and other services" (workspace and compute
identity), "Access Azure resources from an online endpoint with a managed identity" and "Collect production data"
(endpoint identity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import authorization

from infra import names
from infra.access.custom_role import CustomRole
from infra.access.role import Role
from infra.access.work import WORK
from infra.waiting import after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.access.identity import Purpose
    from infra.access.work import AnyRole, Target

PrincipalType = Literal["User", "Group", "ServicePrincipal"]

#: What the platform's own identities need. The workspace's must exist before the workspace is made.
IDENTITY_ROLES: dict[Purpose, tuple[tuple[AnyRole, Target], ...]] = {
    "workspace": (
        (Role.STORAGE_ACCOUNT_CONTRIBUTOR, "storage"),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
        (Role.STORAGE_BLOB_DATA_READER, "lake"),
        (Role.KEY_VAULT_CONTRIBUTOR, "vault"),
        (Role.KEY_VAULT_ADMINISTRATOR, "vault"),
        (Role.CONTRIBUTOR, "registry"),
        (Role.CONTRIBUTOR, "insights"),
        (Role.CONTRIBUTOR, "workspace"),
    ),
    "compute": (
        (Role.ACR_PULL, "registry"),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
        (Role.STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR, "storage"),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "lake"),
    ),
    "endpoint": (
        (Role.ACR_PULL, "registry"),
        # Reads models, and writes what the data collector collects.
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
        (Role.AZUREML_METRICS_WRITER, "workspace"),
    ),
    "events": ((Role.STORAGE_QUEUE_DATA_MESSAGE_SENDER, "storage"),),
    # Neither trains nor serves: it brings what was trained to where it is served.
    "delivery": (*WORK["deploy only"].needs, *WORK["callback reader"].needs),
}

#: What starting a retraining needs. No built-in role submits jobs with less.
RETRAINING_ROLES: dict[Literal["job", "github", "azureDevOps"], tuple[tuple[Role, Target], ...]] = {
    "job": (
        # A job on serverless compute has its data as whoever submits it (Microsoft Learn, "Model training on serverless
        # compute"): it reads data from the lake, and writes models. The claims are in the same account.
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
        (Role.STORAGE_BLOB_DATA_READER, "lake"),
        (Role.AZUREML_DATA_SCIENTIST, "workspace"),
    ),
    "github": (
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "claims"),
        (Role.KEY_VAULT_SECRETS_USER, "vault"),
    ),
    # Azure DevOps takes the identity itself, unless there is a token: `infra/events/logic_app.py` adds the vault then.
    "azureDevOps": ((Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "claims"),),
}


@dataclass(frozen=True)
class Grant:
    """One role for one principal on one target."""

    who: (
        str  #: a purpose of ``Identity``, ``deployer`` for the person who runs the program, else an object id
    )
    kind: PrincipalType
    role: AnyRole
    target: Target
    condition: str | None = None  #: an attribute condition (ABAC) that narrows it further

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is on something that the stack knows by its id alone."""
        return self.target.startswith("/")

    @property
    def label(self) -> str:
        """What tells this grant from all others in resource names."""
        target = self.target.lower().strip("/").replace("/", "-").replace(" ", "-")
        return f"{self.who}-{self.role.label}-{target}"


class Access(pulumi.ComponentResource):
    """Role assignments on targets."""

    def __init__(
        self,
        name: str,
        grants: Iterable[Grant],
        *,
        principals: Mapping[Purpose, pulumi.Output[str]],
        targets: Mapping[Target, pulumi.Output[str]],
        custom_roles: Mapping[CustomRole, pulumi.Output[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the assignments.

        Args:
            name: the component's name.
            grants: what is granted.
            principals: object ids of the identities that grants name by purpose.
            targets: ids of what roles are granted on, by the words of the grants.
            custom_roles: GUIDs of the custom roles among the grants.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Access", name, None, opts)
        known: dict[str, pulumi.Input[str]] = {**principals}
        self._custom_roles = custom_roles or {}
        self._assignments: dict[Grant, authorization.RoleAssignment] = {}
        for grant in grants:
            if grant.who == "deployer" and "deployer" not in known:
                known["deployer"] = authorization.get_client_config_output().object_id
            self._assignments[grant] = self._assign(
                name, grant, known.get(grant.who, grant.who), targets[grant.target]
            )
        self.register_outputs({})

    def after(self, value: pulumi.Output[str], who: Iterable[str]) -> pulumi.Output[str]:
        """``value``, once everything is granted to ``who`` (as in ``Grant.who``)."""
        principals = frozenset(who)
        waited = [a.id for grant, a in self._assignments.items() if grant.who in principals]
        return after(value, waited)

    def _assign(
        self, name: str, grant: Grant, principal_id: pulumi.Input[str], scope: pulumi.Output[str]
    ) -> authorization.RoleAssignment:
        role = (
            self._custom_roles[grant.role]
            if isinstance(grant.role, CustomRole)
            else pulumi.Output.from_input(grant.role.value)
        )
        return authorization.RoleAssignment(
            f"{name}-{grant.label}",
            role_assignment_name=pulumi.Output.all(scope, principal_id, role).apply(
                lambda ids: names.role_assignment(ids[0], ids[1], ids[2])
            ),
            scope=scope,
            principal_id=principal_id,
            principal_type=grant.kind,
            role_definition_id=pulumi.Output.all(scope, role).apply(
                lambda ids: names.role_definition_id(names.subscription_of(ids[0]), ids[1])
            ),
            condition=grant.condition,
            condition_version=None if grant.condition is None else "2.0",
            opts=pulumi.ResourceOptions(parent=self),
        )
