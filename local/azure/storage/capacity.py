"""Microsoft.Storage: which SKUs there are, and how many accounts a region may have.

Scope: ``skus`` for the regions that local Azure has, ``locations/…/usages`` with the accounts that there are. The limit is
Azure's default (250 accounts a region and subscription).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.blob import ACCOUNT
from local.azure.resource_type import Answer, Call, Json, Route
from local.azure.resources import LOCATIONS

if TYPE_CHECKING:
    from local.azure.azure import Azure

_LIMIT = 250
_GENERAL = ("Storage", "StorageV2")
#: SKU → the kinds that have it.
_SKUS = {
    "Standard_LRS": (*_GENERAL, "BlobStorage"),
    "Standard_GRS": (*_GENERAL, "BlobStorage"),
    "Standard_RAGRS": (*_GENERAL, "BlobStorage"),
    "Standard_ZRS": ("StorageV2",),
    "Standard_GZRS": ("StorageV2",),
    "Standard_RAGZRS": ("StorageV2",),
    "Premium_LRS": (*_GENERAL, "BlockBlobStorage", "FileStorage"),
    "Premium_ZRS": ("BlockBlobStorage", "FileStorage"),
}


def _capabilities(sku: str, kind: str) -> list[Json]:
    found = {
        "supportsarchive": kind in ("StorageV2", "BlobStorage") and not sku.startswith("Premium"),
        "supportschangenotification": True,
        "supportsfileencryption": kind != "BlobStorage",
        "supportshoeboxcapacitymetrics": True,
        "supportsnetworkacls": True,
    }
    return [{"name": name, "value": str(value).lower()} for name, value in found.items()]


def _sku(name: str, kind: str, location: str) -> Json:
    return {
        "resourceType": "storageAccounts",
        "name": name,
        "tier": "Premium" if name.startswith("Premium") else "Standard",
        "kind": kind,
        "locations": [location],
        "locationInfo": [{"location": location, "zones": ["1", "2", "3"]}],
        "capabilities": _capabilities(name, kind),
        "restrictions": [],
    }


async def _skus(_azure: Azure, _call: Call) -> Answer:
    value = [
        _sku(name, kind, location)
        for location in LOCATIONS
        for name, kinds in _SKUS.items()
        for kind in kinds
    ]
    return Answer(200, {"value": value})


async def _usages(azure: Azure, call: Call) -> Answer:
    location = call.captured["location"].lower()
    count = sum(record.body.get("location") == location for record in azure.store.of_type(ACCOUNT))
    usage = {
        "unit": "Count",
        "currentValue": count,
        "limit": _LIMIT,
        "name": {"value": "StorageAccounts", "localizedValue": "Storage Accounts"},
    }
    return Answer(200, {"value": [usage]})


def _route(path: str, handle: Any) -> Route:
    pattern = re.compile(rf"/subscriptions/[^/]+/providers/Microsoft\.Storage/{path}", re.IGNORECASE)
    return Route(re.compile(r"management\.azure\.com"), pattern, handle, ("GET",))


ROUTES = (_route("skus", _skus), _route("locations/(?P<location>[^/]+)/usages", _usages))
