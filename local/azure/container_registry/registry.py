"""Microsoft.ContainerRegistry: registries.

Scope: registries (names unique in all of Azure, Premium for what needs it, keys of a vault), the admin user's credentials,
what a registry has of what its SKU allows, name availability. Omitted: images, imports, builds, tasks, connected registries
and agent pools (501): there is no Docker here; the data plane (``*.azurecr.io``) is refused, and environments are built
from their conda file.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from local.azure import name_availability
from local.azure.container_registry import token
from local.azure.container_registry.name import PATTERN, REGISTRY
from local.azure.errors import bad_request, conflict, not_found
from local.azure.key_vault import key_store, protecting_key
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location

if TYPE_CHECKING:
    from local.azure.azure import Azure

_HOST = re.compile(r"management\.azure\.com")
_READ_ONLY = (
    "creationDate",
    "dataEndpointHostNames",
    "loginServer",
    "privateEndpointConnections",
    "provisioningState",
    "status",
)
#: GiB, webhooks, replications, private endpoints and so on. Source: Microsoft Learn, "Azure Container Registry SKUs and limits".
_LIMITS = {
    "Basic": {"Size": 10 << 30, "Webhooks": 2},
    "Standard": {"Size": 100 << 30, "Webhooks": 10},
    "Premium": {
        "Size": 500 << 30,
        "Webhooks": 500,
        "Geo-replications": -1,
        "IPRules": 100,
        "ScopeMaps": 50_000,
        "Tokens": 50_000,
    },
}


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    name = resource_id.name
    if not PATTERN.fullmatch(name):
        raise bad_request(
            f"The registry name '{name}' is invalid: 5 to 50 letters and digits.", code="InvalidResourceName"
        )
    for other in azure.store.named(REGISTRY, name):
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
    given: Json = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if value is not None and key not in _READ_ONLY
    }
    if given.get("publicNetworkAccess") == "Disabled" and sku != "Premium":
        raise bad_request(
            f"Disabling public network access is not supported for the SKU {sku}; the registry must be Premium.",
            code="DisablingPublicNetworkAccessNotSupported",
        )
    _check_premium(given, sku)
    before: Json = old.body["properties"] if old is not None else {}
    properties = {
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
        "dataEndpointEnabled": False,
        "dataEndpointHostNames": [],
        "networkRuleBypassOptions": "AzureServices",
        "networkRuleSet": {"defaultAction": "Allow", "ipRules": []},
        "privateEndpointConnections": [],
        "publicNetworkAccess": "Enabled",
        "zoneRedundancy": "Disabled",
        **before,
        **given,
        "encryption": _encryption(azure, given.get("encryption") or before.get("encryption"), old, sku),
        "policies": _policies(azure, given.get("policies"), before.get("policies")),
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


def _check_premium(given: Json, sku: str) -> None:
    """Refuses what only a Premium registry has (Microsoft Learn, "Azure Container Registry service tiers")."""
    rules: Json = given.get("networkRuleSet") or {}
    wanted = {
        "A firewall (networkRuleSet)": rules.get("defaultAction") == "Deny" or bool(rules.get("ipRules")),
        "A dedicated data endpoint": bool(given.get("dataEndpointEnabled")),
    }
    for what, asked in wanted.items():
        if asked and sku != "Premium":
            raise bad_request(
                f"{what} is not supported for the SKU {sku}; the registry must be Premium.",
                code="SkuNotSupported",
            )


def _policies(azure: Azure, given: Json | None, before: Json | None) -> Json:
    """``policies``, whole: each keeps what isn't named."""
    now = azure.now().isoformat()
    defaults: Json = {
        "quarantinePolicy": {"status": "disabled"},
        "trustPolicy": {"type": "Notary", "status": "disabled"},
        "retentionPolicy": {"days": 7, "lastUpdatedTime": now, "status": "disabled"},
        "exportPolicy": {"status": "enabled"},
        "azureADAuthenticationAsArmPolicy": {"status": "enabled"},
        "softDeletePolicy": {"retentionDays": 7, "lastUpdatedTime": now, "status": "disabled"},
    }
    whole = {**defaults, **(before or {})}
    for name, policy in (given or {}).items():
        whole[name] = {**whole.get(name, {}), **(policy or {})}
    days = whole["retentionPolicy"].get("days")
    if not isinstance(days, int) or not 0 <= days <= 365:
        raise bad_request(
            f"The days of the retention policy must be from 0 to 365; they are {days}.",
            code="InvalidRequestPropertyValue",
            target="policies.retentionPolicy.days",
        )
    return whole


