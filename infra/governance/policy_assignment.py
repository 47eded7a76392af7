"""Azure Policy on the resource group: what people make there beside this program follows the stack's own rules.

Built-in definitions only, whose ids are the same in every tenant; each stack has those that its own settings ask for, so
that what the program makes is never refused. Source: Azure Policy's built-in definitions (github.com/Azure/azure-policy).

Omitted: remediation of what exists already (`az policy remediation create` does that), and a policy that denies resources
without tags: Azure's own, such as the interface of a private endpoint, come without. Missing tags are taken from the group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import pulumi
from pulumi_azure_native import authorization

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from infra.governance.config import GovernanceConfig

_DEFINITIONS = "/providers/Microsoft.Authorization/policyDefinitions"
#: The platform's tags that a cost report asks for; on the group, so that others can take them from there.
INHERITED_TAGS = ("project", "environment", "owner", "cost-center")
Effect = Literal["Audit", "Deny"]


@dataclass(frozen=True)
class Assignment:
    """A built-in policy, and how it is assigned."""

    name: str
    title: str
    definition: str  #: its GUID
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    changes: bool = False  #: whether it changes requests, for which Azure wants an identity
    why: str = "The platform's own rules hold for everything in its resource group."


@dataclass(frozen=True)
class Posture:
    """What a stack's own settings are, as far as policies can hold others to them."""

    location: str
    closed: bool  #: nothing answers on the internet
    keyless: bool  #: storage takes no keys
    customer_keys: bool
    purge_protection: bool


def assignments(config: GovernanceConfig, posture: Posture) -> Iterator[Assignment]:
    """The assignments that a stack with these settings can live with; pure."""
    if config.policies == "none":
        return
    effect: Effect = "Deny" if config.policies == "deny" else "Audit"
    yield Assignment(
        "allowed-locations",
        "Resources are in the agreed regions",
        "e56962a6-4747-49cd-b67b-bf8b01975c4c",
        {"listOfAllowedLocations": [posture.location, *config.regions], "effect": effect},
    )
    for tag in INHERITED_TAGS:
        yield Assignment(
            f"inherit-{tag}",
            f"Resources without the tag {tag} get the group's",
            "ea3f2387-9b95-492a-a190-fcdc54f7b070",
            {"tagName": tag},
            changes=True,
        )
    for name, title, definition in _always(posture):
        yield Assignment(name, title, definition, {"effect": effect})
    for name, title, definition, parameter in _reported(posture):
        yield Assignment(name, title, definition, {parameter: "Audit"})


def _always(posture: Posture) -> Iterator[tuple[str, str, str]]:
    """Policies that can deny."""
    yield "vault-roles", "Vaults go by roles", "12d4fa5e-1f9f-4c21-97a9-b99b3c6611b5"
    yield "storage-https", "Storage takes HTTPS only", "404c3081-a854-4457-ae30-26a93ef643f9"
    yield "registry-admin", "Registries have no admin user", "dc921057-6b28-4fbe-9b83-f7bec05db6c2"
    yield "compute-users", "Computes have no local users", "e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f"
    if posture.purge_protection:
        yield "vault-deletion", "Vaults can't be purged", "0b60c0b2-2dc2-4e1c-b5c9-abbed971de53"
    if posture.keyless:
        yield "storage-keys", "Storage takes no keys", "8c6a50c6-9ffd-4ae7-986f-5fa6111f9a54"
    if posture.closed:
        yield "workspace-closed", "Workspaces are closed", "438c38d2-3772-465a-a9cc-7a6666a275ce"
        yield "storage-closed", "Storage is closed", "b2982f36-99f2-4db5-8eff-283140c09693"
        yield "vault-closed", "Vaults are closed", "405c5871-3e91-4644-8a63-58e19d68ff5b"
        yield "registry-closed", "Registries are closed", "0fdf0491-d080-4575-b627-ad0e843cba0f"
    if posture.customer_keys:
        yield "workspace-key", "Workspaces have the customer's key", "ba769a63-b8cc-4b2d-abf6-ac33c7204be8"
        yield "registry-key", "Registries have the customer's key", "5b9159ae-1701-4a6f-9a7a-aa9c8ddd0580"


def _reported(posture: Posture) -> Iterator[tuple[str, str, str, str]]:
    """Policies that can only report, with the name of their effect's parameter."""
    if posture.closed:
        yield (
            "workspace-private",
            "Workspaces are reached by private link",
            "45e05259-1eb5-4f70-9574-baf73e9d219b",
            "effect",
        )
        yield (
            "vault-private",
            "Vaults are reached by private link",
            "a6abeaec-4d90-4a02-805f-6b26c4d3fbe9",
            "audit_effect",
        )
    if posture.customer_keys:
        yield (
            "storage-key",
            "Storage has the customer's key",
            "6fac406b-40ca-413b-bf8e-0bf964659c25",
            "effect",
        )


class PolicyAssignments(pulumi.ComponentResource):
    """Azure Policy assignments on the platform's resource group."""

    ids: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        wanted: Iterable[Assignment],
        *,
        location: str,
        resource_group_id: pulumi.Input[str],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Assigns policies.

        Args:
            name: the component's name.
            wanted: what to assign.
            location: where the identities of policies that change requests are.
            resource_group_id: what the policies hold for.
            after: what is made before, as Azure takes minutes to take a policy up, and a first run shouldn't depend on when.
            opts: the usual options.
        """
        super().__init__("mlops:infra:PolicyAssignments", name, None, opts)
        self._name, self._location, self._group = name, location, resource_group_id
        # The others wait for the first: each would otherwise depend on everything by itself.
        waited, ids = list(after), dict[str, pulumi.Output[str]]()
        for one in wanted:
            made = self._assign(one, waited)
            waited = waited if ids else [made]
            ids[one.name] = made.id
        self.ids = ids
        self.register_outputs({})

    def _assign(self, one: Assignment, waited: Sequence[pulumi.Resource]) -> authorization.PolicyAssignment:
        return authorization.PolicyAssignment(
            f"{self._name}-{one.name}",
            scope=self._group,
            policy_assignment_name=one.name,
            display_name=one.title,
            description=one.why,
            policy_definition_id=f"{_DEFINITIONS}/{one.definition}",
            enforcement_mode=authorization.EnforcementMode.DEFAULT,
            parameters={
                key: authorization.ParameterValuesValueArgs(value=value)
                for key, value in one.parameters.items()
            },
            location=self._location if one.changes else None,
            identity=authorization.IdentityArgs(type=authorization.ResourceIdentityType.SYSTEM_ASSIGNED)
            if one.changes
            else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(waited)),
        )
