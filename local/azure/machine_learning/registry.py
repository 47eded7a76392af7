"""Registries: assets that several workspaces share, and the storage and container registry that stand behind each region.

A registry has a resource group of its own, with an account and a container registry for every region of
``regionDetails`` that doesn't bring its own; they are made with it and go with it. Assets are in ``registry_asset.py``.
PATCH changes tags, identity and sku. Omitted: that what is written in one region appears in the others later (all
regions show the same at once), and the private endpoints named in ``registryPrivateEndpointConnections``: they are kept
as they are given and lead nowhere.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.blob import ACCOUNT
from local.azure.container_registry import registry as acr
from local.azure.errors import bad_request, conflict
from local.azure.machine_learning import resource_identity
from local.azure.machine_learning.asset import REGISTRY
from local.azure.resource_id import resource_group_id
from local.azure.resource_type import Answer, ResourceType
from local.azure.storage import account as storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_HOST = "{location}.api.azureml.ms"
_STORAGE, _ACR = "storageAccountDetails", "acrDetails"
_ACR_TYPE = "Microsoft.ContainerRegistry/registries"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"'{name}' is no name of a registry: 3 to 33 letters, digits, '-' and '_'.",
            code="ValidationError",
        )
    if any(other.id.lower() != resource_id.key for other in azure.store.named(REGISTRY, name)):
        raise conflict(f"A registry with the name '{name}' already exists.", code="RegistryNameNotAvailable")
    location = str(body.get("location") or (old.body["location"] if old else ""))
    if not location:
        raise bad_request("The location property is required.", code="LocationRequired", target="location")
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    group = before.get("managedResourceGroup") or {
        "resourceId": resource_group_id(
            resource_id.subscription_id, f"azureml-rg-{name}_{uuid.uuid4()}".lower()
        )
    }
    regions = _regions(azure, group["resourceId"], location, given.get("regionDetails"), before)
    host = _HOST.format(location=location)
    identity = body.get("identity") or (old.body["identity"] if old else {"type": "SystemAssigned"})
    return {
        "location": location,
        "kind": body.get("kind"),
        "tags": body.get("tags") or {},
        "sku": body.get("sku") or {"name": "Basic", "tier": "Basic"},
        "identity": resource_identity.complete(azure, resource_id, identity, old),
        "properties": {
            "intellectualPropertyPublisher": None,
            "publicNetworkAccess": "Enabled",
            **before,
            **given,
            "managedResourceGroup": group,
            "regionDetails": regions,
            "registryPrivateEndpointConnections": [
                _endpoint(one) for one in given.get("registryPrivateEndpointConnections") or []
            ],
            "discoveryUrl": f"https://{host}/registrymanagement/v1.0/registries/{name}/discovery",
            "mlFlowRegistryUri": f"azureml://{host}/mlflow/v1.0{resource_id.text}",
        },
    }


def _endpoint(given: Mapping[str, Any]) -> Json:
    """A connection as it is given; one that has no endpoint's id shows its own."""
    properties: Mapping[str, Any] = given.get("properties") or {}
    endpoint: Mapping[str, Any] = properties.get("privateEndpoint") or {}
    return {
        **given,
        "properties": {
            **properties,
            "privateEndpoint": {**endpoint, "id": endpoint.get("id") or given.get("id")},
            "provisioningState": "Succeeded",
        },
    }


def _regions(
    azure: Azure, group: str, location: str, given: list[Json] | None, before: Mapping[str, Any]
) -> list[Json]:
    """The regions with the ids of what stands behind them; those that are there keep theirs."""
    known: dict[str, Json] = {_place(one["location"]): one for one in before.get("regionDetails") or []}
    wanted = [*(given or []), *([] if given or known else [{"location": location}])]
    for one in wanted:
        place = _place(str(one.get("location") or location))
        known.setdefault(place, _region(azure, group, {**one, "location": place}))
    if location not in known:
        raise bad_request(
            f"The regions of a registry must have its own, {location}; regionDetails has {', '.join(known)}.",
            code="ValidationError",
            target="properties.regionDetails",
        )
    return list(known.values())


