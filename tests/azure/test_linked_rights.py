"""Rights on the resources that a body names: what is asked for, and what a caller without them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique
from test_access import assign, somebody

from local.azure.access.linked import links
from local.azure.errors import ArmError

if TYPE_CHECKING:
    from conftest import Workspace
    from running_azure import LocalAzure

NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
_GROUP = "/subscriptions/10ca1000-0000-4000-8000-000000000001/resourceGroups/g"
_NET = f"{_GROUP}/providers/Microsoft.Network"
_SUBNET = f"{_NET}/virtualNetworks/v/subnets/s"
_ACCOUNT = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/a"
_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
_JOIN_SUBNET = ("Microsoft.Network/virtualNetworks/subnets/join/action", _SUBNET)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            f"{_NET}/networkInterfaces/n",
            {"properties": {"ipConfigurations": [{"name": "a", "properties": {"subnet": {"id": _SUBNET}}}]}},
            [_JOIN_SUBNET],
        ),
        (
            f"{_NET}/virtualNetworks/v",
            {
                "properties": {
                    "subnets": [
                        {
                            "id": _SUBNET,
                            "properties": {
                                "networkSecurityGroup": {"id": f"{_NET}/networkSecurityGroups/x"},
                                "routeTable": {"id": f"{_NET}/routeTables/r"},
                                "natGateway": {"id": f"{_NET}/natGateways/t"},
                            },
                        }
                    ]
                }
            },
            [
                (
                    "Microsoft.Network/networkSecurityGroups/join/action",
                    f"{_NET}/networkSecurityGroups/x",
                ),
                ("Microsoft.Network/routeTables/join/action", f"{_NET}/routeTables/r"),
                ("Microsoft.Network/natGateways/join/action", f"{_NET}/natGateways/t"),
            ],
        ),
        (
            f"{_NET}/natGateways/t",
            {"properties": {"publicIpAddresses": [{"id": f"{_NET}/publicIPAddresses/p"}]}},
            [("Microsoft.Network/publicIPAddresses/join/action", f"{_NET}/publicIPAddresses/p")],
        ),
        (
            f"{_NET}/privateEndpoints/e",
            {
                "properties": {
                    "subnet": {"id": _SUBNET},
                    "privateLinkServiceConnections": [
                        {"name": "c", "properties": {"privateLinkServiceId": _ACCOUNT}}
                    ],
                }
            },
            [
                _JOIN_SUBNET,
                ("Microsoft.Storage/storageAccounts/PrivateEndpointConnectionsApproval/action", _ACCOUNT),
            ],
        ),
        (
            f"{_NET}/privateEndpoints/e",
            {
                "properties": {
                    "subnet": {"id": _SUBNET},
                    "manualPrivateLinkServiceConnections": [
                        {"name": "c", "properties": {"privateLinkServiceId": _ACCOUNT}}
                    ],
                }
            },
            [_JOIN_SUBNET],
        ),
        (
            f"{_NET}/privateEndpoints/e/privateDnsZoneGroups/default",
            {
                "properties": {
                    "privateDnsZoneConfigs": [
                        {"name": "z", "properties": {"privateDnsZoneId": f"{_NET}/privateDnsZones/z"}}
                    ]
                }
            },
            [("Microsoft.Network/privateDnsZones/join/action", f"{_NET}/privateDnsZones/z")],
        ),
        (
            f"{_NET}/privateDnsZones/z/virtualNetworkLinks/l",
            {"properties": {"virtualNetwork": {"id": f"{_NET}/virtualNetworks/v"}}},
            [("Microsoft.Network/virtualNetworks/join/action", f"{_NET}/virtualNetworks/v")],
        ),
        (
            f"{_NET}/virtualNetworks/v/virtualNetworkPeerings/p",
            {"properties": {"remoteVirtualNetwork": {"id": f"{_NET}/virtualNetworks/hub"}}},
            [("Microsoft.Network/virtualNetworks/peer/action", f"{_NET}/virtualNetworks/hub")],
        ),
        (
            _ACCOUNT,
            {
                "identity": {"type": "UserAssigned", "userAssignedIdentities": {_IDENTITY: {}}},
                "properties": {"networkAcls": {"virtualNetworkRules": [{"id": _SUBNET}]}},
            },
            [
                ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", _IDENTITY),
                ("Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action", _SUBNET),
            ],
        ),
        (
            f"{_ACCOUNT}/providers/Microsoft.Insights/diagnosticSettings/d",
            {
                "properties": {
                    "workspaceId": f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/w",
                    "storageAccountId": _ACCOUNT,
                }
            },
            [
                (
                    "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
                    f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/w",
                ),
                ("Microsoft.Storage/storageAccounts/listKeys/action", _ACCOUNT),
            ],
        ),
        (
            f"{_GROUP}/providers/Microsoft.EventGrid/systemTopics/t/eventSubscriptions/s",
            {
                "properties": {
                    "deliveryWithResourceIdentity": {
                        "destination": {
                            "endpointType": "StorageQueue",
                            "properties": {"resourceId": _ACCOUNT, "queueName": "q"},
                        }
                    }
                }
            },
            [("Microsoft.Storage/storageAccounts/write", _ACCOUNT)],
        ),
        # What only shows who refers asks for nothing.
        (f"{_NET}/networkSecurityGroups/x", {"properties": {"subnets": [{"id": _SUBNET}]}}, []),
    ],
)  # fmt: skip
def test_a_body_asks_for_the_rights_on_what_it_names(
    path: str, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert [(link.operation, link.scope) for link in links(path, body)] == expected


def test_a_reference_that_is_no_id_is_refused_with_its_place() -> None:
    body = {"properties": {"ipConfigurations": [{"properties": {"subnet": {"id": "s"}}}]}}
    with pytest.raises(ArmError) as refused:
        links(f"{_NET}/networkInterfaces/n", body)
    assert (refused.value.status, refused.value.code) == (400, "LinkedInvalidPropertyId")
    assert refused.value.message.startswith(
        "Property id 's' at path 'properties.ipConfigurations[0].properties.subnet.id' is invalid."
    )


def test_who_may_write_an_endpoint_still_needs_its_subnet_and_its_targets_approval(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    mine, network = local_azure.group(), f"{workspace.group_id}/providers/Microsoft.Network/virtualNetworks"
    virtual = f"{network}/{unique('vnet-')}"
    local_azure.put(
        virtual,
        {
            "location": "westeurope",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.7.0.0/16"]},
                "subnets": [{"name": "s", "properties": {"addressPrefix": "10.7.1.0/24"}}],
            },
        },
        api_version="2024-05-01",
    )
    vault = f"{workspace.group_id}/providers/Microsoft.KeyVault/vaults/{workspace.vault}"
    person = somebody(local_azure)
    assign(local_azure, mine, CONTRIBUTOR, person.object_id)

    def endpoint(segment: str, name: str) -> tuple[int, str, str]:
        connection = {"name": "c", "properties": {"privateLinkServiceId": vault, "groupIds": ["vault"]}}
        body = {
            "location": "westeurope",
            "properties": {"subnet": {"id": f"{virtual}/subnets/s"}, segment: [connection]},
        }
        path = f"{mine}/providers/Microsoft.Network/privateEndpoints/{name}"
        status, answer = person.arm("PUT", path, body, api_version="2024-05-01")
        error = answer.get("error") or {}
        return status, error.get("code", ""), error.get("message", "")

    status, code, message = endpoint("privateLinkServiceConnections", "auto")
    assert (status, code) == (403, "LinkedAuthorizationFailed")
    assert (
        "action(s) 'Microsoft.Network/virtualNetworks/subnets/join/action,PrivateEndpointConnectionsApproval/action'"
        in message
    )
    assert f"linked scope(s) '{virtual}/subnets/s,{vault}' (respectively)" in message
    assign(local_azure, virtual, NETWORK_CONTRIBUTOR, person.object_id)
    status, code, message = endpoint("privateLinkServiceConnections", "auto")
    assert (status, code) == (403, "LinkedAuthorizationFailed")
    assert "subnets/join/action" not in message
    # Asked for by hand, the connection waits for somebody who may approve it.
    assert endpoint("manualPrivateLinkServiceConnections", "manual")[0] == 201
    assign(local_azure, vault, CONTRIBUTOR, person.object_id)
    assert endpoint("privateLinkServiceConnections", "auto")[0] == 201


def test_who_gives_a_resource_an_identity_must_be_allowed_to_assign_it(local_azure: LocalAzure) -> None:
    mine, theirs = local_azure.group(), local_azure.group()
    identity = f"{theirs}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    local_azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    person = somebody(local_azure)
    assign(local_azure, mine, CONTRIBUTOR, person.object_id)
    body = {
        "location": "westeurope",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "sku": {"name": "Basic"},
    }
    path = f"{mine}/providers/Microsoft.ContainerRegistry/registries/{unique('cr')}"
    status, answer = person.arm("PUT", path, body, api_version="2023-07-01")
    assert (status, answer["error"]["code"]) == (403, "LinkedAuthorizationFailed")
    assert "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action" in answer["error"]["message"]
    assign(local_azure, identity, MANAGED_IDENTITY_OPERATOR, person.object_id)
    assert person.arm("PUT", path, body, api_version="2023-07-01")[0] == 201
