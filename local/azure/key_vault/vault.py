"""Microsoft.KeyVault: vaults.

Scope: vaults with Azure's rules (names unique in all of Azure, purge protection and retention can't be taken back), soft
delete, recovery and purge, access policies added and removed. Omitted: certificates and managed HSMs (501); access
policies and firewall rules are kept, not applied.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from local.azure import name_availability
from local.azure.errors import ArmError, bad_request, conflict, not_found
from local.azure.key_vault import secret
from local.azure.key_vault.admission import VAULT
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.azure.resources import check_location
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

DELETED = "Microsoft.KeyVault/locations/deletedVaults"
_READ_ONLY = ("hsmPoolResourceId", "privateEndpointConnections", "provisioningState", "vaultUri")
#: What Azure shows of a vault that is in no pool of HSMs.
_NO_POOL = "00000000-0000-0000-0000-000000000000"
_NAME = re.compile(r"(?=.{3,24}$)[A-Za-z](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]")


def _deleted_id(location: str, name: str) -> str:
    return f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{name}"


def _check_name(azure: Azure, resource_id: ResourceId, *, recover: bool) -> None:
    name = resource_id.name
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name "
            "must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.",
            code="VaultNameNotValid",
        )
    for other in azure.store.named(VAULT, name):
        if other.id.lower() != resource_id.key:
            raise conflict(f"The vault name '{name}' is already in use.", code="VaultAlreadyExists")
    if azure.store.named(DELETED, name) and not recover:
        raise conflict(
            f"A vault with the same name already exists in deleted state. Recover '{name}' (createMode 'recover') or purge it.",
            code="ConflictError",
        )


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    recover = given.pop("createMode", "default") == "recover"
    _check_name(azure, resource_id, recover=recover and old is None)
    check_location(body)
    before: Json = old.body["properties"] if old is not None else {}
    if recover and old is None:
        deleted = azure.store.named(DELETED, resource_id.name)
        if not deleted:
            raise ArmError(
                404,
                "SoftDeletedVaultDoesNotExist",
                f"There is no deleted vault '{resource_id.name}' to recover.",
            )
        before = deleted[0].body["vault"]["properties"]
    merged = {**before, **given}
    sku: Json = merged.get("sku") or {}
    if str(sku.get("family")) != "A" or str(sku.get("name")).lower() not in ("standard", "premium"):
        raise bad_request(
            "A vault needs sku.family 'A' and sku.name 'standard' or 'premium'.",
            code="InvalidSku",
            target="properties.sku",
        )
    if not merged.get("tenantId"):
        raise bad_request(
            "A vault needs properties.tenantId.", code="BadRequest", target="properties.tenantId"
        )
    if given.get("enablePurgeProtection") is False:
        raise bad_request(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an '
            "irreversible action.",
        )
    if given.get("enableSoftDelete") is False:
        raise bad_request('The property "enableSoftDelete" can\'t be set to false: soft delete is always on.')
    days = int(merged.get("softDeleteRetentionInDays") or 90)
    if not 7 <= days <= 90:
        raise bad_request(
            "softDeleteRetentionInDays must be from 7 to 90.", target="properties.softDeleteRetentionInDays"
        )
    if before and days != before["softDeleteRetentionInDays"]:
        raise bad_request(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.'
        )
    properties = {
        "accessPolicies": [],
        "enabledForDeployment": False,
        "enableRbacAuthorization": False,
        "publicNetworkAccess": "Enabled",
        "hsmPoolResourceId": _NO_POOL,
        **{key: value for key, value in merged.items() if key not in _READ_ONLY},
        "networkAcls": _network_rules(merged.get("networkAcls")),
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": days,
        "vaultUri": f"https://{resource_id.name.lower()}.vault.azure.net/",
        "provisioningState": "Succeeded",
    }
    return {"location": body["location"], "tags": body.get("tags") or {}, "properties": properties}


def _network_rules(given: Json | None) -> Json:
    """``networkAcls``, whole; addresses are shown as ranges."""
    rules: Json = {
        "bypass": "AzureServices",
        "defaultAction": "Allow",
        "ipRules": [],
        "virtualNetworkRules": [],
        **{key: value for key, value in (given or {}).items() if value is not None},
    }
    ranges = [str(rule.get("value", "")) for rule in rules["ipRules"]]
    rules["ipRules"] = [{"value": one if "/" in one or not one else f"{one}/32"} for one in ranges]
    rules["virtualNetworkRules"] = [
        {"ignoreMissingVnetServiceEndpoint": False, **rule} for rule in rules["virtualNetworkRules"]
    ]
    return rules


async def _settle(azure: Azure, record: Record) -> Json | None:
    for deleted in azure.store.named(DELETED, record.name):
        azure.store.delete(deleted.id)
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    properties: Json = record.body["properties"]
    now = azure.now()
    # Its secrets stay with it until it is purged.
    azure.store.put(
        _deleted_id(record.body["location"], record.name),
        {
            "vault": record.body,
            "properties": {
                "vaultId": record.id,
                "location": record.body["location"],
                "tags": record.body.get("tags") or {},
                "deletionDate": now.isoformat(),
                "scheduledPurgeDate": (
                    now + timedelta(days=properties["softDeleteRetentionInDays"])
                ).isoformat(),
                "purgeProtectionEnabled": bool(properties.get("enablePurgeProtection")),
            },
        },
    )


def _view_deleted(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    shown = {key: value for key, value in body.items() if key not in ("vault", "systemData")}
    return {**shown, "type": "Microsoft.KeyVault/deletedVaults"}


async def _purge(azure: Azure, _call: Call, record: Record) -> Answer:
    if record.body["properties"]["purgeProtectionEnabled"]:
        raise conflict(
            f"The vault '{record.name}' has purge protection on; it can't be purged before its date.",
            code="MethodNotAllowed",
        )
    secret.forget(azure, record.name)
    azure.store.delete(record.id)
    return Answer(202)


async def _no_modules(_azure: Azure, _call: Call) -> Answer:
    """Managed HSMs aren't served, so none is deleted; `az keyvault list-deleted` asks for them beside the vaults."""
    return Answer(200, {"value": []})


