"""Kubernetes clusters as records: what a platform attaches to a workspace, without the Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from running_azure import unique

if TYPE_CHECKING:
    from running_azure import LocalAzure

VERSION = "2025-09-01"


def body(**more: Any) -> dict[str, Any]:
    pools = [{"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D4s_v5"}]
    properties = {"dnsPrefix": "ml", "agentPoolProfiles": pools, **more}
    return {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": properties}


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.group()


@pytest.fixture(scope="module")
def cluster(local_azure: LocalAzure, group: str) -> str:
    path = f"{group}/providers/Microsoft.ContainerService/managedClusters/{unique('aks-')}"
    local_azure.put(path, body(), api_version=VERSION)
    return path


def test_a_cluster_shows_its_pools_and_pools_are_resources_of_their_own(
    local_azure: LocalAzure, cluster: str
) -> None:
    pool = f"{cluster}/agentPools/gpu"
    made = local_azure.put(
        pool, {"properties": {"count": 0, "vmSize": "Standard_NC6s_v3", "mode": "User"}}, api_version=VERSION
    )
    assert made["properties"]["osType"] == "Linux"
    _, _, shown = local_azure.arm("GET", cluster, api_version=VERSION)
    assert [one["name"] for one in shown["properties"]["agentPoolProfiles"]] == ["gpu", "system"]
    assert shown["properties"]["fqdn"].startswith("ml-")
    assert shown["identity"]["principalId"]

    status, headers, _ = local_azure.arm("DELETE", pool, api_version=VERSION)
    assert status == 202
    local_azure.wait(headers, api_version=VERSION)
    status, _, answer = local_azure.arm("DELETE", f"{cluster}/agentPools/system", api_version=VERSION)
    assert (status, "last system pool" in answer["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"agentPoolProfiles": []}, "AgentPoolProfileSystemPoolMissing"),
        ({"agentPoolProfiles": [{"name": "Not-Good", "mode": "System"}]}, "InvalidParameter"),
        ({"dnsPrefix": "-"}, "InvalidParameter"),
    ],
)
def test_a_cluster_that_aks_would_refuse_is_refused(
    local_azure: LocalAzure, group: str, more: dict[str, Any], code: str
) -> None:
    path = f"{group}/providers/Microsoft.ContainerService/managedClusters/{unique('aks-')}"
    status, _, answer = local_azure.arm("PUT", path, body(**more), api_version=VERSION)
    assert (status, answer["error"]["code"]) == (400, code)


def test_what_leads_to_kubernetes_is_refused_by_name(local_azure: LocalAzure, cluster: str) -> None:
    status, _, answer = local_azure.arm(
        "POST", f"{cluster}/listClusterUserCredential", {}, api_version=VERSION
    )
    assert status == 501
    assert "listClusterUserCredential" in answer["error"]["message"]
    status, _, answer = local_azure.arm("PUT", cluster, body(dnsPrefix="other"), api_version=VERSION)
    assert (status, answer["error"]["code"]) == (409, "PropertyChangeNotAllowed")
