"""What is made of the computes that a stack lists."""

import base64

import pytest
from recorded_program import REPOSITORY, TENANT, Azure, Recording, run

from infra.compute.compute import ComputeConfig
from infra.compute.instance import forgotten

SOMEBODY = "12121212-3434-4565-8787-909090909090"
AKS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/k"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
SCRIPT = "tests/infra/test_compute_program.py"
SCHEDULES = [
    {"action": "start", "cron": "0 8 * * 1-5", "timeZone": "W. Europe Standard Time"},
    {
        "action": "stop",
        "recurrence": {"frequency": "week", "hours": [18], "minutes": [30], "weekDays": ["friday"]},
        "enabled": False,
    },
]
COMPUTE = {
    "clusters": [
        {"name": "cpu-cluster", "vmSize": "Standard_DS3_v2", "minNodes": 1, "subnetId": SUBNET},
        {"name": "images", "vmSize": "Standard_DS2_v2", "imageBuild": True, "identityId": IDENTITY},
        {"name": "gpus", "vmSize": "Standard_NC4as_T4_v3", "lowPriority": True},
    ],
    "instances": [
        {"name": "mine", "user": SOMEBODY.upper(), "schedules": SCHEDULES, "setupScript": SCRIPT},
        {"name": "plain", "user": SOMEBODY, "idleMinutes": None},
    ],
    "kubernetes": [{"name": "k8s", "clusterId": AKS, "namespace": "models"}],
}


class Forgetful(Azure):
    """Keeps no schedule of an instance, and the size that a cluster had before."""

    def new_resource(self, args):
        id_, outputs = super().new_resource(args)
        if args.name in ("mlops-compute-mine", "mlops-compute-images"):
            inner = args.inputs["properties"]["properties"]
            changed = {**inner, "schedules": {}, "vmSize": "Standard_DS1_v2"}
            outputs = {**outputs, "properties": {**args.inputs["properties"], "properties": changed}}
        return id_, outputs


@pytest.fixture(scope="module")
def recording():
    return run("local", Recording(), compute=COMPUTE, models=[])


def inner(recording, name):
    return recording.one(f"mlops-compute-{name}").inputs["properties"]["properties"]


def test_each_cluster_is_made_where_and_as_it_says(recording):
    first, images, gpus = (inner(recording, name) for name in ("cpu-cluster", "images", "gpus"))
    assert (first["subnet"], first["enableNodePublicIp"]) == ({"id": SUBNET}, False)
    assert first["scaleSettings"]["minNodeCount"] == 1
    assert images["scaleSettings"]["minNodeCount"] == 0
    assert "subnet" not in images
    assert [one["vmPriority"] for one in (first, images, gpus)] == ["Dedicated", "Dedicated", "LowPriority"]
    own = recording.one("mlops-identity-compute").id
    identities = [
        recording.one(f"mlops-compute-{name}").inputs["identity"]["userAssignedIdentities"]
        for name in ("cpu-cluster", "images", "mine")
    ]
    assert identities == [[own], [IDENTITY], [own]]
    assert {one["remoteLoginPortPublicAccess"] for one in (first, images, gpus)} == {"Disabled"}


def test_a_cluster_is_replaced_for_what_azure_cant_change_and_updated_for_the_rest(recording):
    replaced = recording.one("mlops-compute-images").replace_on_changes
    assert {"properties.properties.vmSize", "properties.properties.subnet"} <= set(replaced)
    assert not [path for path in replaced if "scale" in path.lower() or "tags" in path]


def test_the_two_clusters_of_before_keep_their_place_in_the_state(recording):
    assert recording.one("mlops-compute-cpu-cluster").aliases == ("mlops-compute-cpu",)
    assert recording.one("mlops-compute-images").aliases == ()


def test_an_instance_is_its_persons_and_closed(recording):
    instance = recording.one("mlops-compute-mine")
    assert instance.physical_name == "mine-abc123"
    properties = inner(recording, "mine")
    assert properties["personalComputeInstanceSettings"] == {
        "assignedUser": {"objectId": SOMEBODY, "tenantId": TENANT}
    }
    assert properties["sshSettings"] == {"sshPublicAccess": "Disabled"}
    assert properties["idleTimeBeforeShutdown"] == "PT60M"
    assert "idleTimeBeforeShutdown" not in inner(recording, "plain")


def test_an_instance_starts_and_stops_as_its_schedules_say(recording):
    start, stop = inner(recording, "mine")["schedules"]["computeStartStop"]
    assert start == {
        "action": "Start",
        "status": "Enabled",
        "triggerType": "Cron",
        "cron": {"expression": "0 8 * * 1-5", "timeZone": "W. Europe Standard Time"},
    }
    assert (stop["action"], stop["status"]) == ("Stop", "Disabled")
    assert stop["recurrence"] == {
        "frequency": "Week",
        "interval": 1,
        "timeZone": "UTC",
        "schedule": {"hours": [18], "minutes": [30], "weekDays": ["Friday"]},
    }


def test_a_setup_script_goes_along(recording):
    script = inner(recording, "mine")["setupScripts"]["scripts"]["creationScript"]
    assert script["scriptSource"] == "inline"
    assert base64.b64decode(script["scriptData"]) == (REPOSITORY / SCRIPT).read_bytes()
    assert script["timeout"] == "15m"


def test_an_attached_cluster_is_never_deleted_from_here(recording):
    attached = recording.one("mlops-compute-k8s")
    assert attached.inputs["properties"]["resourceId"] == AKS
    assert inner(recording, "k8s") == {"namespace": "models"}
    assert attached.retain_on_delete


def test_images_are_built_where_the_stack_says_and_models_train_on_the_first_cpu_cluster():
    private = run("prod", compute=COMPUTE, access=None, models=[])
    assert private.one("mlops-workspace-workspace").inputs["imageBuildCompute"] == "images"
    own = private.one("mlops-compute-images").inputs["properties"]["properties"]
    assert own["subnet"]["id"].endswith("/subnets/compute")
    assert inner(private, "cpu-cluster")["subnet"] == {"id": SUBNET}
    assert {inner(private, name)["enableNodePublicIp"] for name in ("gpus", "mine")} == {False}


def test_what_azure_forgets_is_said(monkeypatch):
    said = []
    monkeypatch.setattr("pulumi.log.warn", lambda text, *_: said.append(text))
    run("local", azure=Forgetful, compute=COMPUTE, models=[])
    assert len(said) == 2
    images, mine = sorted(said)
    assert images.startswith(
        "the cluster images has nodes of Standard_DS1_v2, not of Standard_DS2_v2: Azure kept"
    )
    assert mine.startswith(
        "the compute instance mine hasn't the schedule start 0 8 * * 1-5; stop every 1 week: Azure ignores schedules"
    )


def test_schedules_are_compared_by_what_they_do_however_azure_spells_them():
    wanted = ComputeConfig.model_validate(COMPUTE).instances[0].schedules
    kept = [
        {"action": "stop", "id": "x", "recurrence": {"frequency": "week", "interval": 1}, "cron": None},
        {"action": "START", "cron": {"expression": "0  8 * * 1-5"}, "provisioningStatus": "Completed"},
    ]
    assert forgotten(wanted, kept) == []
    assert forgotten(wanted, kept[1:]) == ["stop every 1 week"]
