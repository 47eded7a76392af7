"""Who may do what: role assignments, the least that each identity and each group of people needs.

Sources: Microsoft's "Set up authentication between Azure Machine Learning and other services" (workspace and compute
identity), "Access Azure resources from an online endpoint with a managed identity" and "Collect production data"
(endpoint identity), "Manage access to Azure Machine Learning workspaces" (people).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal

import pulumi
from pulumi_azure_native import authorization
from pydantic import AfterValidator

from infra import names
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.access.identity import Purpose

PrincipalType = Literal["User", "Group", "ServicePrincipal"]
Target = Literal[
    "storage", "lake", "vault", "registry", "insights", "workspace", "claims", "dead-letters", "service-bus"
]


class Role(Enum):
    """Built-in roles, by the id that is the same in every tenant."""

    CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_ACCOUNT_CONTRIBUTOR = "17d1049b-9a84-46fb-8f53-869881c3d3ab"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR = "69566ab7-960f-475b-8e7c-b3118f30c6bd"
    STORAGE_QUEUE_DATA_MESSAGE_SENDER = "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a"
    SERVICE_BUS_DATA_SENDER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    KEY_VAULT_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
    KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    AZUREML_DATA_SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
    AZUREML_COMPUTE_OPERATOR = "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815"
    AZUREML_METRICS_WRITER = "635dd51f-9968-44d3-b7fb-6d9a6bd613ae"

    @property
    def label(self) -> str:
        """The role's name in resource names."""
        return self.name.lower().replace("_", "-")


#: What the platform's own identities need. The workspace's must exist before the workspace is made.
IDENTITY_ROLES: dict[Purpose, tuple[tuple[Role, Target], ...]] = {
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

#: Whoever deploys writes model and data files as themselves: datastores hold no keys.
DEPLOYER_ROLES: tuple[tuple[Role, Target], ...] = (
    (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
    (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "lake"),
)
DATA_SCIENTIST_ROLES: tuple[tuple[Role, Target], ...] = (
    (Role.AZUREML_DATA_SCIENTIST, "workspace"),
    (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
    (Role.STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR, "storage"),
    (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "lake"),
)
OPERATOR_ROLES: tuple[tuple[Role, Target], ...] = (
    (Role.AZUREML_COMPUTE_OPERATOR, "workspace"),
    (Role.READER, "workspace"),
)
READER_ROLES: tuple[tuple[Role, Target], ...] = ((Role.READER, "workspace"),)


class Principal(Section):
    """A group, person or service principal."""

    id: str = setting(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        breaks="Azure grants roles to object ids",
        write="the object id that `az ad group show`, `az ad signed-in-user show` or `az ad sp show` prints",
    )
    type: PrincipalType = setting(
        "Group",
        breaks="without the right type a new principal isn't found",
        write="Group, User or ServicePrincipal",
    )


def _once(principals: tuple[Principal, ...]) -> tuple[Principal, ...]:
    twice = [id_ for id_, count in Counter(p.id.lower() for p in principals).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]} is listed twice, and Azure refuses the same grant twice; list it once")
    return principals


Principals = Annotated[tuple[Principal, ...], AfterValidator(_once)]
_WRITE_PRINCIPALS = "a list of mappings with an id and a type (Group, User or ServicePrincipal)"


class AccessConfig(Section):
    """``mlops:access``: who works here, and who deploys."""

    deployers: Principals | None = setting(
        None,
        breaks="whoever runs `pulumi up` writes model and data files as themselves",
        write=f"{_WRITE_PRINCIPALS}, or leave the key out for the person who runs it",
    )
    data_scientists: Principals = setting(
        (), breaks="they train, register and deploy models", write=_WRITE_PRINCIPALS
    )
    operators: Principals = setting((), breaks="they start and stop computes", write=_WRITE_PRINCIPALS)
    readers: Principals = setting(
        (), breaks="they look at everything and change nothing", write=_WRITE_PRINCIPALS
    )


@dataclass(frozen=True)
class Grant:
    """One role for one principal on one target."""

    who: (
        str  #: a purpose of ``Identity``, ``deployer`` for the person who runs the program, else an object id
    )
    kind: PrincipalType
    role: Role
    target: Target

    @property
    def label(self) -> str:
        """What tells this grant from all others in resource names."""
        return f"{self.who}-{self.role.label}-{self.target}"


def deployers(config: AccessConfig) -> tuple[str, ...]:
    """Whoever deploys, as ``Grant.who`` names them."""
    if config.deployers is None:
        return ("deployer",)
    return tuple(principal.id.lower() for principal in config.deployers)


def grants(config: AccessConfig) -> tuple[Grant, ...]:
    """Every grant of the platform, each once, however many lists a principal is in."""
    found = [
        Grant(purpose, "ServicePrincipal", role, target)
        for purpose, roles in IDENTITY_ROLES.items()
        for role, target in roles
    ]
    if config.deployers is None:
        found += [Grant("deployer", "User", role, target) for role, target in DEPLOYER_ROLES]
    people: tuple[tuple[tuple[Principal, ...], tuple[tuple[Role, Target], ...]], ...] = (
        (config.deployers or (), DEPLOYER_ROLES),
        (config.data_scientists, DATA_SCIENTIST_ROLES),
        (config.operators, OPERATOR_ROLES),
        (config.readers, READER_ROLES),
    )
    found += [
        Grant(principal.id.lower(), principal.type, role, target)
        for principals, roles in people
        for principal in principals
        for role, target in roles
    ]
    return tuple({(grant.who, grant.role, grant.target): grant for grant in found}.values())


class Access(pulumi.ComponentResource):
    """Role assignments, under names that are a function of what they grant."""

    def __init__(
        self,
        name: str,
        grants: Iterable[Grant],
        *,
        principals: Mapping[Purpose, pulumi.Output[str]],
        targets: Mapping[Target, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Access", name, None, opts)
        known: dict[str, pulumi.Input[str]] = {**principals}
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
        return pulumi.Output.all(value, *waited).apply(lambda values: values[0])

    def _assign(
        self, name: str, grant: Grant, principal_id: pulumi.Input[str], scope: pulumi.Output[str]
    ) -> authorization.RoleAssignment:
        role = grant.role.value
        return authorization.RoleAssignment(
            f"{name}-{grant.label}",
            role_assignment_name=pulumi.Output.all(scope, principal_id).apply(
                lambda ids: names.role_assignment(ids[0], ids[1], role)
            ),
            scope=scope,
            principal_id=principal_id,
            principal_type=grant.kind,
            role_definition_id=scope.apply(
                lambda id_: names.role_definition_id(names.subscription_of(id_), role)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
