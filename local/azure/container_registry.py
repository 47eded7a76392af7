"""Microsoft.ContainerRegistry: registries.

Scope: registries (names unique in all of Azure, Premium for what needs it), the admin user's credentials. Omitted: images.
There is no Docker here: the data plane (``*.azurecr.io``) is refused, and environments are built from their conda file.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, conflict
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.ContainerRegistry/registries"
_NAME = re.compile(r"[A-Za-z0-9]{5,50}")


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The registry name '{name}' is invalid: 5 to 50 letters and digits.", code="InvalidResourceName"
        )
    for other in azure.store.named(TYPE, name):
        if other.id.lower() != resource_id.key:
            raise conflict(
                f"The registry DNS name {name.lower()}.azurecr.io is already in use.", code="AlreadyInUse"
            )
    check_location(body)
    sku = str((body.get("sku") or {}).get("name", ""))
    if sku not in ("Basic", "Standard", "Premium"):
        raise bad_request(
            f"The SKU '{sku}' is none of Basic, Standard, Premium.", code="UnsupportedSku", target="sku.name"
        )
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if given.get("publicNetworkAccess") == "Disabled" and sku != "Premium":
        raise bad_request(
            f"Public network access can be disabled for the SKU Premium only, not {sku}.",
            code="NetworkRuleSetNotSupported",
        )
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
        "dataEndpointEnabled": False,
        "dataEndpointHostNames": [],
        "encryption": {"status": "disabled"},
        "networkRuleBypassOptions": "AzureServices",
        "policies": {
            "quarantinePolicy": {"status": "disabled"},
            "trustPolicy": {"type": "Notary", "status": "disabled"},
            "retentionPolicy": {"days": 7, "status": "disabled"},
            "exportPolicy": {"status": "enabled"},
        },
        "privateEndpointConnections": [],
        "publicNetworkAccess": "Enabled",
        "zoneRedundancy": "Disabled",
        **before,
        **given,
        "creationDate": before.get("creationDate", azure.now().isoformat()),
        "loginServer": f"{name.lower()}.azurecr.io",
        "provisioningState": "Succeeded",
    }
    return {
        **body,
        "sku": {"name": sku, "tier": sku},
        "tags": body.get("tags") or {},
        "properties": properties,
    }


async def _settle(azure: Azure, record: Record) -> Json | None:
    for number in (1, 2):
        name = f"{record.id}/password{number}"
        if azure.store.secret(name) is None:
            azure.store.put_secret(name, secrets.token_urlsafe(39))
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    azure.store.delete_secrets(record.id)


async def _credentials(azure: Azure, _call: Call, record: Record) -> Answer:
    if not record.body["properties"]["adminUserEnabled"]:
        raise bad_request(
            f"The admin user of the registry {record.name} is not enabled.",
            code="UnAuthorizedForCredentialOperations",
        )
    passwords = [
        {
            "name": "password" if number == 1 else "password2",
            "value": azure.store.secret(f"{record.id}/password{number}"),
        }
        for number in (1, 2)
    ]
    return Answer(200, {"username": record.name, "passwords": passwords})


TYPES = (
    ResourceType(
        TYPE, prepare=_prepare, settle=_settle, vanish=_vanish, actions={"listCredentials": _credentials}
    ),
)
