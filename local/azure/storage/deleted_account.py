"""Microsoft.Storage: accounts that were deleted.

Scope: what was deleted and when, until an account of that name is made again or 14 days have passed. Omitted: recovery
(Azure has it in its portal only); what the account held is gone here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from local.azure.resource_type import Answer, Call, Json, Record, ResourceType, Route
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

_TYPE = "Microsoft.Storage/locations/deletedAccounts"
_KEPT = timedelta(days=14)


def remember(azure: Azure, account: Record) -> None:
    """Notes that an account is being deleted."""
    location = account.body["location"]
    created = account.body["properties"]["creationTime"]
    properties: Json = {
        "storageAccountResourceId": account.id,
        "location": location,
        "restoreReference": f"{account.name}|{created}",
        "creationTime": created,
        "deletionTime": azure.now().isoformat(),
    }
    path = f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Storage/locations/{location}"
    azure.store.put(f"{path}/deletedAccounts/{account.name}", {"properties": properties})


def forget(azure: Azure, name: str) -> None:
    """Drops the note: there is an account of that name."""
    for record in azure.store.named(_TYPE, name):
        azure.store.delete(record.id)


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "type": "Microsoft.Storage/deletedAccounts"}


async def _list(azure: Azure, _call: Call) -> Answer:
    since = azure.now() - _KEPT
    value = [
        {
            "id": record.id,
            "name": record.name,
            "type": "Microsoft.Storage/deletedAccounts",
            "properties": record.body["properties"],
        }
        for record in azure.store.of_type(_TYPE)
        if datetime.fromisoformat(record.body["properties"]["deletionTime"]) > since
    ]
    return Answer(200, {"value": value})


TYPES = (ResourceType(_TYPE, view=_view, patch=False),)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Storage/deletedAccounts", re.IGNORECASE),
        _list,
        ("GET",),
    ),
)
