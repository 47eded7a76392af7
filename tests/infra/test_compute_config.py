"""What a stack may say of its computes, and what it is told where it can't be."""

import pytest

from infra.compute import vm_size
from infra.compute.compute import ComputeConfig
from infra.config import ConfigError, parse

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}
SOMEBODY = "12121212-3434-4565-8787-909090909090"
CPU = {"name": "cpus", "vmSize": "Standard_DS3_v2"}
GPU = {"name": "gpus", "vmSize": "Standard_NC4as_T4_v3"}
AKS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/k"


def computes(**values):
    return ComputeConfig.model_validate(values)


def clusters(*changes):
    return {"clusters": [{**CPU, **change} for change in changes]}


def instance(**changes):
    return {"instances": [{"name": "mine", "user": SOMEBODY, **changes}]}


def schedule(**changes):
    return instance(schedules=[{"action": "start", **changes}])


def recurrence(**changes):
    return schedule(recurrence=changes)


def test_the_defaults_are_the_first_cpu_and_the_first_gpu_cluster_and_images_are_built_where_it_says():
    config = computes(clusters=[GPU, CPU, {**CPU, "name": "images", "imageBuild": True}])
    assert (config.cpu_cluster, config.gpu_cluster, config.image_build_cluster) == ("cpus", "gpus", "images")
    assert computes(clusters=[CPU]).gpu_cluster is None
    assert computes(clusters=[CPU]).image_build_cluster == "cpus"
    assert computes().cpu_cluster == "cpu-cluster"


def test_a_time_zone_is_written_as_azure_spells_it():
    config = computes(**schedule(cron="0 8 * * mon-fri", timeZone="w. europe standard time"))
    assert config.instances[0].schedules[0].time_zone == "W. Europe Standard Time"


@pytest.mark.parametrize(
    ("size", "gpus", "cores"),
    [
        ("Standard_DS3_v2", False, 4),
        ("Standard_D14_v2", False, 16),
        ("Standard_E16s_v5", False, 16),
        ("Standard_NC24ads_A100_v4", True, 24),
        ("Standard_ND96asr_v4", True, 96),
        ("Standard_M128", False, 128),
    ],
)
def test_a_size_tells_its_cores_and_whether_it_has_gpus(size, gpus, cores):
    assert (vm_size.has_gpus(size), vm_size.cores(size)) == (gpus, cores)


def test_every_compute_has_a_hint_at_the_quota_it_needs():
    hints = computes(
        clusters=[{**CPU, "maxNodes": 4}, {**GPU, "lowPriority": True}], **instance()
    ).quota_hints
    assert hints["cpus"].startswith("16 vCPUs (4 x Standard_DS3_v2) of dedicated Azure ML quota")
    assert hints["gpus"].startswith("8 vCPUs (2 x Standard_NC4as_T4_v3) of low-priority Azure ML quota")
    assert hints["gpus"].endswith("the quota of GPU sizes is 0 until you ask for more")
    assert hints["mine"].startswith("4 vCPUs (1 x")


def test_a_managed_network_has_no_subnets():
    subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "network": {"mode": "managed"}, "compute": clusters({"subnetId": subnet})})
    assert str(caught.value) == (
        "mlops:compute.clusters[0].subnetId: machines of a workspace with a managed network are in that network, and Azure "
        "refuses a subnet; remove it, or write network.mode: private"
    )


