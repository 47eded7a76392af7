"""Microsoft.Resources: resource groups, and the lists that clients start from.

Scope: resource groups (cascading deletion, ``az group exists``), subscriptions, tenants, locations, the lists of
providers and of resources. Deployments are in ``deployment.py``, tags of any scope in ``tag.py``. Omitted: exporting
templates of groups, moves, aliases of providers, management groups.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType, Route
from local.provider.facts import Facts
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

#: Azure's public regions: name → as shown.
LOCATIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "germanywestcentral": "Germany West Central",
    "germanynorth": "Germany North",
    "swedencentral": "Sweden Central",
    "swedensouth": "Sweden South",
    "switzerlandnorth": "Switzerland North",
    "switzerlandwest": "Switzerland West",
    "francecentral": "France Central",
    "francesouth": "France South",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "norwayeast": "Norway East",
    "norwaywest": "Norway West",
    "italynorth": "Italy North",
    "spaincentral": "Spain Central",
    "polandcentral": "Poland Central",
    "austriaeast": "Austria East",
    "belgiumcentral": "Belgium Central",
    "eastus": "East US",
    "eastus2": "East US 2",
    "centralus": "Central US",
    "northcentralus": "North Central US",
    "southcentralus": "South Central US",
    "westcentralus": "West Central US",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "mexicocentral": "Mexico Central",
    "brazilsouth": "Brazil South",
    "brazilsoutheast": "Brazil Southeast",
    "chilecentral": "Chile Central",
    "australiaeast": "Australia East",
    "australiasoutheast": "Australia Southeast",
    "australiacentral": "Australia Central",
    "australiacentral2": "Australia Central 2",
    "newzealandnorth": "New Zealand North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "koreasouth": "Korea South",
    "eastasia": "East Asia",
    "southeastasia": "Southeast Asia",
    "indonesiacentral": "Indonesia Central",
    "malaysiawest": "Malaysia West",
    "centralindia": "Central India",
    "southindia": "South India",
    "westindia": "West India",
    "uaenorth": "UAE North",
    "uaecentral": "UAE Central",
    "qatarcentral": "Qatar Central",
    "israelcentral": "Israel Central",
    "southafricanorth": "South Africa North",
    "southafricawest": "South Africa West",
}
#: Regions that Azure tries things in, and that its documentation names: taken, not listed.
_EARLY = ("centraluseuap", "eastus2euap", "eastusstg", "southcentralusstg")
_NAME = re.compile(r"[\w().-]{0,89}[\w()-]")


def check_location(body: Json) -> None:
    """Refuses a body without a location, or with one that isn't Azure's.

    Raises:
        ArmError: 400.
    """
    location = body.get("location")
    if not location:
        raise bad_request("The location property is required for this definition.", code="LocationRequired")
    if location not in LOCATIONS and location not in _EARLY and location != "global":
        raise bad_request(
            f"The provided location '{location}' is not available. Available: {', '.join(sorted(LOCATIONS))}.",
            code="LocationNotAvailableForResourceType",
        )


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The provided resource group name '{resource_id.name}' is invalid: 1 to 90 letters, digits, '.', '_', '-', "
            "'(' and ')', not ending in '.'.",
            code="InvalidResourceGroup",
        )
    check_location(body)
    kept = {key: body[key] for key in ("location", "tags", "managedBy") if body.get(key) is not None}
    return {**kept, "properties": {"provisioningState": "Succeeded"}}


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return body


def _subscription() -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION_ID}",
        "subscriptionId": SUBSCRIPTION_ID,
        "tenantId": TENANT_ID,
        "displayName": "Local Azure",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _check_subscription(call: Call) -> None:
    subscription = call.captured["subscription"]
    if subscription.lower() != SUBSCRIPTION_ID:
        raise ArmError(
            404,
            "SubscriptionNotFound",
            f"The subscription '{subscription}' could not be found; local Azure has '{SUBSCRIPTION_ID}'.",
        )


async def _subscriptions(azure: Azure, call: Call) -> Answer:
    """The subscriptions in which the caller may do anything at all."""
    seen = [_subscription()] if azure.access.holds_any_role(call.principal_id) else []
    return Answer(200, {"value": seen, "count": {"type": "Total", "value": len(seen)}})


async def _one_subscription(_azure: Azure, call: Call) -> Answer:
    _check_subscription(call)
    return Answer(200, _subscription())


async def _tenants(_azure: Azure, _call: Call) -> Answer:
    tenant = {
        "id": f"/tenants/{TENANT_ID}",
        "tenantId": TENANT_ID,
        "displayName": "Local Azure",
        "tenantCategory": "Home",
        "countryCode": "NL",
        "domains": ["local.onmicrosoft.com"],
        "defaultDomain": "local.onmicrosoft.com",
    }
    return Answer(200, {"value": [tenant]})


async def _locations(_azure: Azure, call: Call) -> Answer:
    _check_subscription(call)
    value = [
        {
            "id": f"/subscriptions/{SUBSCRIPTION_ID}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": shown,
            "regionalDisplayName": shown,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for name, shown in LOCATIONS.items()
    ]
    return Answer(200, {"value": value})


@cache
def _versions() -> dict[str, set[str]]:
    """The api-versions that the platform's own program speaks, by resource type and by provider, in lower case."""
    facts = Facts.load()
    found: dict[str, set[str]] = {}
    for token in facts.tokens:
        fact = facts.resource(token)
        namespace, *rest = fact.path.rpartition("/providers/")[2].lower().split("/")
        for name in (namespace, "/".join([namespace, *rest[::2]])):
            found.setdefault(name, set()).add(fact.version)
    return found


