"""What the platform's identities and people may do, one by one, and that they may do nothing else of it.

The roles are the program's (``infra/access``), the permissions Azure's, the decisions local Azure's: each identity is asked for every
operation on everything that it could be tried on.
"""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from infra.access.custom_role import CustomRole
from infra.access.grant import IDENTITY_ROLES, RETRAINING_ROLES
from infra.access.role import Role
from infra.access.work import WORK
from local.azure import providers
from local.azure.access.authorizer import Authorizer
from local.azure.catalog import Catalog
from local.azure.resource_id import parse
from local.azure.store import open_store
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from infra.access.work import AnyRole

_GROUP = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/g"
_IN = f"{_GROUP}/providers"
#: What a target of the grants is in Azure.
TARGETS = {
    "storage": f"{_IN}/Microsoft.Storage/storageAccounts/storage",
    "lake": f"{_IN}/Microsoft.Storage/storageAccounts/lake",
    "claims": f"{_IN}/Microsoft.Storage/storageAccounts/storage/blobServices/default/containers/claims",
    "dead-letters": f"{_IN}/Microsoft.Storage/storageAccounts/storage/blobServices/default/containers/dead-letters",
    "vault": f"{_IN}/Microsoft.KeyVault/vaults/vault",
    "registry": f"{_IN}/Microsoft.ContainerRegistry/registries/registry",
    "insights": f"{_IN}/Microsoft.Insights/components/insights",
    "workspace": f"{_IN}/Microsoft.MachineLearningServices/workspaces/workspace",
    "service-bus": f"{_IN}/Microsoft.ServiceBus/namespaces/bus",
    "logs": f"{_IN}/Microsoft.OperationalInsights/workspaces/logs",
    "resource group": _GROUP,
    "identity/endpoint": f"{_IN}/Microsoft.ManagedIdentity/userAssignedIdentities/endpoint",
    "identity/training": f"{_IN}/Microsoft.ManagedIdentity/userAssignedIdentities/training",
    "workflow": f"{_IN}/Microsoft.Logic/workflows/workflow",
}
_ACCOUNT = "Microsoft.Storage/storageAccounts"
_BLOB = f"{_ACCOUNT}/blobServices/containers/blobs"
_QUEUE = f"{_ACCOUNT}/queueServices/queues/messages"
_FILE = f"{_ACCOUNT}/fileServices"
_VAULT = "Microsoft.KeyVault/vaults"
_REGISTRY = "Microsoft.ContainerRegistry/registries"
_ML = "Microsoft.MachineLearningServices/workspaces"
_DEFINITIONS = f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Authorization/roleDefinitions"
_EVERYWHERE = "Microsoft.Authorization/roleAssignments/write"
#: Operations on the control plane, and after them those on data: whose roles permit them (Microsoft Learn, "Azure built-in roles").
CONTROL: dict[str, set[AnyRole]] = {
    _EVERYWHERE: set(),
    f"{_ACCOUNT}/read": {Role.STORAGE_ACCOUNT_CONTRIBUTOR},
    f"{_ACCOUNT}/write": {Role.STORAGE_ACCOUNT_CONTRIBUTOR},
    f"{_ACCOUNT}/listKeys/action": {Role.STORAGE_ACCOUNT_CONTRIBUTOR},
    f"{_ACCOUNT}/blobServices/containers/read": {
        Role.STORAGE_ACCOUNT_CONTRIBUTOR,
        Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
        Role.STORAGE_BLOB_DATA_READER,
    },
    f"{_ACCOUNT}/blobServices/containers/delete": {
        Role.STORAGE_ACCOUNT_CONTRIBUTOR,
        Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
    },
    f"{_VAULT}/read": {Role.KEY_VAULT_CONTRIBUTOR, Role.KEY_VAULT_ADMINISTRATOR},
    f"{_VAULT}/write": {Role.KEY_VAULT_CONTRIBUTOR},
    f"{_VAULT}/delete": {Role.KEY_VAULT_CONTRIBUTOR},
    f"{_REGISTRY}/pull/read": {Role.ACR_PULL, Role.CONTRIBUTOR},
    f"{_REGISTRY}/push/write": {Role.CONTRIBUTOR},
    f"{_REGISTRY}/delete": {Role.CONTRIBUTOR},
    "Microsoft.Insights/components/write": {Role.CONTRIBUTOR},
    f"{_ML}/read": {
        Role.CONTRIBUTOR,
        Role.READER,
        Role.AZUREML_DATA_SCIENTIST,
        Role.AZUREML_COMPUTE_OPERATOR,
        CustomRole.DEPLOY_ONLY,
        CustomRole.JOB_SUBMITTER,
    },
    f"{_ML}/write": {Role.CONTRIBUTOR},
    f"{_ML}/delete": {Role.CONTRIBUTOR},
    f"{_ML}/jobs/write": {Role.CONTRIBUTOR, Role.AZUREML_DATA_SCIENTIST, CustomRole.JOB_SUBMITTER},
    f"{_ML}/models/versions/write": {
        Role.CONTRIBUTOR,
        Role.AZUREML_DATA_SCIENTIST,
        CustomRole.DEPLOY_ONLY,
        CustomRole.JOB_SUBMITTER,
    },
    f"{_ML}/onlineEndpoints/deployments/write": {
        Role.CONTRIBUTOR,
        Role.AZUREML_DATA_SCIENTIST,
        CustomRole.DEPLOY_ONLY,
    },
    f"{_ML}/onlineEndpoints/delete": {Role.CONTRIBUTOR, Role.AZUREML_DATA_SCIENTIST},
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action": {Role.MANAGED_IDENTITY_OPERATOR},
    "Microsoft.Logic/workflows/triggers/listCallbackUrl/action": {CustomRole.CALLBACK_READER},
    "Microsoft.Logic/workflows/write": set(),
    f"{_ML}/computes/write": {Role.CONTRIBUTOR, Role.AZUREML_COMPUTE_OPERATOR},
    f"{_ML}/computes/start/action": {
        Role.CONTRIBUTOR,
        Role.AZUREML_DATA_SCIENTIST,
        Role.AZUREML_COMPUTE_OPERATOR,
    },
    f"{_ML}/listKeys/action": {Role.CONTRIBUTOR},
    f"{_ML}/metrics/resource/write": {
        Role.CONTRIBUTOR,
        Role.AZUREML_DATA_SCIENTIST,
        Role.AZUREML_METRICS_WRITER,
    },
}
DATA: dict[str, set[AnyRole]] = {
    f"{_BLOB}/read": {Role.STORAGE_BLOB_DATA_CONTRIBUTOR, Role.STORAGE_BLOB_DATA_READER},
    f"{_BLOB}/write": {Role.STORAGE_BLOB_DATA_CONTRIBUTOR},
    f"{_BLOB}/delete": {Role.STORAGE_BLOB_DATA_CONTRIBUTOR},
    f"{_BLOB}/manageOwnership/action": set(),
    f"{_QUEUE}/add/action": {Role.STORAGE_QUEUE_DATA_MESSAGE_SENDER},
    f"{_QUEUE}/read": set(),
    f"{_QUEUE}/process/action": set(),
    f"{_FILE}/fileshares/files/read": {Role.STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR},
    f"{_FILE}/fileshares/files/delete": {Role.STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR},
    f"{_VAULT}/secrets/getSecret/action": {Role.KEY_VAULT_ADMINISTRATOR, Role.KEY_VAULT_SECRETS_USER},
    f"{_VAULT}/secrets/setSecret/action": {Role.KEY_VAULT_ADMINISTRATOR},
    f"{_VAULT}/keys/wrap/action": {
        Role.KEY_VAULT_ADMINISTRATOR,
        Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
    },
    f"{_VAULT}/keys/delete": {Role.KEY_VAULT_ADMINISTRATOR},
    "Microsoft.ServiceBus/namespaces/messages/send/action": {Role.SERVICE_BUS_DATA_SENDER},
    "Microsoft.ServiceBus/namespaces/messages/receive/action": set(),
}
#: Whoever there is, with their roles: what the platform's identities are called may change, what they may do may not.
HOLDERS: dict[str, tuple[tuple[AnyRole, str], ...]] = {
    **{f"identity {name}": tuple(roles) for name, roles in IDENTITY_ROLES.items()},
    **{f"retraining {name}": tuple(roles) for name, roles in RETRAINING_ROLES.items()},
    **{f"work: {name}": work.needs for name, work in WORK.items()},
}


