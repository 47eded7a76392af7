"""What private endpoints can lead to, and the connections that such a resource shows.

Scope: groups and names per type, automatic and manual approval, ``privateEndpointConnections`` (read, listed, approved, rejected,
deleted) and ``privateLinkResources`` of every such type. A connection's state is kept with the endpoint, which alone has it.
Omitted: types that aren't in ``TARGETS``: 501.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.network.name import CLUSTER, ENDPOINT, LINK_SERVICE
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

LISTS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
#: the etag, times and author of what is shown and not stored
_UNSTORED = ("", "", "", "")
_STATUSES = ("Approved", "Disconnected", "Pending", "Rejected")


@dataclass(frozen=True)
class Target:
    """What an endpoint can lead to: group → its members and their names. ``{name}``, ``{id}``, ``{region}`` are filled in."""

    type: str
    groups: Mapping[str, Mapping[str, str]]
    #: the private DNS zones of all groups, ``{group}`` filled in
    zones: tuple[str, ...]
    #: zones of single groups that differ
    more_zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def zones_of(self, group: str) -> list[str]:
        """The private DNS zones of a group."""
        return [zone.format(group=group) for zone in self.more_zones.get(group, self.zones)]


def _storage(group: str) -> dict[str, str]:
    return {group: f"{{name}}.{group}.core.windows.net"}


_STORAGE_GROUPS = ("blob", "file", "queue", "table", "dfs", "web")
TARGETS = {
    target.type.lower(): target
    for target in (
        Target(
            "Microsoft.Storage/storageAccounts",
            {
                **{group: _storage(group) for group in _STORAGE_GROUPS},
                **{
                    f"{group}_secondary": {
                        f"{group}_secondary": f"{{name}}-secondary.{group}.core.windows.net"
                    }
                    for group in _STORAGE_GROUPS
                    if group != "file"
                },
            },
            (),
            {
                **{group: (f"privatelink.{group}.core.windows.net",) for group in _STORAGE_GROUPS},
                **{
                    f"{group}_secondary": (f"privatelink.{group}.core.windows.net",)
                    for group in _STORAGE_GROUPS
                    if group != "file"
                },
            },
        ),
        Target(
            "Microsoft.KeyVault/vaults",
            {"vault": {"default": "{name}.vault.azure.net"}},
            ("privatelink.vaultcore.azure.net",),
        ),
        Target(
            "Microsoft.ContainerRegistry/registries",
            {
                "registry": {
                    "registry_data_{region}": "{name}.{region}.data.azurecr.io",
                    "registry": "{name}.azurecr.io",
                }
            },
            ("privatelink.azurecr.io",),
        ),
        Target(
            "Microsoft.MachineLearningServices/workspaces",
            {
                "amlworkspace": {
                    "default": "{id}.workspace.{region}.api.azureml.ms",
                    "cert": "{id}.workspace.{region}.cert.api.azureml.ms",
                    "inference": "*.{id}.inference.{region}.api.azureml.ms",
                    "notebook": "ml-{name}-{region}-{id}.{region}.notebooks.azure.net",
                }
            },
            ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"),
        ),
        Target(
            "Microsoft.MachineLearningServices/registries",
            {"amlregistry": {"default": "{name}.registry.{region}.api.azureml.ms"}},
            ("privatelink.api.azureml.ms",),
        ),
        Target(
            "Microsoft.EventGrid/topics",
            {"topic": {"topic": "{name}.{region}-1.eventgrid.azure.net"}},
            ("privatelink.eventgrid.azure.net",),
        ),
        Target(
            "Microsoft.EventGrid/domains",
            {"domain": {"domain": "{name}.{region}-1.eventgrid.azure.net"}},
            ("privatelink.eventgrid.azure.net",),
        ),
        Target(
            "Microsoft.Insights/privateLinkScopes",
            {
                "azuremonitor": {
                    "api": "api.monitor.azure.com",
                    "global_in_ai": "global.in.ai.monitor.azure.com",
                    "profiler": "profiler.monitor.azure.com",
                    "live": "live.monitor.azure.com",
                    "snapshot": "snapshot.monitor.azure.com",
                    "diagservices_query": "diagservices-query.monitor.azure.com",
                }
            },
            (
                "privatelink.monitor.azure.com",
                "privatelink.oms.opinsights.azure.com",
                "privatelink.ods.opinsights.azure.com",
                "privatelink.agentsvc.azure-automation.net",
                "privatelink.blob.core.windows.net",
            ),
        ),
        Target(CLUSTER, {"management": {"management": "{name}.privatelink.{region}.azmk8s.io"}}, ()),
    )
}


def target_of(azure: Azure, connection: Json) -> tuple[Record, Target | None]:
    """What a connection leads to, with its groups checked; no ``Target`` for a private link service.

    Raises:
        ArmError: 400, there is no such resource or group; 501, local Azure has no endpoints to such resources.
    """
    given: Json = connection.get("properties") or {}
    target_id = str(given.get("privateLinkServiceId") or "")
    record = azure.store.get(target_id)
    if record is None:
        kind = parse(target_id).type if target_id else ""
        if kind and kind.lower() not in TARGETS and kind.lower() != LINK_SERVICE.lower():
            raise unsupported(f"A private endpoint to a '{kind}'")
        raise bad_request(
            f"Resource {target_id} referenced by the private endpoint was not found.",
            code="InvalidResourceReference",
        )
    if record.type.lower() == LINK_SERVICE.lower():
        return record, None
    target = TARGETS.get(record.type.lower())
    if target is None:
        raise unsupported(f"A private endpoint to a '{record.type}'")
    groups: list[str] = given.get("groupIds") or []
    known = {group.lower() for group in target.groups}
    if len(groups) != 1 or str(groups[0]).lower() not in known:
        raise bad_request(
            f"A private endpoint to {record.id} needs one groupId of {', '.join(target.groups)}; it has {groups}.",
            code="BadRequest",
        )
    if target.type.endswith("ContainerRegistry/registries") and record.body["sku"]["name"] != "Premium":
        raise bad_request(
            f"The registry {record.name} is of the SKU {record.body['sku']['name']}; private endpoints need Premium.",
            code="BadRequest",
        )
    return record, target


def members(record: Record, target: Target | None, region: str, group: str) -> dict[str, list[str]]:
    """The members of a group that get an address each, with their names."""
    properties: Json = record.body.get("properties") or {}
    if target is None:
        names = [str(name) for name in properties.get("fqdns") or []]
        return {f"member{at}": [name] for at, name in enumerate(names)} or {"default": []}
    of_group = next(names for known, names in target.groups.items() if known.lower() == group.lower())
    values = {"name": record.name.lower(), "id": properties.get("workspaceId", ""), "region": region}
    return {member.format(**values): [name.format(**values).lower()] for member, name in of_group.items()}


def first_state(azure: Azure, connection: Json, *, manual: bool) -> Json:
    """The state of a new connection: approved where the caller may approve, which everybody may here."""
    record = azure.store.get(str(connection["properties"]["privateLinkServiceId"]))
    automatic = not manual
    if automatic and record is not None and record.type.lower() == LINK_SERVICE.lower():
        allowed: list[str] = (record.body["properties"].get("autoApproval") or {}).get("subscriptions") or []
        automatic = "*" in allowed or parse(record.id).subscription_id in allowed or not allowed
    if automatic:
        return {"status": "Approved", "description": "Auto-approved", "actionsRequired": "None"}
    return {"status": "Pending", "description": "Awaiting approval", "actionsRequired": "None"}


def _pairs(azure: Azure, target_id: str) -> list[tuple[Record, Json]]:
    """The endpoints that lead to a resource, each with its connection."""
    pairs = (
        (endpoint, one)
        for endpoint in azure.store.of_type(ENDPOINT)
        for segment in LISTS
        for one in endpoint.body["properties"].get(segment) or []
    )
    return [
        (endpoint, one)
        for endpoint, one in pairs
        if str(one["properties"].get("privateLinkServiceId")).lower() == target_id.lower()
        and not one.get("disconnected")
    ]


def _name(endpoint: Record) -> str:
    return f"{endpoint.name}.{endpoint.body['properties']['resourceGuid']}"


def connections(azure: Azure, record: Record) -> list[Json] | None:
    """The connections of private endpoints to a resource, as the resource shows them; None: it takes none."""
    if record.type.lower() not in TARGETS and record.type.lower() != LINK_SERVICE.lower():
        return None
    return [_shown(record.id, record.type, endpoint, one) for endpoint, one in _pairs(azure, record.id)]


def _shown(target_id: str, target_type: str, endpoint: Record, connection: Json) -> Json:
    given: Json = connection["properties"]
    state: Json = dict(given["privateLinkServiceConnectionState"])
    if target_type.lower() == "microsoft.storage/storageaccounts":
        # Storage alone has it in the singular.
        state["actionRequired"] = state.pop("actionsRequired", "None")
    properties: Json = {
        "privateEndpoint": {"id": endpoint.id},
        "privateLinkServiceConnectionState": state,
        "provisioningState": "Succeeded",
    }
    own = {"etag": f'"{endpoint.etag}"'} if target_type.lower() == "microsoft.keyvault/vaults" else {}
    if given.get("groupIds"):
        properties["groupIds"] = given["groupIds"]
    name = _name(endpoint)
    return {
        "id": f"{target_id}/privateEndpointConnections/{name}",
        "name": name,
        "type": f"{target_type}/privateEndpointConnections",
        **own,
        "properties": properties,
    }


def _find(azure: Azure, resource_id: ResourceId) -> tuple[Record, Json] | None:
    for endpoint, connection in _pairs(azure, resource_id.parent):
        if _name(endpoint).lower() == resource_id.name.lower():
            return endpoint, connection
    return None


def decide(
    azure: Azure, endpoint: Record, target_id: str, state: Json, *, disconnected: bool = False
) -> None:
    """Writes a connection's new state into its endpoint."""
    properties: Json = dict(endpoint.body["properties"])
    for segment in LISTS:
        properties[segment] = [
            {
                **one,
                **({"disconnected": True} if disconnected else {}),
                "properties": {**one["properties"], "privateLinkServiceConnectionState": state},
            }
            if str(one["properties"].get("privateLinkServiceId")).lower() == target_id.lower()
            else one
            for one in properties.get(segment) or []
        ]
    azure.store.put(endpoint.id, {**endpoint.body, "properties": properties})


