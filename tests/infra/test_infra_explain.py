import json
import shutil
from io import StringIO

import pytest
import yaml
from pulumi_loops import closed_loops
from recorded_program import REPOSITORY
from rich.console import Console
from typer.testing import CliRunner

from infra.__main__ import app
from infra.config import ConfigError
from infra.explain import cost, explanation, report, stack_file
from infra.explain.rehearsal import SUFFIX, Planned, physical_name
from infra.explain.running_time import hours_per_week
from ops import program

STACKS = ("local", "dev", "prod")


def explain(stack, **changes):
    file = stack_file.read(stack)
    with closed_loops():
        return explanation.explain(
            stack_file.StackFile(file.name, {**file.values, **changes}, file.secrets), program.main
        )


@pytest.fixture(scope="module")
def explained():
    return {stack: explain(stack) for stack in STACKS}


def printed(found):
    out = StringIO()
    report.write(found, Console(file=out, width=200))
    return out.getvalue()


def test_it_names_what_a_stack_would_have_room_by_room(explained):
    resources = {one.label: one for one in explained["prod"].resources}
    assert resources["mlops-storage-lake"].name == f"dlmlopsprod{SUFFIX}"
    assert resources["mlops-storage-lake"].room == "Storage"
    assert explanation.size(resources["mlops-storage-lake"]) == "Standard_ZRS"
    assert resources["mlops-network-endpoints"].name == "endpoints"
    assert explanation.size(resources["mlops-compute-cpu-cluster"]) == "Standard_DS3_v2 x 0-8"
    assert resources["flight-delay-deployment"].room == "Model flight-delay"
    assert resources["mlops-group"].protect


def test_a_private_stack_has_more_than_a_public_one_and_costs_more(explained):
    local, prod = explained["local"], explained["prod"]
    assert len(prod.resources) > len(local.resources)
    assert prod.monthly > local.monthly > 0
    assert not [charge for charge in local.charges if charge.meter == "private-endpoint"]


def test_what_costs_by_the_hour_is_priced_or_said_to_have_no_price(explained):
    meters = {charge.meter: charge.monthly for charge in explained["prod"].charges}
    assert meters["nat-gateway"] == pytest.approx(0.045 * 730)
    assert meters["registry/Premium"] == pytest.approx(1.667 * 730 / 24)
    assert meters["vm/Standard_DS3_v2"] == pytest.approx(0.293 * 730)
    unpriced = cost.charges([planned("azure-native:network:AzureFirewall", sku={"tier": "Basic"})])
    assert unpriced[0].monthly is None
    assert "price unknown" in printed(
        explanation.Explanation("dev", "standard", [], [], [*unpriced, *explained["prod"].charges])
    )


def test_every_price_has_a_region_a_unit_and_a_source_with_a_date():
    for meter, price in cost.TABLE["meters"].items():
        assert price["usd"] >= 0, meter
        assert price["unit"] in ("hour", "day", "month"), meter
        assert price["region"], meter
        assert price["source"] in cost.TABLE["sources"], meter
    for source in cost.TABLE["sources"].values():
        assert source["link"].startswith("https://")
        assert source["date"]


def planned(type_, **inputs):
    return Planned(type_, "label", "name", "Room", inputs, protect=False)


def compute(kind, **properties):
    return planned(
        "azure-native:machinelearningservices:Compute",
        properties={"computeType": kind, "properties": {"vmSize": "Standard_DS3_v2", **properties}},
    )


WORKING_HOURS = [
    {"action": "Start", "triggerType": "Cron", "cron": {"expression": "0 8 * * 1-5"}},
    {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 18 * * mon-fri"}},
]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (compute("AmlCompute", scaleSettings={"minNodeCount": 0, "maxNodeCount": 9}), []),
        (compute("AmlCompute", scaleSettings={"minNodeCount": 2, "maxNodeCount": 9}), [0.293 * 730 * 2]),
        (compute("ComputeInstance"), [0.293 * 730]),
        (compute("ComputeInstance", schedules={"computeStartStop": WORKING_HOURS}), [0.293 * 730 * 50 / 168]),
        (planned("azure-native:network:AzureFirewall", sku={"tier": "Premium"}), [1.75 * 730]),
        (planned("azure-native:network:BastionHost", sku={"name": "Developer"}), [0]),
        (planned("azure-native:servicebus:Namespace", sku={"name": "Premium", "capacity": 2}), [0.9275 * 1460]),
        (planned("azure-native:monitor:ScheduledQueryRule", evaluationFrequency="PT5M"), [1.5]),
        (planned("azure-native:monitor:MetricAlert", criteria={"allOf": [{}, {}]}), [0.2]),
        (
            planned(
                "azure-native:machinelearningservices:Workspace",
                managedNetwork={"outboundRules": {"packages": {"type": "FQDN"}}},
            ),
            [1.25 * 730],
        ),
        (planned("azure-native:storage:StorageAccount"), []),
        (planned("azure-native:redis:Redis", sku={"name": "Premium", "family": "P", "capacity": 1.0}), [0.554 * 730]),
        (
            planned(
                "azure-native:machinelearningservices:Registry",
                regionDetails=[
                    {"location": name, "acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Premium"}}]}
                    for name in ("westeurope", "northeurope")
                ],
            ),
            [1.667 * 730 / 24] * 2,
        ),
    ],
)  # fmt: skip
def test_what_a_resource_costs_by_itself(resource, expected):
    assert [charge.monthly for charge in cost.charges([resource])] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedules", "hours"),
    [
        (WORKING_HOURS, 50),
        (WORKING_HOURS[:1], None),
        ([{**WORKING_HOURS[0], "status": "Disabled"}, WORKING_HOURS[1]], None),
        ([], None),
        (
            [
                {"action": "Start", "recurrence": {"frequency": "Week", "interval": 1, "schedule": {"hours": [22], "weekDays": ["Saturday"]}}},
                {"action": "Stop", "recurrence": {"frequency": "Week", "interval": 1, "schedule": {"hours": [2], "weekDays": ["Sunday"]}}},
            ],
            4,
        ),
        ([{"action": "Start", "recurrence": {"frequency": "Month", "interval": 1}}], None),
    ],
)  # fmt: skip
def test_an_instances_hours_follow_from_its_schedules(schedules, hours):
    assert hours_per_week(schedules) == hours