@pytest.fixture(scope="module")
def authorizer(tmp_path_factory: pytest.TempPathFactory) -> Generator[Authorizer]:
    """Decides with the roles of everybody assigned, each to a principal named after its holder."""
    folder: Path = tmp_path_factory.mktemp("rights")
    store = open_store(folder / "azure.db")
    store.relax()
    azure = SimpleNamespace(parse=parse, store=store)
    guids = {role: str(uuid.uuid4()) for role in CustomRole}
    for role, guid in guids.items():
        permission = {
            "actions": list(role.definition.actions),
            "notActions": list(role.definition.not_actions),
        }
        properties = {"roleName": role.title, "assignableScopes": [_GROUP], "permissions": [permission]}
        store.put(f"{_DEFINITIONS}/{guid}", {"properties": properties})
    for holder, roles in HOLDERS.items():
        for role, target in roles:
            name = f"{TARGETS[target]}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
            guid = guids[role] if isinstance(role, CustomRole) else role.value
            assigned = {"roleDefinitionId": f"{_DEFINITIONS}/{guid}", "principalId": holder}
            store.put(name, {"properties": assigned})
    yield Authorizer(cast("Any", azure), store, Catalog(providers.load()))
    store.close()


def _expected(roles: tuple[tuple[AnyRole, str], ...], target: str, permitted: set[AnyRole]) -> bool:
    at = TARGETS[target]
    return any(role in permitted and f"{at}/".startswith(f"{TARGETS[where]}/") for role, where in roles)


def _concerns(target: str, operation: str) -> bool:
    """Whether an operation makes sense on a target: roles of one service aren't tried on another."""
    if target == "resource group":
        return operation == _EVERYWHERE
    return operation == _EVERYWHERE or operation.startswith(
        f"{parse(TARGETS[target]).type.rsplit('/blobServices', 1)[0]}/"
    )


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_each_may_do_works_and_what_it_may_not_is_refused(authorizer: Authorizer, holder: str) -> None:
    wrong: list[str] = []
    asked = allowed = 0
    for operations, data in ((CONTROL, False), (DATA, True)):
        for operation, permitted in operations.items():
            for target, scope in TARGETS.items():
                if not _concerns(target, operation):
                    continue
                expected = _expected(HOLDERS[holder], target, permitted)
                found = authorizer.permits(holder, operation, scope, data=data)
                asked, allowed = asked + 1, allowed + found
                if found != expected:
                    wrong.append(f"{holder} {'may' if found else 'may not'} {operation} on {target}")
    assert not wrong
    assert 0 < allowed < asked


def test_every_role_of_the_program_has_something_here_that_only_such_roles_permit() -> None:
    used = {role for roles in HOLDERS.values() for role, _ in roles}
    covered = {role for roles in (*CONTROL.values(), *DATA.values()) for role in roles}
    assert used <= covered