async def _list_deleted(azure: Azure, _call: Call) -> Answer:
    found = azure.store.of_type(DELETED)
    value = [
        {
            "id": record.id,
            "name": record.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": record.body["properties"],
        }
        for record in found
    ]
    return Answer(200, {"value": value})


async def _check_name_availability(azure: Azure, call: Call) -> Answer:
    name = name_availability.asked(call)
    invalid = None if _NAME.fullmatch(name) else f"The vault name '{name}' is invalid."
    taken = f"The vault name '{name}' is already in use."
    return name_availability.answer(azure, name, (VAULT, DELETED), invalid=invalid, taken=taken)


async def _access_policies(azure: Azure, call: Call) -> Answer:
    """PUT of ``accessPolicies/add``, ``/replace`` or ``/remove``: changes the vault's policies, by principal."""
    vault = azure.store.get(call.captured["vault"])
    if vault is None:
        raise not_found(call.captured["vault"])
    given: list[Json] = ((call.body or {}).get("properties") or {}).get("accessPolicies") or []
    if not given:
        raise bad_request("Access policies are needed (properties.accessPolicies).", code="BadRequest")
    how = call.captured["how"].lower()
    now: list[Json] = [] if how == "replace" else vault.body["properties"]["accessPolicies"]
    after = changed_policies(now, given, how)
    properties = {**vault.body["properties"], "accessPolicies": after}
    azure.store.put(vault.id, {**vault.body, "properties": properties}, by=call.principal_id or "")
    return Answer(
        200,
        {
            "id": f"{vault.id}/accessPolicies/",
            "name": vault.name,
            "type": f"{VAULT}/accessPolicies",
            "location": vault.body["location"],
            "properties": {"accessPolicies": after},
        },
    )


def changed_policies(now: list[Json], given: list[Json], how: str) -> list[Json]:
    """Access policies after ``add``, ``replace`` or ``remove``. Pure.

    ``add`` unites the permissions of a principal, ``remove`` takes the named ones away, and the policy with the last one.
    """
    policies = {_principal(policy): policy for policy in now}
    for policy in given:
        key = _principal(policy)
        old: Json = (policies.get(key) or {}).get("permissions") or {}
        new: Json = policy.get("permissions") or {}
        if how == "remove":
            left = {
                kind: [one for one in values if one not in (new.get(kind) or [])]
                for kind, values in old.items()
            }
            policies.pop(key, None)
            if any(left.values()):
                policies[key] = {**policy, "permissions": left}
        else:
            merged = {
                kind: list(dict.fromkeys([*(old.get(kind) or []), *(new.get(kind) or [])]))
                for kind in {**old, **new}
            }
            policies[key] = {**policy, "permissions": merged}
    return list(policies.values())


def _principal(policy: Json) -> tuple[str, ...]:
    return tuple(str(policy.get(key, "")).lower() for key in ("tenantId", "objectId", "applicationId"))


_ARM = re.compile(r"management\.azure\.com")
_SUBSCRIPTION = r"/subscriptions/[^/]+/providers/Microsoft\.KeyVault"
TYPES = (
    ResourceType(
        VAULT,
        prepare=_prepare,
        settle=_settle,
        settle_updates=False,
        creating="RegisteringDns",
        vanish=_vanish,
        vanish_now=True,
    ),
    ResourceType(DELETED, view=_view_deleted, actions={"purge": _purge}, patch=False),
)
ROUTES = (
    Route(_ARM, re.compile(rf"{_SUBSCRIPTION}/deletedVaults", re.IGNORECASE), _list_deleted, ("GET",)),
    Route(_ARM, re.compile(rf"{_SUBSCRIPTION}/deletedManagedHSMs", re.IGNORECASE), _no_modules, ("GET",)),
    Route(
        _ARM,
        re.compile(rf"{_SUBSCRIPTION}/checkNameAvailability", re.IGNORECASE),
        _check_name_availability,
        ("POST",),
    ),
    Route(
        _ARM,
        re.compile(
            r"(?P<vault>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/[^/]+)"
            r"/accessPolicies/(?P<how>add|replace|remove)",
            re.IGNORECASE,
        ),
        _access_policies,
        ("PUT",),
    ),
)