def _place(location: str) -> str:
    return location.replace(" ", "").lower()


def _region(azure: Azure, group: str, given: Json) -> Json:
    return {
        **given,
        _STORAGE: [_storage(azure, group, one) for one in given.get(_STORAGE) or [{}]],
        _ACR: [_acr(azure, group, one) for one in given.get(_ACR) or [{}]],
    }


def _storage(azure: Azure, group: str, given: Mapping[str, Any]) -> Json:
    if own := _own(azure, given, "userCreatedStorageAccount", ACCOUNT):
        return own
    wanted: Json = {
        key: value for key, value in (given.get("systemCreatedStorageAccount") or {}).items() if value
    }
    name = _free(azure, ACCOUNT, str(wanted.get("storageAccountName") or ""), 24)
    return {
        "systemCreatedStorageAccount": {
            "allowBlobPublicAccess": False,
            "storageAccountHnsEnabled": False,
            "storageAccountType": "Standard_LRS",
            **wanted,
            "storageAccountName": name,
            "armResourceId": {"resourceId": f"{group}/providers/{ACCOUNT}/{name}"},
        }
    }


def _acr(azure: Azure, group: str, given: Mapping[str, Any]) -> Json:
    if own := _own(azure, given, "userCreatedAcrAccount", _ACR_TYPE):
        return own
    wanted: Json = {
        key: value for key, value in (given.get("systemCreatedAcrAccount") or {}).items() if value
    }
    name = _free(azure, _ACR_TYPE, str(wanted.get("acrAccountName") or ""), 50)
    return {
        "systemCreatedAcrAccount": {
            "acrAccountSku": "Premium",
            **wanted,
            "acrAccountName": name,
            "armResourceId": {"resourceId": f"{group}/providers/{_ACR_TYPE}/{name}"},
        }
    }


def _own(azure: Azure, given: Mapping[str, Any], field: str, kind: str) -> Json | None:
    """An account that the caller brings; 400 if there is none of that id."""
    reference = ((given.get(field) or {}).get("armResourceId") or {}).get("resourceId")
    if given.get(field) is None:
        return None
    found = azure.store.get(str(reference))
    if found is None or found.type.lower() != kind.lower():
        raise bad_request(
            f"The {field} '{reference}' does not exist.",
            code="ValidationError",
            target="properties.regionDetails",
        )
    return dict(given)


def _free(azure: Azure, kind: str, wanted: str, longest: int) -> str:
    """The name that is wanted, if it is one and nobody has it; else one at random, as Azure gives."""
    plain = re.sub("[^a-z0-9]", "", wanted.lower())
    if 5 <= len(plain) <= longest and not azure.store.named(kind, plain):
        return plain
    return f"{plain[: longest - 13]}{uuid.uuid4().hex[:13]}"


def accounts(properties: Mapping[str, Any]) -> Iterator[tuple[str, Json, str]]:
    """What stands behind a registry: the region, the account and its id."""
    for region in properties["regionDetails"]:
        for found in (*region[_STORAGE], *region[_ACR]):
            for account in found.values():
                yield region["location"], found, account["armResourceId"]["resourceId"]


def storage_account(registry: Record) -> str:
    """The id of the account that holds a registry's content: that of its own region."""
    location = registry.body["location"]
    regions: list[Json] = registry.body["properties"]["regionDetails"]
    region = next((one for one in regions if one["location"] == location), regions[0])
    account = next(iter(region[_STORAGE][0].values()))
    return str(account["armResourceId"]["resourceId"])