def _api_versions(resource_type: str) -> list[str]:
    """Versions to ask a type with, the newest first. Local Azure answers to every one alike."""
    known = _versions()
    name = resource_type.lower()
    found = known.get(name) or known.get(name.partition("/")[0]) or {"2024-03-01"}
    return sorted(found, reverse=True)


def _provider(namespace: str, types: list[str]) -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION_ID}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(LOCATIONS.values()),
                "apiVersions": _api_versions(f"{namespace}/{name}"),
                "defaultApiVersion": _api_versions(f"{namespace}/{name}")[0],
                "capabilities": "SupportsTags, SupportsLocation" if "/" not in name else "None",
            }
            for name in sorted(types)
        ],
    }


async def _providers(azure: Azure, call: Call) -> Answer:
    if call.captured.get("subscription"):
        _check_subscription(call)
    found = sorted(azure.namespaces().items())
    return Answer(200, {"value": [_provider(namespace, types) for namespace, types in found]})


async def _one_provider(azure: Azure, call: Call) -> Answer:
    if call.captured.get("subscription"):
        _check_subscription(call)
    wanted = call.captured["namespace"]
    if "aliases" in call.query.get("$expand", ""):
        raise unsupported("The aliases of a provider's types ($expand)")
    for namespace, types in azure.namespaces().items():
        if namespace.lower() == wanted.lower():
            return Answer(200, _provider(namespace, types))
    raise unsupported(f"The resource provider '{wanted}'")


async def _resources(azure: Azure, call: Call) -> Answer:
    _check_subscription(call)
    scope = f"/subscriptions/{SUBSCRIPTION_ID}"
    if group := call.captured.get("group"):
        scope += f"/resourceGroups/{group}"
        if azure.store.get(scope) is None:
            raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
    tracked = [
        record
        for record in azure.store.below(scope)
        if record.type != RESOURCE_GROUP and "location" in record.body
    ]
    wanted = [record for record in tracked if _matches(call, record)]
    seen = azure.access.visible(
        call.principal_id, wanted, "Microsoft.Resources/subscriptions/resources", scope
    )
    return Answer(200, {"value": [_brief(record) for record in seen]})


def _matches(call: Call, record: Record) -> bool:
    found = {
        "resourcetype": record.type,
        "name": record.name,
        "location": str(record.body["location"]),
        "resourcegroup": parse(record.id).resource_group or "",
    }
    wanted = re.findall(r"(\w+) (\w+) '([^']*)'", call.query.get("$filter", ""))
    if unknown := [key for key, operator, _ in wanted if key.lower() not in found or operator != "eq"]:
        raise unsupported(f"The filter on '{unknown[0]}'")
    return all(found[key.lower()].lower() == value.lower() for key, _, value in wanted)


def _brief(record: Record) -> Json:
    kept: dict[str, Any] = {
        key: record.body[key]
        for key in ("location", "tags", "kind", "sku", "identity")
        if record.body.get(key) or (key == "tags" and key in record.body)
    }
    return {"id": record.id, "name": record.name, "type": record.type, **kept}


def _route(path: str, handle: Any, *methods: str) -> Route:
    pattern = path.replace("SUBSCRIPTION", r"/subscriptions/(?P<subscription>[^/]+)")
    host = re.compile(r"management\.azure\.com")
    filtered = handle is _resources
    return Route(host, re.compile(pattern, re.IGNORECASE), handle, methods or ("GET",), filtered=filtered)


def _merge(stored: Json, patch: Json) -> Json:
    """PATCH: the tags as a whole, as ``Set-AzResourceGroup`` and ``az resource tag`` count on."""
    return {**stored, **{key: patch[key] for key in ("tags", "managedBy") if patch.get(key) is not None}}


TYPES = (
    ResourceType(SUBSCRIPTION),
    ResourceType(RESOURCE_GROUP, prepare=_prepare, view=_view, merge=_merge),
)
ROUTES = (
    _route(r"/subscriptions", _subscriptions),
    _route(r"/tenants", _tenants),
    _route(r"SUBSCRIPTION", _one_subscription),
    _route(r"SUBSCRIPTION/locations", _locations),
    _route(r"(SUBSCRIPTION)?/providers", _providers),
    _route(r"(SUBSCRIPTION)?/providers/(?P<namespace>[^/]+)", _one_provider),
    _route(r"SUBSCRIPTION/providers/(?P<namespace>[^/]+)/register", _one_provider, "POST"),
    _route(r"SUBSCRIPTION/resources", _resources),
    _route(r"SUBSCRIPTION/resourceGroups/(?P<group>[^/]+)/resources", _resources),
)
