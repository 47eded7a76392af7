"""Roles that the stack makes, where Azure's own permit too much.

A role definition needs `Microsoft.Authorization/roleDefinitions/write`, which Owner and User Access Administrator have,
Role Based Access Control Administrator has not. Where whoever deploys may not make roles, an administrator makes them once
(``python -m infra.access.custom_role ROLE SCOPE | az role definition create --role-definition @-``) and the stack names
them (``mlops:access.customRoles``).

Source: Microsoft Learn, "Manage access to Azure Machine Learning workspaces" and "Azure permissions for AI + machine
learning".
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import authorization

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.scope import Scope

_ML = "Microsoft.MachineLearningServices/workspaces"
#: Namespace of role definition names. It may never change: another one would replace every definition.
_ROLES = uuid.UUID("0a5b2f7e-3d52-5f0c-8d0e-7f6b1f3a9c44")


@dataclass(frozen=True)
class Definition:
    """What a custom role permits, in words and as Azure has it."""

    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


def _writes(*kinds: str) -> tuple[str, ...]:
    return tuple(f"{_ML}/{kind}{part}/write" for kind in kinds for part in ("", "/versions"))


#: Looking at a workspace, and what clients ask for before they upload a file to one of its datastores.
_READS = (f"{_ML}/read", f"{_ML}/*/read", f"{_ML}/datastores/listSecrets/action")
_CODE = (*_writes("environments"), f"{_ML}/codes/write", f"{_ML}/codes/versions/*")


class CustomRole(Enum):
    """A role that the stack makes; the value is its name in the stack's YAML."""

    DEPLOY_ONLY = "deploy only"
    JOB_SUBMITTER = "job submitter"
    CALLBACK_READER = "callback reader"

    @property
    def label(self) -> str:
        """The role's name in resource names."""
        return self.value.replace(" ", "-")

    @property
    def title(self) -> str:
        """The role's name as the stack's YAML has it."""
        return self.value

    @property
    def definition(self) -> Definition:
        """What it permits."""
        return DEFINITIONS[self]

    def fits(self, target: str) -> bool:
        """Whether it permits anything on a target."""
        if target.startswith("/") or target == "resource group":
            return True
        return target == "workspace" and self is not CustomRole.CALLBACK_READER


DEFINITIONS: Mapping[CustomRole, Definition] = {
    # No endpoint is deleted, no compute, datastore, connection or role touched, no job started.
    CustomRole.DEPLOY_ONLY: Definition(
        "Registers models and environments, creates and updates online and batch endpoints and deployments, moves traffic.",
        (
            *_READS,
            *_CODE,
            *_writes("models"),
            f"{_ML}/onlineEndpoints/write",
            f"{_ML}/onlineEndpoints/score/action",
            # How smoke tests call endpoints that don't take Microsoft Entra's tokens.
            f"{_ML}/onlineEndpoints/token/action",
            f"{_ML}/onlineEndpoints/listKeys/action",
            f"{_ML}/onlineEndpoints/deployments/write",
            f"{_ML}/onlineEndpoints/deployments/delete",
            f"{_ML}/onlineEndpoints/deployments/getLogs/action",
            f"{_ML}/batchEndpoints/write",
            f"{_ML}/batchEndpoints/deployments/write",
            f"{_ML}/batchEndpoints/deployments/delete",
            "Microsoft.Insights/metrics/read",
            "Microsoft.Insights/metricDefinitions/read",
        ),
    ),
    # Schedules are jobs to come: monitors, retrainings.
    CustomRole.JOB_SUBMITTER: Definition(
        "Submits, schedules and cancels jobs, registers their data, components, environments and models.",
        (
            *_READS,
            *_CODE,
            *_writes("components", "data", "models"),
            f"{_ML}/experiments/runs/write",
            f"{_ML}/jobs/write",
            f"{_ML}/jobs/cancel/action",
            f"{_ML}/schedules/*",
            f"{_ML}/batchEndpoints/jobs/write",
        ),
    ),
    # The program asks for the addresses each time: Event Grid is given them. They start what a breach starts, so they are
    # secrets, and readers don't see them.
    CustomRole.CALLBACK_READER: Definition(
        "Reads the addresses that start the platform's Logic Apps, which previews and updates of their stack ask for.",
        ("Microsoft.Logic/workflows/read", "Microsoft.Logic/workflows/triggers/listCallbackUrl/action"),
    ),
}


class CustomRoles(pulumi.ComponentResource):
    """The definitions of the custom roles that a stack uses, assignable in its resource group alone."""

    #: GUIDs, known once the definition is there.
    ids: Mapping[CustomRole, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        used: Iterable[CustomRole],
        *,
        scope: Scope,
        resource_group_id: pulumi.Output[str],
        existing: Mapping[CustomRole, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``existing``: roles that somebody else made, by GUID."""
        super().__init__("mlops:infra:CustomRoles", name, None, opts)
        self.ids = {
            role: pulumi.Output.from_input(existing[role])
            if role in existing
            else self._define(name, role, scope, resource_group_id)
            for role in used
        }
        self.register_outputs({"ids": {role.value: guid for role, guid in self.ids.items()}})

    def _define(
        self, name: str, role: CustomRole, scope: Scope, resource_group_id: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        made = authorization.RoleDefinition(
            f"{name}-{role.label}",
            role_definition_id=resource_group_id.apply(lambda id_: guid(id_, role)),
            scope=resource_group_id,
            role_name=scope.named(lambda known: known.custom_role(role.value)),
            role_type="CustomRole",
            description=role.definition.description,
            assignable_scopes=[resource_group_id],
            permissions=[
                authorization.PermissionArgs(
                    actions=list(role.definition.actions),
                    not_actions=list(role.definition.not_actions),
                    data_actions=[],
                    not_data_actions=[],
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.all(made.id, resource_group_id).apply(lambda ids: guid(ids[1], role))


def guid(resource_group_id: str, role: CustomRole) -> str:
    """The id of a stack's role: a function of where it is and what it is called, so that a second run finds it."""
    return str(uuid.uuid5(_ROLES, f"{resource_group_id.lower()}|{role.value}"))


def role_json(role: CustomRole, scope: str) -> str:
    """A role as `az role definition create` takes it."""
    return json.dumps(
        {
            "Name": f"Azure ML {role.value}",
            "IsCustom": True,
            "Description": role.definition.description,
            "Actions": list(role.definition.actions),
            "NotActions": list(role.definition.not_actions),
            "AssignableScopes": [scope],
        },
        indent=2,
    )


if __name__ == "__main__":
    known = [role.value for role in CustomRole]
    match sys.argv[1:]:
        case [name, scope] if name in known:
            print(role_json(CustomRole(name), scope))  # noqa: T201
        case _:
            sys.exit(
                f"usage: python -m infra.access.custom_role ROLE SCOPE; ROLE is one of {', '.join(known)}"
            )