def _implicit(azure: Azure, resource_id: ResourceId) -> Json | None:
    found = _find(azure, resource_id)
    if found is None:
        return None
    shown = _shown(resource_id.parent, resource_id.type.rsplit("/", 1)[0], *found)
    return _outer(shown)


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    found = _find(azure, resource_id)
    if found is None:
        raise ArmError(
            404,
            "PrivateEndpointConnectionNotFound",
            f"There is no private endpoint connection '{resource_id.name}'.",
        )
    wanted: Json = (body.get("properties") or {}).get("privateLinkServiceConnectionState") or {}
    status = wanted.get("status")
    if status not in _STATUSES:
        raise bad_request(
            f"The status '{status}' of a private endpoint connection must be one of {', '.join(_STATUSES)}.",
            code="BadRequest",
        )
    state = {"description": "", "actionsRequired": "None", **wanted}
    return {"properties": {"privateLinkServiceConnectionState": state}}


async def _settle(azure: Azure, record: Record) -> Json | None:
    """The decision goes into the endpoint; here nothing of it stays."""
    parsed = parse(record.id)
    found = _find(azure, parsed)
    if found is not None:
        decide(azure, found[0], parsed.parent, record.body["properties"]["privateLinkServiceConnectionState"])
    return None


def _view(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    shown: Any = _implicit(azure, parse(record.id)) or {}
    body.pop("systemData", None)
    return {**body, **shown}


def _outer(connection: Json) -> Json:
    """A connection's body."""
    return {key: value for key, value in connection.items() if key not in ("id", "name", "type")}


def _listing(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
    target = azure.store.get(call.path.rsplit("/", 1)[0])
    found = (connections(azure, target) or []) if target is not None else []
    return [Record(one["id"], one["type"], one["name"], _outer(one), "", "", "", "") for one in found]


def _disconnect(azure: Azure, _call: Call, resource_id: ResourceId, record: Record | None) -> Answer | None:
    found = _find(azure, resource_id)
    if found is None:
        return None
    state = {
        "status": "Disconnected",
        "description": "Deleted by the owner of the resource",
        "actionsRequired": "None",
    }
    decide(azure, found[0], resource_id.parent, state, disconnected=True)
    if record is not None:
        azure.store.delete(record.id)
    return Answer(200)


def _resources(azure: Azure, call: Call, _records: list[Record]) -> list[Record]:
    """The groups of a resource (``privateLinkResources``)."""
    record = azure.store.get(call.path.rsplit("/", 1)[0])
    target = TARGETS.get(record.type.lower()) if record is not None else None
    if record is None or target is None:
        return []
    region = str(record.body.get("location") or "")
    return [
        Record(
            f"{record.id}/privateLinkResources/{group}",
            f"{record.type}/privateLinkResources",
            group,
            {
                "properties": {
                    "groupId": group,
                    "requiredMembers": list(members(record, target, region, group)),
                    "requiredZoneNames": target.zones_of(group),
                }
            },
            *_UNSTORED,
        )
        for group in target.groups
    ]


def _bare(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return body


def _connection_type(target: str) -> ResourceType:
    return ResourceType(
        f"{target}/privateEndpointConnections",
        prepare=_prepare,
        settle=_settle,
        settle_now=True,
        created=200,
        view=_view,
        implicit=_implicit,
        listing=_listing,
        on_delete=_disconnect,
        patch=False,
    )


TYPES = (
    *(_connection_type(target.type) for target in TARGETS.values()),
    _connection_type(LINK_SERVICE),
    *(
        ResourceType(f"{target.type}/privateLinkResources", listing=_resources, view=_bare, patch=False)
        for target in TARGETS.values()
    ),
)
