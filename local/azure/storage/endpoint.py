"""Where a storage account answers: its locations and the URLs of its services. Pure.

Source: Microsoft Learn, "Storage account overview" (endpoints), "Network routing preference", "Azure paired regions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.azure.resource_type import Json

#: Azure's paired regions, where geo-redundant data goes.
_PAIRS = {
    "westeurope": "northeurope",
    "germanywestcentral": "germanynorth",
    "swedencentral": "swedensouth",
    "switzerlandnorth": "switzerlandwest",
    "francecentral": "francesouth",
    "uksouth": "ukwest",
    "eastus": "westus",
    "eastus2": "centralus",
    "southcentralus": "northcentralus",
    "westus2": "westcentralus",
    "westus3": "eastus",
    "canadacentral": "canadaeast",
    "australiaeast": "australiasoutheast",
    "japaneast": "japanwest",
    "southeastasia": "eastasia",
    "brazilsouth": "southcentralus",
    "koreacentral": "koreasouth",
    "centralindia": "southindia",
    "uaenorth": "uaecentral",
    "southafricanorth": "southafricawest",
    "norwayeast": "norwaywest",
}
_PAIRED = {**{second: first for first, second in _PAIRS.items()}, **_PAIRS}
_ALL = ("dfs", "web", "blob", "queue", "table", "file")
_SERVICES = {"BlockBlobStorage": ("dfs", "web", "blob"), "FileStorage": ("file",)}
#: The number of the DNS zone is Azure's choice, one per account.
_ZONE = 6


def paired(location: str) -> str:
    """The region that a region's geo-redundant data goes to."""
    return _PAIRED.get(location, "northeurope")


def is_geo_redundant(sku: str) -> bool:
    """Whether a second region has the data."""
    return "GRS" in sku or "GZRS" in sku


def locations(location: str, sku: str, second: str | None = None) -> Json:
    """Where the data is, as GET shows it; ``second`` is the second region where that isn't the first one's pair."""
    shown: Json = {"primaryLocation": location, "statusOfPrimary": "available"}
    if is_geo_redundant(sku):
        shown |= {"secondaryLocation": second or paired(location), "statusOfSecondary": "available"}
    return shown


def endpoints(name: str, kind: str, sku: str, properties: Json) -> Json:
    """``primaryEndpoints``, and ``secondaryEndpoints`` where the second region may be read."""
    services = _SERVICES.get(kind, _ALL)
    zoned = properties.get("dnsEndpointType") == "AzureDnsZone"
    primary = _urls(name, services, zoned=zoned)
    routing: Json = properties.get("routingPreference") or {}
    if routing.get("publishMicrosoftEndpoints"):
        primary["microsoftEndpoints"] = _urls(f"{name}-microsoftrouting", services, zoned=zoned)
    if routing.get("publishInternetEndpoints"):
        web = tuple(service for service in services if service not in ("queue", "table"))
        primary["internetEndpoints"] = _urls(f"{name}-internetrouting", web, zoned=zoned)
    shown: Json = {"primaryEndpoints": primary}
    if "RAG" in sku:
        readable = tuple(service for service in services if service != "file")
        shown["secondaryEndpoints"] = _urls(f"{name}-secondary", readable, zoned=zoned)
    return shown


def _urls(host: str, services: tuple[str, ...], *, zoned: bool) -> Json:
    if zoned:
        return {service: f"https://{host}.z{_ZONE}.{service}.storage.azure.net/" for service in services}
    return {
        service: f"https://{host}.{f'z{_ZONE}.web' if service == 'web' else service}.core.windows.net/"
        for service in services
    }