@pytest.mark.parametrize(
    ("compute", "line"),
    [
        (
            {"cpu": {"maxNodes": 3}},
            "compute.cpu: unknown key, it would have no effect; write clusters: [{name: cpu-cluster, vmSize: Standard_DS3_v2}]",
        ),
        (
            clusters({"name": "c"}),
            (
                "compute.clusters[0].name: 'c' can't be used: jobs name their cluster, and Azure refuses other names; write 2 to "
                "16 lowercase letters, digits and hyphens, a letter first and no hyphen last"
            ),
        ),
        (
            clusters({"name": "a-name-far-too-long"}),
            (
                "compute.clusters[0].name: 'a-name-far-too-long' can't be used: jobs name their cluster, and Azure refuses other "
                "names; write 2 to 16 lowercase letters, digits and hyphens, a letter first and no hyphen last"
            ),
        ),
        (
            clusters({}, {}),
            "compute: clusters[1] is called cpus, as clusters[0] is, and a workspace has each name once; write another name",
        ),
        (
            {**clusters({}), **instance(name="cpus")},
            "compute: instances[0] is called cpus, as clusters[0] is, and a workspace has each name once; write another name",
        ),
        (
            {"clusters": [GPU]},
            (
                "compute: no cluster has a CPU size, so jobs without GPUs and image builds would have nowhere to run; add one "
                "such as {name: cpu-cluster, vmSize: Standard_DS3_v2}"
            ),
        ),
        (
            {"clusters": [CPU, {**GPU, "imageBuild": True}]},
            (
                "compute.clusters[1]: imageBuild needs a CPU size, and Standard_NC4as_T4_v3 has GPUs, which would be paid for "
                "every image that is built; write imageBuild: true on a CPU cluster"
            ),
        ),
        (
            clusters({"imageBuild": True}, {"name": "more", "imageBuild": True}),
            "compute: cpus and more have imageBuild, and a workspace builds its images on one; write it once",
        ),
        (
            clusters({"minNodes": 3}),
            "compute.clusters[0]: minNodes is 3 and maxNodes 2, so it could never scale; write minNodes: 0",
        ),
        (
            clusters({"maxNodes": 0}),
            (
                "compute.clusters[0].maxNodes: 0 can't be used: with no node allowed no job would ever start, and Azure allows "
                "1000 at most; write a whole number from 1 to 1000"
            ),
        ),
        (
            clusters({"vmSize": "NC4"}),
            (
                "compute.clusters[0].vmSize: 'NC4' can't be used: it decides what the nodes are, and the subscription needs "
                "quota for it; write an Azure size such as Standard_DS3_v2 (`az ml compute list-sizes` lists them)"
            ),
        ),
        (
            clusters({"subnetId": "compute"}),
            (
                "compute.clusters[0].subnetId: 'compute' can't be used: it is where the nodes get their addresses; write the id "
                "of a subnet (`az network vnet subnet show`), or leave the key out for the platform's own"
            ),
        ),
        (
            clusters({"identityId": SOMEBODY}),
            (
                f"compute.clusters[0].identityId: '{SOMEBODY}' can't be used: its jobs act as this identity, and have its roles; "
                "write the id of a user-assigned identity (`az identity show`) with roles of its own, or leave the key out for "
                "training's"
            ),
        ),
        (
            instance(idleMinutes=10),
            (
                "compute.instances[0].idleMinutes: 10 can't be used: a machine that nobody uses costs money until it stops, and "
                "Azure takes 15 minutes to 3 days; write a whole number from 15 to 4320, or null for a machine that schedules "
                "alone stop"
            ),
        ),
        (
            instance(user="ann@example.org"),
            (
                "compute.instances[0].user: 'ann@example.org' can't be used: only the person that an instance is assigned to can "
                "use it; write the object id that `az ad user show` or `az ad signed-in-user show` prints"
            ),
        ),
        (
            instance(setupScript="no/such.sh"),
            (
                "compute.instances[0].setupScript: there is no file no/such.sh in the project, so nothing would set the machine "
                "up; write the path of a shell script"
            ),
        ),
        (
            schedule(),
            (
                "compute.instances[0].schedules[0]: it has neither a cron nor a recurrence, so it never starts; write exactly one "
                "of cron and recurrence"
            ),
        ),
        (
            schedule(cron="0 8 * *"),
            (
                "compute.instances[0].schedules[0].cron: '0 8 * *' has 4 fields, and Azure reads five; write minutes, hours, "
                "days, months and weekdays, such as 0 8 * * 1-5"
            ),
        ),
        (
            schedule(cron="0 24 * * *"),
            "compute.instances[0].schedules[0].cron: its hours are '24', so it would never start; write numbers from 0 to 23",
        ),
        (
            schedule(cron="0 8 * * fri-mon"),
            (
                "compute.instances[0].schedules[0].cron: its weekdays are 'fri-mon', backwards, so it would never start; write "
                "the lower first"
            ),
        ),
        (
            schedule(cron="0 8 31 2 *"),
            (
                "compute.instances[0].schedules[0].cron: '0 8 31 2 *' names days or months, which Azure ignores, so it would "
                "start every day; write * for both, or a recurrence with monthDays"
            ),
        ),
        (
            schedule(cron="0 8 * * *", timeZone="W. Europa Standard Time"),
            (
                "compute.instances[0].schedules[0].timeZone: 'W. Europa Standard Time' is no time zone of Azure's, so the "
                "schedule would be refused (they are Windows' names, not Europe/Berlin); did you mean W. Europe Standard Time?"
            ),
        ),
        (
            schedule(cron="0 8 * * *", timeZone="Europe/Berlin"),
            (
                "compute.instances[0].schedules[0].timeZone: 'Europe/Berlin' is no time zone of Azure's, so the schedule would be "
                "refused (they are Windows' names, not Europe/Berlin); write a name such as W. Europe Standard Time"
            ),
        ),
        (
            recurrence(frequency="day"),
            (
                "compute.instances[0].schedules[0].recurrence: without hours and minutes it would start at the hour of its "
                "creation; write both, such as hours: [18] and minutes: [0]"
            ),
        ),
        (
            recurrence(frequency="day", interval=0, hours=[8], minutes=[0]),
            (
                "compute.instances[0].schedules[0].recurrence.interval: 0 can't be used: 0 would never start; write a whole "
                "number from 1 to 1000"
            ),
        ),
        (
            recurrence(frequency="day", hours=[8], minutes=[0], weekDays=["monday"]),
            (
                "compute.instances[0].schedules[0].recurrence: weekDays have no effect on a recurrence by day; write frequency: "
                "week"
            ),
        ),
        (
            {"kubernetes": [{"name": "k8s", "clusterId": AKS.replace("managedClusters", "fleets")}]},
            (
                "compute.kubernetes[0].clusterId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Co... can't be used: it "
                "is the cluster that is attached, one of AKS or of Arc; write the id that `az aks show` or `az connectedk8s show` "
                "prints"
            ),
        ),
    ],
)
def test_what_a_stack_cant_have_is_one_line(compute, line):
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "compute": compute})
    assert str(caught.value) == f"mlops:{line}"
