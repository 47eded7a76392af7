"""Microsoft.Network: private endpoints, their connections on what they lead to, and their names in private DNS zones.

Scope: endpoints to storage accounts, vaults, registries and workspaces, approved at once; addresses out of the subnet; a zone
group's records. Omitted: nothing is connected: clients reach everything with or without an endpoint. Endpoints to other
resources, and connections approved by hand, are 501.
"""

from __future__ import annotations

import ipaddress
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported
from local.azure.network import ENDPOINT, ZONE, check_reference, plain, settled
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

ZONE_GROUP = f"{ENDPOINT}/privateDnsZoneGroups"
#: Azure keeps the first four addresses of a subnet.
_KEPT = 4
_MOST_ZONES = 5


@dataclass(frozen=True)
class _Target:
    """What an endpoint can lead to: group → the names that get an address. ``{name}``, ``{id}``, ``{region}`` are filled in."""

    type: str
    groups: Mapping[str, tuple[str, ...]]


_TARGETS = {
    target.type.lower(): target
    for target in (
        _Target(
            "Microsoft.Storage/storageAccounts",
            {
                group: (f"{{name}}.{group}.core.windows.net",)
                for group in ("blob", "file", "queue", "table", "dfs", "web")
            },
        ),
        _Target("Microsoft.KeyVault/vaults", {"vault": ("{name}.vault.azure.net",)}),
        _Target(
            "Microsoft.ContainerRegistry/registries",
            {"registry": ("{name}.{region}.data.azurecr.io", "{name}.azurecr.io")},
        ),
        _Target(
            "Microsoft.MachineLearningServices/workspaces",
            {
                "amlworkspace": (
                    "{id}.workspace.{region}.api.azureml.ms",
                    "{id}.workspace.{region}.cert.api.azureml.ms",
                    "*.{id}.inference.{region}.api.azureml.ms",
                    "ml-{name}-{region}-{id}.{region}.notebooks.azure.net",
                )
            },
        ),
    )
}


def _target(azure: Azure, connection: Json) -> tuple[Record, _Target]:
    """What a connection leads to, with its groups checked."""
    given: Json = connection.get("properties") or {}
    target_id = str(given.get("privateLinkServiceId") or "")
    record = azure.store.get(target_id)
    if record is None:
        raise bad_request(
            f"Resource {target_id} referenced by the private endpoint was not found.",
            code="InvalidResourceReference",
        )
    target = _TARGETS.get(record.type.lower())
    if target is None:
        raise unsupported(f"A private endpoint to a '{record.type}'")
    groups: list[str] = given.get("groupIds") or []
    if len(groups) != 1 or groups[0] not in target.groups:
        raise bad_request(
            f"A private endpoint to {record.id} needs one groupId of {', '.join(target.groups)}; it has {groups}.",
            code="BadRequest",
        )
    if target.type.endswith("/registries") and record.body["sku"]["name"] != "Premium":
        raise bad_request(
            f"The registry {record.name} is of the SKU {record.body['sku']['name']}; private endpoints need Premium.",
            code="BadRequest",
        )
    return record, target


def _free_addresses(azure: Azure, subnet: Record, endpoint: str, count: int) -> list[str]:
    network = ipaddress.ip_network(subnet.body["properties"]["addressPrefix"])
    taken = {
        address
        for other in azure.store.of_type(ENDPOINT)
        if other.id.lower() != endpoint.lower()
        and str(other.body["properties"]["subnet"]["id"]).lower() == subnet.id.lower()
        for entry in other.body["properties"]["customDnsConfigs"]
        for address in entry["ipAddresses"]
    }
    free = [
        str(network[at]) for at in range(_KEPT, network.num_addresses - 1) if str(network[at]) not in taken
    ]
    if len(free) < count:
        raise bad_request(
            f"Subnet {subnet.name} with address prefix {network} does not have enough capacity for {count} IP addresses.",
            code="SubnetIsFull",
        )
    return free[:count]


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if given.get("manualPrivateLinkServiceConnections"):
        raise unsupported("A private endpoint connection that is approved by hand")
    subnet = azure.store.get(str((given.get("subnet") or {}).get("id")))
    if subnet is None:
        raise bad_request("A private endpoint needs a subnet that exists.", code="InvalidResourceReference")
    connections: list[Json] = given.get("privateLinkServiceConnections") or []
    if len(connections) != 1:
        raise bad_request(
            f"A private endpoint has one connection; '{resource_id.name}' has {len(connections)}.",
            code="InvalidRequestFormat",
        )
    record, target = _target(azure, connections[0])
    before: Json = old.body["properties"] if old is not None else {}
    if before and before["subnet"]["id"].lower() != subnet.id.lower():
        raise bad_request(
            "The subnet of a private endpoint can't be changed.", code="PrivateEndpointSubnetChanged"
        )
    names = _names(record, body["location"], target, connections[0]["properties"]["groupIds"][0])
    kept = before.get("customDnsConfigs") or []
    if [entry["fqdn"] for entry in kept] != names:
        addresses = _free_addresses(azure, subnet, resource_id.text, len(names))
        kept = [{"fqdn": name, "ipAddresses": [one]} for name, one in zip(names, addresses, strict=True)]
    interface = f"{resource_id.parent}/providers/Microsoft.Network/networkInterfaces/{resource_id.name}.nic"
    properties = {
        "ipConfigurations": [],
        "customNetworkInterfaceName": "",
        **given,
        "privateLinkServiceConnections": [_connection(resource_id, connections[0])],
        "manualPrivateLinkServiceConnections": [],
        "customDnsConfigs": kept,
        "networkInterfaces": before.get("networkInterfaces") or [{"id": f"{interface}.{uuid.uuid4()}"}],
        "resourceGuid": before.get("resourceGuid") or str(uuid.uuid4()),
        "provisioningState": "Succeeded",
    }
    return {**body, "tags": body.get("tags") or {}, "properties": properties}


