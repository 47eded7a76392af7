"""A registry by its name alone: which subscription, group and regions it is in, and where its data plane is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.machine_learning.asset import REGISTRY
from local.azure.resource_type import Answer, Route
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call

#: The hosts of data planes, under which a registry's assets are reached as under ``management.azure.com``.
HOST = re.compile(r"(?:cert-)?[^.]+\.(?:api\.azureml\.ms|experiments\.azureml\.net)", re.IGNORECASE)
#: The part of a path on those hosts that is a path of Azure Resource Manager.
PATH = re.compile(
    r"/mferp/managementfrontend(?P<path>/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
    r"/Microsoft\.MachineLearningServices/registries/.+)",
    re.IGNORECASE,
)


def addressed(host: str, path: str) -> tuple[str, str]:
    """Host and path as Azure Resource Manager knows them, where a registry is asked under its data plane's name."""
    found = PATH.fullmatch(path) if HOST.fullmatch(host) else None
    return ("management.azure.com", found["path"]) if found else (host, path)


async def _discover(azure: Azure, call: Call) -> Answer:
    found = azure.store.named(REGISTRY, call.captured["registry"])
    if not found:
        raise ArmError(404, "UserError", f"There is no registry '{call.captured['registry']}'.")
    registry = found[0]
    named = azure.parse(registry.id)
    regions = [one["location"] for one in registry.body["properties"]["regionDetails"]]
    primary = registry.body["location"]
    return Answer(
        200,
        {
            "registryName": registry.name,
            "subscriptionId": named.subscription_id,
            "resourceGroup": named.resource_group,
            "tenantId": TENANT_ID,
            "primaryRegion": primary,
            "regions": regions,
            "primaryRegionResourceProviderUri": f"https://cert-{primary}.experiments.azureml.net/",
            "registryFqdns": {
                region: {
                    "uri": f"https://{region}.api.azureml.ms",
                    "registryFqdn": f"{region}.api.azureml.ms",
                }
                for region in regions
            },
        },
    )


ROUTES = (
    Route(
        re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE),
        re.compile(r"/registrymanagement/v1\.0/registries/(?P<registry>[^/]+)/discovery", re.IGNORECASE),
        _discover,
        methods=("GET",),
    ),
)