def test_each_setting_says_where_its_value_is_from(explained):
    settings = {one.path: one for one in explained["prod"].settings}
    assert (settings["network.mode"].value, settings["network.mode"].origin) == ("private", "profile")
    assert settings["network.addressSpace"].origin == "file"
    assert settings["retraining.start"].origin == "default"


def test_another_profile_can_be_tried():
    with closed_loops():
        found = explanation.explain(stack_file.read("dev"), program.main, "sandbox")
    assert found.profile == "sandbox"
    assert {one.path: one.value for one in found.settings}["registry.sku"] == "Basic"


def test_it_says_which_quota_the_computes_take(explained):
    assert (
        explained["dev"].quota["gpu-cluster"].endswith("the quota of GPU sizes is 0 until you ask for more")
    )
    assert "gpu-cluster: 4 vCPUs (1 x Standard_NC4as_T4_v3) of low-priority" in printed(
        explained["dev"]
    ).replace("\n", " ")


def test_the_document_is_json_and_says_what_the_table_says(explained):
    document = json.loads(json.dumps(explained["prod"].document()))
    assert document["cost"]["monthly"] == round(explained["prod"].monthly, 2)
    assert len(document["resources"]) == len(explained["prod"].resources)
    text = printed(explained["prod"])
    assert f"{document['cost']['monthly']:,.2f}" in text
    assert "not" not in document["settings"]["network.mode"]
    assert "18 of them" in text or "of them" in text


def test_a_secret_is_never_shown(tmp_path):
    shutil.copy(REPOSITORY / "Pulumi.dev.yaml", tmp_path)
    path = tmp_path / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["mlops:endpointAuth"] = {"secure": "v1:hidden:text"}
    path.write_text(yaml.safe_dump(document))
    file = stack_file.read("dev", tmp_path)
    assert file.secrets == ("endpointAuth",)
    with closed_loops():
        found = explanation.explain(file, program.main)
    assert "v1:hidden" not in printed(found) + json.dumps(found.document())
    assert found.document()["settings"]["endpointAuth"] == {"value": None, "origin": "file", "secret": True}


def test_a_stack_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        stack_file.StackFileError, match=r"^there is no Pulumi\.no\.yaml; known stacks: none yet$"
    ):
        stack_file.read("no", tmp_path)


def test_a_file_that_is_no_yaml_is_one_line(tmp_path):
    (tmp_path / "Pulumi.bad.yaml").write_text("config: {\n  a: [\n")
    with pytest.raises(stack_file.StackFileError, match=r"^Pulumi\.bad\.yaml, line 3: this isn't YAML"):
        stack_file.read("bad", tmp_path)


def test_a_configuration_that_can_not_be_used_is_not_explained():
    with pytest.raises(ConfigError, match="mlops:comput: unknown key"):
        explain("dev", comput={})


@pytest.mark.parametrize(
    ("type_", "inputs", "name"),
    [
        ("azure-native:storage:Queue", {"accountName": "a", "queueName": "q", "resourceGroupName": "r"}, "q"),
        ("azure-native:storage:StorageAccount", {"accountName": "a", "resourceGroupName": "r"}, "a"),
        ("azure-native:resources:ResourceGroup", {"resourceGroupName": "r"}, "r"),
        ("azure-native:network:PrivateDnsZoneGroup", {"privateEndpointName": "e", "privateDnsZoneGroupName": "z"}, "z"),
        ("azure-native:network:Subnet", {"virtualNetworkName": "v", "subnetName": "s"}, "s"),
        ("azure-native:privatedns:VirtualNetworkLink", {"privateZoneName": "z", "virtualNetworkLinkName": "l"}, "l"),
        ("azure-native:keyvault:Key", {"vaultName": "v", "keyName": "k"}, "k"),
        ("azure-native:eventgrid:SystemTopicEventSubscription", {"systemTopicName": "t", "eventSubscriptionName": "s"}, "s"),
        ("azure-native:managedidentity:UserAssignedIdentity", {"resourceName": "i", "resourceGroupName": "r"}, "i"),
        ("azure-native:machinelearningservices:Datastore", {"workspaceName": "w", "name": "d"}, "d"),
    ],
)  # fmt: skip
def test_the_name_is_that_of_the_resource_and_not_of_what_it_is_in(type_, inputs, name):
    assert physical_name(type_, inputs) == name


def test_the_command_explains_and_says_what_it_can_not():
    run = CliRunner().invoke
    with closed_loops():
        found = run(app, ["explain", "-s", "dev", "--profile", "sandbox", "--json"])
    assert json.loads(found.stdout)["settings"]["registry.sku"] == {"value": "Basic", "origin": "profile"}
    missing = run(app, ["explain", "-s", "nowhere"])
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("error: there is no Pulumi.nowhere.yaml; known stacks: ")
    wrong = run(app, ["explain", "--profile", "none"])
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("error: mlops:profile: 'none' can't be used")