def _names(record: Record, region: str, target: _Target, group: str) -> list[str]:
    workspace = (record.body.get("properties") or {}).get("workspaceId", "")
    return [
        name.format(name=record.name.lower(), id=workspace, region=region).lower()
        for name in target.groups[group]
    ]


def _connection(resource_id: ResourceId, given: Json) -> Json:
    name = given.get("name") or resource_id.name
    return {
        "name": name,
        "id": f"{resource_id.text}/privateLinkServiceConnections/{name}",
        "properties": {
            **given["properties"],
            "privateLinkServiceConnectionState": {
                "status": "Approved",
                "description": "Auto-Approved",
                "actionsRequired": "None",
            },
            "provisioningState": "Succeeded",
        },
    }


def connections(azure: Azure, record: Record) -> list[Json] | None:
    """The connections of private endpoints to a resource, as the resource shows them; None: it takes none."""
    if record.type.lower() not in _TARGETS:
        return None
    found: list[Json] = []
    for endpoint in azure.store.of_type(ENDPOINT):
        for one in endpoint.body["properties"]["privateLinkServiceConnections"]:
            given: Json = one["properties"]
            if str(given["privateLinkServiceId"]).lower() == record.id.lower():
                name = f"{endpoint.name}.{endpoint.body['properties']['resourceGuid']}"
                properties = {
                    "privateEndpoint": {"id": endpoint.id},
                    "groupIds": given["groupIds"],
                    "privateLinkServiceConnectionState": given["privateLinkServiceConnectionState"],
                    "provisioningState": "Succeeded",
                }
                found.append(
                    {
                        "id": f"{record.id}/privateEndpointConnections/{name}",
                        "name": name,
                        "type": f"{record.type}/privateEndpointConnections",
                        "properties": properties,
                    }
                )
    return found


def _prepare_zone_group(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    configs: list[Json] = (body.get("properties") or {}).get("privateDnsZoneConfigs") or []
    if not 1 <= len(configs) <= _MOST_ZONES:
        raise bad_request(
            f"A private DNS zone group has 1 to {_MOST_ZONES} zones; '{resource_id.name}' has {len(configs)}.",
            code="InvalidRequestFormat",
        )
    for other in azure.store.below(resource_id.parent, ZONE_GROUP):
        if other.id.lower() != resource_id.key:
            raise bad_request(
                f"The private endpoint has the zone group '{other.name}' already, and can have one.",
                code="PrivateDnsZoneGroupLimitReached",
            )
    for config in configs:
        reference = {"id": (config.get("properties") or {}).get("privateDnsZoneId")}
        check_reference(azure, reference)
        if azure.parse(str(reference["id"])).type.lower() != ZONE.lower():
            raise bad_request(f"{reference['id']} is no private DNS zone.", code="InvalidResourceReference")
    return {"properties": {"privateDnsZoneConfigs": configs, "provisioningState": "Succeeded"}}


def _view_zone_group(azure: Azure, record: Record, body: Json, api_version: str) -> Json:
    """Adds the records: a zone gets those names of the endpoint that it is for."""
    endpoint = azure.store.get(azure.parse(record.id).parent)
    names: list[Json] = endpoint.body["properties"]["customDnsConfigs"] if endpoint is not None else []
    configs: list[Json] = []
    for config in body["properties"]["privateDnsZoneConfigs"]:
        given: dict[str, Any] = config["properties"]
        zone = str(given["privateDnsZoneId"]).rsplit("/", 1)[1]
        public = zone.removeprefix("privatelink.").replace("vaultcore", "vault")
        sets = [
            {
                "recordType": "A",
                "recordSetName": entry["fqdn"].removesuffix(f".{public}"),
                "fqdn": f"{entry['fqdn'].removesuffix(f'.{public}')}.{zone}",
                "ttl": 10,
                "ipAddresses": entry["ipAddresses"],
            }
            for entry in names
            if entry["fqdn"].endswith(f".{public}")
        ]
        configs.append({**config, "properties": {**given, "recordSets": sets}})
    shown = {**body, "properties": {**body["properties"], "privateDnsZoneConfigs": configs}}
    return plain(azure, record, shown, api_version)


TYPES = (
    ResourceType(ENDPOINT, prepare=_prepare, settle=settled, view=plain, patch=False),
    ResourceType(ZONE_GROUP, prepare=_prepare_zone_group, settle=settled, view=_view_zone_group, patch=False),
)