async def _settle(azure: Azure, record: Record) -> None:
    """Makes the resource group and what the registry's regions need in it."""
    properties: Json = record.body["properties"]
    group = properties["managedResourceGroup"]["resourceId"]
    if azure.store.get(group) is None:
        azure.store.put(
            group,
            {
                "location": record.body["location"],
                "tags": {},
                "managedBy": record.id,
                "properties": {"provisioningState": "Succeeded"},
            },
            by=record.created_by,
        )
    for location, details, account in accounts(properties):
        if azure.store.get(account) is not None:
            continue
        if made := details.get("systemCreatedStorageAccount"):
            body: Json = {
                "location": location,
                "kind": "StorageV2",
                "sku": {"name": _sku(made["storageAccountType"])},
                "properties": {
                    "isHnsEnabled": bool(made["storageAccountHnsEnabled"]),
                    "allowBlobPublicAccess": bool(made["allowBlobPublicAccess"]),
                },
            }
            await _make(azure, storage.TYPES, account, body, record)
        elif made := details.get("systemCreatedAcrAccount"):
            sku = str(made["acrAccountSku"])
            body = {
                "location": location,
                "sku": {"name": sku if sku in _SKUS else "Premium"},
                "properties": {},
            }
            await _make(azure, acr.TYPES, account, body, record)


_SKUS = ("Basic", "Standard", "Premium")


def _sku(given: str) -> str:
    """The account's SKU: Azure takes it in any spelling, ``standard_lrs`` too; what is none becomes the default."""
    known = (
        "Standard_LRS",
        "Standard_GRS",
        "Standard_RAGRS",
        "Standard_ZRS",
        "Standard_GZRS",
        "Standard_RAGZRS",
    )
    return {one.lower(): one for one in (*known, "Premium_LRS", "Premium_ZRS")}.get(given.lower(), known[0])


async def _make(
    azure: Azure, types: tuple[ResourceType, ...], account: str, body: Json, registry: Record
) -> None:
    """What a PUT of an account would do."""
    resource_id = azure.parse(account)
    kind = next(one for one in types if one.name.lower() == resource_id.type.lower())
    assert kind.prepare is not None  # noqa: S101 (accounts and registries have one)
    record = azure.store.put(account, kind.prepare(azure, resource_id, body, None), by=registry.created_by)
    if kind.settle is not None:
        await kind.settle(azure, record)


async def _vanish(azure: Azure, record: Record) -> None:
    """The registry's own resource group goes with it."""
    properties: Json = record.body["properties"]
    for kind in (*storage.TYPES, *acr.TYPES):
        for _, details, account in accounts(properties):
            found = azure.store.get(account)
            if found is not None and kind.name == found.type and kind.vanish and _system(details):
                await kind.vanish(azure, found)
    azure.store.delete(properties["managedResourceGroup"]["resourceId"])


def _system(details: Json) -> bool:
    return any(name.startswith("systemCreated") for name in details)


def merge(stored: Json, patch: Json) -> Json:
    """PATCH changes tags, identity and sku."""
    return {
        **stored,
        **{key: patch[key] for key in ("tags", "identity", "sku") if patch.get(key) is not None},
    }


async def _remove_regions(azure: Azure, call: Call, record: Record) -> Answer:
    """Takes regions away that the registry no longer wants; its own stays."""
    given: list[Json] = ((call.body or {}).get("properties") or {}).get("regionDetails") or []
    gone = {_place(str(one.get("location") or "")) for one in given} - {_place(record.body["location"])}
    properties: Json = record.body["properties"]
    for location, details, account in list(accounts(properties)):
        found = azure.store.get(account)
        if location in gone and _system(details) and found is not None:
            types = (*storage.TYPES, *acr.TYPES)
            kind = next(one for one in types if one.name == found.type)
            if kind.vanish is not None:
                await kind.vanish(azure, found)
            azure.store.delete(account)
    kept = [one for one in properties["regionDetails"] if one["location"] not in gone]
    body = {**record.body, "properties": {**properties, "regionDetails": kept}}
    changed = azure.store.put(record.id, body, by=call.principal_id or "")
    return Answer(200, {"id": changed.id, "name": changed.name, "type": changed.type, **changed.body})


TYPES = (
    ResourceType(
        REGISTRY,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        merge=merge,
        operation=("registryOperationsStatus", "op"),
        actions={"removeRegions": _remove_regions},
    ),
)
