"""Microsoft.Network: service endpoint policies (which storage accounts a subnet may reach) with their definitions.

Scope: definitions of Microsoft.Storage and of Azure's own services, what uses a policy. Omitted: nothing is held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.network.name import SERVICE_POLICY, SUBNET
from local.azure.network.record import Children, given, kept
from local.azure.network.reference import in_use, users

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId

_DEFINITION = f"{SERVICE_POLICY}/serviceEndpointPolicyDefinitions"
_SERVICES = ("Microsoft.Storage", "Global")


def _check(name: str, properties: Json) -> Json:
    if properties.get("service") not in _SERVICES:
        raise bad_request(
            f"The service '{properties.get('service')}' of definition '{name}' must be one of {', '.join(_SERVICES)}.",
            code="ServiceEndpointPolicyDefinitionInvalidService",
        )
    if not properties.get("serviceResources"):
        raise bad_request(
            f"Definition '{name}' needs serviceResources.",
            code="ServiceEndpointPolicyDefinitionWithoutResources",
        )
    return properties


def _listed(_azure: Azure, _policy: ResourceId, _properties: Json, items: list[Json]) -> list[Json]:
    return [
        {
            "name": item["name"],
            "properties": {**_check(str(item["name"]), given(item)), "provisioningState": "Succeeded"},
        }
        for item in items
    ]


def _write(
    _azure: Azure, resource_id: ResourceId, _body: Json, properties: Json, _old: Record | None
) -> Json:
    return _check(resource_id.name, properties)


def _read(azure: Azure, record: Record, properties: Json) -> Json:
    return {**properties, "subnets": [{"id": user.id} for user in users(azure, record.id, (SUBNET,))]}


def _keep_used(azure: Azure, record: Record) -> None:
    for user in users(azure, record.id, (SUBNET,)):
        raise in_use("ServiceEndpointPolicy", record, user.id)


TYPES = (
    kept(
        SERVICE_POLICY,
        read=_read,
        read_only=("subnets",),
        guard=_keep_used,
        has_guid=True,
        children=(Children("serviceEndpointPolicyDefinitions", _DEFINITION, _listed),),
    ),
    kept(_DEFINITION, write=_write, located=False, patch=False),
)
