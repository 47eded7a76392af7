"""Compute of every kind, and quotas, through ``MLClient`` and plain ARM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.constants import TimeZone
from azure.ai.ml.entities import (
    ComputeInstance,
    ComputeSchedules,
    ComputeStartStopSchedule,
    CronTrigger,
    KubernetesCompute,
)
from azure.core.exceptions import HttpResponseError
from running_azure import unique

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from conftest import Workspace
    from running_azure import LocalAzure

VERSION = "2025-12-01"
SOMEBODY = "12121212-3434-4565-8787-909090909090"
LOCATIONS = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations"


def locations(local_azure: LocalAzure) -> str:
    return LOCATIONS.format(subscription=local_azure.subscription_id)


def test_a_compute_instance_is_stopped_started_and_resized(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    evening = ComputeStartStopSchedule(
        trigger=CronTrigger(expression="0 18 * * *", time_zone=TimeZone.UTC), action="Stop"
    )
    given = ComputeInstance(
        name="ci-one",
        size="Standard_DS3_v2",
        idle_time_before_shutdown_minutes=30,
        schedules=ComputeSchedules(compute_start_stop=[evening]),
    )
    ml_client.compute.begin_create_or_update(given).result()
    made = ml_client.compute.get("ci-one")
    assert (made.state, made.idle_time_before_shutdown) == ("Running", "PT30M")
    assert made.schedules.compute_start_stop[0].action == "Stop"
    path = f"{workspace.id}/computes/ci-one"
    wanted = {"targetVMSize": "Standard_DS2_v2"}
    status, _, refused = local_azure.arm("POST", f"{path}/resize", wanted, api_version=VERSION)
    assert (status, "stop it" in refused["error"]["message"]) == (400, True)
    ml_client.compute.begin_stop("ci-one").result()
    assert ml_client.compute.get("ci-one").state == "Stopped"
    assert local_azure.arm("POST", f"{path}/resize", wanted, api_version=VERSION)[0] == 200
    assert local_azure.arm("POST", f"{path}/restart", api_version=VERSION)[0] == 400
    ml_client.compute.begin_start("ci-one").result()
    found = ml_client.compute.get("ci-one")
    assert (found.state, found.size, found.last_operation["operationName"]) == (
        "Running",
        "Standard_DS2_v2",
        "Start",
    )
    ml_client.compute.begin_restart("ci-one").result()
    ml_client.compute.begin_delete("ci-one").result()


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"computeType": "ComputeInstance", "properties": {}}, "needs a vmSize"),
        (
            {
                "computeType": "ComputeInstance",
                "properties": {"vmSize": "Standard_DS3_v2", "idleTimeBeforeShutdown": "PT5M"},
            },
            "PT15M to P3D",
        ),
        (
            {
                "computeType": "ComputeInstance",
                "properties": {
                    "vmSize": "Standard_DS3_v2",
                    "personalComputeInstanceSettings": {
                        "assignedUser": {"objectId": SOMEBODY, "tenantId": SOMEBODY}
                    },
                },
            },
            f"is of the tenant {SOMEBODY}",
        ),
        (
            {
                "computeType": "ComputeInstance",
                "properties": {
                    "vmSize": "Standard_DS3_v2",
                    "setupScripts": {
                        "scripts": {"creationScript": {"scriptSource": "inline", "scriptData": "ech"}}
                    },
                },
            },
            "must be Base64",
        ),
        ({"computeType": "Kubernetes", "properties": {}}, "needs a resourceId"),
        ({"computeType": "Databricks", "resourceId": "/subscriptions/s"}, "attaches a Microsoft.Databricks"),
        ({"computeType": "Abacus"}, "must be one of"),
    ],
)
def test_compute_that_cannot_be_is_refused(
    local_azure: LocalAzure, workspace: Workspace, properties: dict[str, Any], said: str
) -> None:
    body = {"location": "westeurope", "properties": properties}
    status, _, refused = local_azure.arm(
        "PUT", f"{workspace.id}/computes/{unique('c')}", body, api_version=VERSION
    )
    assert status == 400
    assert said in refused["error"]["message"]


def test_attached_compute_shows_no_secrets_and_can_be_detached(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    group = workspace.id.split("/providers/", maxsplit=1)[0]
    cluster = f"{group}/providers/Microsoft.ContainerService/managedClusters/aks"
    ml_client.compute.begin_create_or_update(KubernetesCompute(name="k8s", resource_id=cluster)).result()
    assert ml_client.compute.get("k8s").namespace == "default"
    bricks = {
        "location": "westeurope",
        "properties": {
            "computeType": "Databricks",
            "resourceId": f"{group}/providers/Microsoft.Databricks/workspaces/bricks",
            "properties": {"databricksAccessToken": "dapi-secret", "workspaceUrl": "https://adb.example.com"},
        },
    }
    made = local_azure.put(f"{workspace.id}/computes/bricks", bricks, api_version=VERSION)
    assert "dapi-secret" not in str(made)
    keys = local_azure.arm("POST", f"{workspace.id}/computes/bricks/listKeys", api_version=VERSION)[2]
    assert keys == {"computeType": "Databricks", "databricksAccessToken": "dapi-secret"}
    assert {"k8s", "bricks"} <= {one.name for one in ml_client.compute.list()}
    ml_client.compute.begin_delete("k8s", action="Detach").result()
    with pytest.raises(HttpResponseError, match="only a compute instance"):
        ml_client.compute.begin_start("bricks")


def test_quotas_are_counted_and_kept(
    local_azure: LocalAzure, ml_client: MLClient, workspace: Workspace
) -> None:
    gpu = {
        "location": "northeurope",
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "Standard_NC6s_v3", "scaleSettings": {"maxNodeCount": 1}},
        },
    }
    path = f"{workspace.id}/computes/gpu-far"
    status, _, refused = local_azure.arm("PUT", path, gpu, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (400, "ClusterMinNodesExceedCoreQuota")
    title = "Standard_NCSv3_Family_Cluster_Dedicated_vCPUs"
    wanted = {
        "location": "northeurope",
        "value": [
            {
                "id": f"/subscriptions/{local_azure.subscription_id}/quotas/{title}",
                "limit": 6,
                "unit": "Count",
            },
            {"id": f"{workspace.id}/quotas/{title}", "limit": 12, "unit": "Count"},
        ],
    }
    where = locations(local_azure)
    _, _, answer = local_azure.arm("POST", f"{where}/northeurope/updateQuotas", wanted, api_version=VERSION)
    assert [one["status"] for one in answer["value"]] == ["Success", "InvalidQuotaExceedsSubscriptionLimit"]
    local_azure.put(path, gpu, api_version=VERSION)
    busy = {
        "location": "westeurope",
        "properties": {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_F4s_v2",
                "scaleSettings": {"minNodeCount": 2, "maxNodeCount": 4},
            },
        },
    }
    local_azure.put(f"{workspace.id}/computes/busy", busy, api_version=VERSION)
    assert list(ml_client.compute.list_usage(location="westeurope"))
    _, _, usages = local_azure.arm("GET", f"{where}/westeurope/usages", api_version=VERSION)
    used = {
        one["name"]["value"]: one["currentValue"]
        for one in usages["value"]
        if "/workspaces/" not in one["id"] or one["id"].lower().startswith(f"{workspace.id}/".lower())
    }
    assert used["Standard FSv2 Family Cluster Dedicated vCPUs"] == 8
    _, _, quotas = local_azure.arm("GET", f"{where}/westeurope/quotas", api_version=VERSION)
    assert {one["type"].split("/")[1] for one in quotas["value"]} == {"vmFamily", "workspaces"}
    assert "Standard_NC6s_v3" in {one.name for one in ml_client.compute.list_sizes()}


def test_a_deployment_that_no_quota_would_do_for_is_refused(
    local_azure: LocalAzure, workspace: Workspace
) -> None:
    path = f"{workspace.id}/onlineEndpoints/{unique('ep-')}"
    endpoint = {"location": "westeurope", "properties": {"authMode": "Key"}}
    local_azure.put(path, endpoint, api_version=VERSION)
    body = {
        "location": "westeurope",
        "sku": {"name": "Default", "capacity": 21},
        "properties": {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"},
    }
    status, _, refused = local_azure.arm("PUT", f"{path}/deployments/blue", body, api_version=VERSION)
    assert (status, refused["error"]["code"]) == (400, "OutOfQuota")
