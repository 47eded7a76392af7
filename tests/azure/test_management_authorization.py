"""azure-mgmt-authorization and azure-mgmt-msi, unmodified: identities, roles, and who has them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management


@pytest.fixture(scope="module")
def client(management: Management) -> AuthorizationManagementClient:
    return management.client(AuthorizationManagementClient)


@pytest.fixture(scope="module")
def identities(management: Management) -> ManagedServiceIdentityClient:
    return management.client(ManagedServiceIdentityClient)


def test_an_identity_and_whom_it_trusts(identities: ManagedServiceIdentityClient, management: Management):
    name = unique("id-")
    made = identities.user_assigned_identities.create_or_update(
        management.group, name, {"location": "westeurope"}
    )
    trusted = {
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:contoso/models:ref:refs/heads/main",
        "audiences": ["api://AzureADTokenExchange"],
    }
    credential = identities.federated_identity_credentials.create_or_update(
        management.group, name, "main", {"properties": trusted}
    )
    assert credential.subject == trusted["subject"]
    assert [one.name for one in identities.federated_identity_credentials.list(management.group, name)] == [
        "main"
    ]
    listed = identities.user_assigned_identities.list_by_resource_group(management.group)
    assert made.principal_id in [one.principal_id for one in listed]
    identities.user_assigned_identities.delete(management.group, name)


def test_a_role_is_found_assigned_once_and_taken_away(
    client: AuthorizationManagementClient, identities: ManagedServiceIdentityClient, management: Management
):
    scope = management.group_id
    (reader,) = client.role_definitions.list(scope, filter="roleName eq 'Reader'")
    who = identities.user_assigned_identities.create_or_update(
        management.group, unique("id-"), {"location": "westeurope"}
    )
    body = {
        "properties": {
            "roleDefinitionId": reader.id,
            "principalId": who.principal_id,
            "principalType": "ServicePrincipal",
        }
    }
    made = client.role_assignments.create(scope, str(uuid.uuid4()), body)
    (found,) = client.role_assignments.list_for_scope(scope, filter=f"assignedTo('{who.principal_id}')")
    assert found.id == made.id
    with pytest.raises(HttpResponseError) as refused:
        client.role_assignments.create(scope, str(uuid.uuid4()), body)
    assert (refused.value.status_code, refused.value.error.code) == (409, "RoleAssignmentExists")
    client.role_assignments.delete_by_id(made.id)
    assert not list(client.role_assignments.list_for_scope(scope, filter=f"assignedTo('{who.principal_id}')"))


def test_a_role_of_ones_own(client: AuthorizationManagementClient, management: Management):
    scope, name = management.group_id, str(uuid.uuid4())
    body = {
        "properties": {
            "roleName": unique("scorer "),
            "description": "May score.",
            "type": "CustomRole",
            "permissions": [{"actions": ["Microsoft.MachineLearningServices/workspaces/read"]}],
            "assignableScopes": [scope],
        }
    }
    made = client.role_definitions.create_or_update(scope, name, body)
    assert client.role_definitions.get(scope, name).role_name == made.role_name
    custom = client.role_definitions.list(scope, filter="type eq 'CustomRole'")
    assert name in [one.name for one in custom]
    client.role_definitions.delete(scope, name)
    allowed = client.permissions.list_for_resource_group(management.group)
    assert "*" in {action for one in allowed for action in one.actions}