def _encryption(azure: Azure, given: Json | None, old: Record | None, sku: str) -> Json:
    if not given or str(given.get("status", "")).lower() != "enabled":
        return {"status": "disabled"}
    if old is not None and old.body["properties"]["encryption"]["status"] != "enabled":
        raise bad_request(
            "Encryption with a key of yours can be chosen when a registry is made, not later.",
            code="EncryptionUpdateNotSupported",
        )
    if sku != "Premium":
        raise bad_request(
            f"Encryption with a key of yours is not supported for the SKU {sku}; the registry must be Premium.",
            code="EncryptionNotSupported",
        )
    wanted: Json = given.get("keyVaultProperties") or {}
    versioned = key_store.by_url(azure, str(wanted.get("keyIdentifier") or ""))
    protecting_key.check(azure, versioned, identity=_by_client(azure, str(wanted.get("identity") or "")))
    named_version = str(wanted.get("keyIdentifier")).rstrip("/") == versioned
    return {
        **given,
        "keyVaultProperties": {
            **wanted,
            "versionedKeyIdentifier": versioned,
            "keyRotationEnabled": not named_version,
            "lastKeyRotationTimestamp": azure.now().isoformat(),
        },
    }


def _by_client(azure: Azure, client_id: str) -> str | None:
    """The id of the user-assigned identity that encryption names by its client id."""
    for found in azure.store.of_type("Microsoft.ManagedIdentity/userAssignedIdentities"):
        if client_id and (found.body.get("properties") or {}).get("clientId") == client_id:
            return found.id
    return None


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
    return Answer(200, {"username": record.name, "passwords": _passwords(azure, record)})


def _passwords(azure: Azure, record: Record) -> list[Json]:
    return [
        {"name": name, "value": azure.store.secret(f"{record.id}/password{number}")}
        for number, name in enumerate(("password", "password2"), 1)
    ]


async def _regenerate(azure: Azure, call: Call, record: Record) -> Answer:
    wanted = (call.body or {}).get("name")
    if wanted not in ("password", "password2"):
        raise bad_request(
            f"The password '{wanted}' is neither 'password' nor 'password2'.",
            code="InvalidRequestPropertyValue",
            target="name",
        )
    number = 1 if wanted == "password" else 2
    azure.store.put_secret(f"{record.id}/password{number}", secrets.token_urlsafe(39))
    return Answer(200, {"username": record.name, "passwords": _passwords(azure, record)})


async def _usages(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(call.captured["registry"])
    if record is None:
        raise not_found(call.captured["registry"])
    counted = {
        "Webhooks": len(azure.store.below(record.id, f"{REGISTRY}/webhooks")),
        "Geo-replications": len(azure.store.below(record.id, f"{REGISTRY}/replications")),
        "IPRules": len(record.body["properties"]["networkRuleSet"].get("ipRules") or []),
        "ScopeMaps": len(azure.store.below(record.id, f"{REGISTRY}/scopeMaps")),
        "Tokens": len(azure.store.below(record.id, f"{REGISTRY}/tokens")),
    }
    value = [
        {
            "name": name,
            "limit": limit,
            "currentValue": counted.get(name, 0),
            "unit": "Bytes" if name == "Size" else "Count",
        }
        for name, limit in _LIMITS[record.body["sku"]["name"]].items()
    ]
    return Answer(200, {"value": value})


async def _check_name(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    invalid = None if PATTERN.fullmatch(name) else "A registry's name is 5 to 50 letters and digits."
    taken = f"The registry {name} is already in use."
    return name_availability.answer(azure, name, (REGISTRY,), invalid=invalid, taken=taken)


TYPES = (
    ResourceType(
        REGISTRY,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        actions={
            "listCredentials": _credentials,
            "regenerateCredential": _regenerate,
            "generateCredentials": token.generate_credentials,
        },
    ),
)
ROUTES = (
    Route(
        _HOST,
        re.compile(
            r"/subscriptions/[^/]+/providers/Microsoft\.ContainerRegistry/checkNameAvailability",
            re.IGNORECASE,
        ),
        _check_name,
        ("POST",),
    ),
    Route(
        _HOST,
        re.compile(
            r"(?P<registry>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/[^/]+)"
            r"/listUsages",
            re.IGNORECASE,
        ),
        _usages,
        ("GET",),
    ),
)
