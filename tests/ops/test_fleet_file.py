"""fleet.yaml and fleet.lock.yaml: what they say, and one line for each mistake in them."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from ops.fleet import plan as plans
from ops.fleet.lock import Entry, Lock, held_by_this_run
from ops.fleet.spec import FleetError

COMMON = "defaults: {location: westeurope, owner: us, costCenter: none}\n"
EXAMPLE = Path(plans.__file__).with_name("fleet.example.yaml")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "fleet.yaml"


def told(file, text, lock=None):
    """What planning says about a file's text, line by line."""
    file.write_text(text)
    if lock is not None:
        file.with_name("fleet.lock.yaml").write_text(lock)
    with pytest.raises(FleetError) as caught:
        plans.plan(file)
    assert {path.name for path in file.parent.iterdir()} <= {"fleet.yaml", "fleet.lock.yaml"}
    return str(caught.value).splitlines()


def test_workspaces_share_a_network_that_exists_each_with_a_range_of_its_own(file):
    spoke = "/subscriptions/10ca1000-0000-4000-8000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/spoke"
    file.write_text(
        "defaults:\n  location: westeurope\n  owner: us\n  costCenter: none\n  registry: {sku: Premium}\n"
        f"  network: {{mode: private, existing: {{network: {spoke}}}, dns: {{zones: policy}}}}\n"
        "addressSpace: 10.64.0.0/16\nsize: /22\nworkspaces: {aa: , bb: }\n"
    )
    decided = plans.plan(file)
    ranges = [decided.stack_config(name, "mlops")["mlops:network"]["addressSpace"] for name in decided.names]
    assert ranges == ["10.64.0.0/22", "10.64.4.0/22"]


def test_the_example_is_a_fleet(tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(EXAMPLE.read_text())
    decided = plans.plan(file)
    assert decided.names == ("vision", "nlp", "flights")
    assert {name: str(network) for name, network in decided.ranges.items()} == {
        "nlp": "10.64.0.0/20",
        "vision": "10.64.16.0/22",
        "flights": "10.80.0.0/20",
    }
    vision = decided.stack_config("vision", "mlops")
    assert vision["mlops:environment"] == "vision"
    assert vision["mlops:owner"] == "vision-team"
    assert vision["mlops:location"] == "westeurope"
    assert vision["mlops:network"] == {"addressSpace": "10.64.16.0/22"}
    # Sections are laid over the defaults key by key, lists as a whole.
    assert [one["name"] for one in vision["mlops:compute"]["clusters"]] == ["cpu-cluster", "gpu-cluster"]
    assert decided.stack_config("flights", "mlops")["mlops:models"] == ["flight_delay"]


def test_a_subscription_is_the_providers_setting(file):
    file.write_text(COMMON + "workspaces:\n  aa: {subscriptionId: 00000000-0000-0000-0000-000000000001}\n")
    config = plans.plan(file).stack_config("aa", "mlops")
    assert config["azure-native:subscriptionId"] == "00000000-0000-0000-0000-000000000001"
    assert "mlops:subscriptionId" not in config


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (COMMON + "workspaces:\n  aa:\n  aa:\n", "aa is there twice, in line 3 and in line 4"),
        (
            COMMON + "workspaces:\n  aa: {addressSpace: 10.64.0.0/20}\n  bb: {addressSpace: 10.64.8.0/22}\n",
            "fleet.yaml: workspaces.aa.addressSpace: 10.64.0.0/20 overlaps with 10.64.8.0/22 of bb",
        ),
        (COMMON + "workspaces: {toolongname: }\n", "a storage account has room for 8 characters"),
        (COMMON + "workspaces: {no: }\n", "YAML reads this name as a bool"),
        (COMMON + "workspaces: {dev: }\n", "Pulumi.dev.yaml says that this is a stack of its own"),
        (COMMON + "workspaces: {}\n", "fleet.yaml: workspaces: {} can't be used"),
        (
            COMMON + "workspace: {aa: }\nworkspaces: {aa: }\n",
            "workspace: unknown key, it would have no effect",
        ),
        (
            COMMON + "workspaces: {aa: {storag: {}}}\n",
            "fleet.yaml: workspaces.aa.storag: unknown key, it would have no effect; did you mean storage?",
        ),
        (
            COMMON + "workspaces: {aa: {environment: prod}}\n",
            "workspaces.aa.environment: unknown key, it would have no effect; the workspace's name is it",
        ),
        (
            COMMON + "workspaces: {aa: {addressSpace: 10.64.0.0/24}}\n",
            "workspaces.aa.addressSpace: 10.64.0.0/24 has 256 addresses",
        ),
        (COMMON + "workspaces: {aa: {network: {addressSpace: 10.0.0.0/16}}}\n", "ranges are allotted"),
        (COMMON + "workspaces: {aa: {size: 22}}\n", "workspaces.aa.size: 22 can't be used"),
        (COMMON + "workspaces: {aa: {models: [nope]}}\n", "there is no models/nope/model.yaml"),
        (COMMON + "addressSpace: 8.0.0.0/8\nworkspaces: {aa: }\n", "is in use on the internet"),
        (COMMON + "addressSpace: 10.0.0.1/8\nworkspaces: {aa: }\n", "'10.0.0.1/8' is no IPv4 range"),
        (COMMON + "addressSpace: 10.0.0.0/23\nworkspaces: {aa: }\n", "10.0.0.0/23 has no /22 left for aa"),
        ("workspaces: {aa: [}\n", "is not YAML"),
        ("", "is no mapping of keys to values"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_key(file, text, line):
    (said,) = told(file, text)
    assert line in said


def test_a_mistake_in_the_defaults_is_told_once_and_there(file):
    lines = told(
        file,
        "defaults: {location: westeurope, owner: us, costCenter: none, storage: {redundancy: XX}}\n"
        "workspaces: {aa: , bb: , cc: }\n",
    )
    assert len(lines) == 1
    assert lines[0].startswith("fleet.yaml: defaults.storage.redundancy: 'XX' can't be used")


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(FleetError, match=r"fleet\.yaml can't be read: No such file or directory"):
        plans.plan(tmp_path / "fleet.yaml")


def test_a_damaged_lock_file_is_one_line(file):
    text = COMMON + "workspaces: {aa: }\n"
    assert "take it from version control again" in told(file, text, "version: 2\n")[0]
    (line,) = told(file, text, "version: 1\nworkspaces: {aa: {addressSpace: here}}\n")
    assert line.startswith("fleet.lock.yaml: workspaces.aa.addressSpace can't be read")


def test_ranges_are_kept_in_the_lock_file_and_of_who_left_until_released(file):
    file.write_text(COMMON + "addressSpace: 10.64.0.0/12\nworkspaces: {bb: , cc: }\n")
    first = plans.plan(file)
    assert not first.lock.path.exists()  # planning decides, it doesn't write
    first.hold(first.names)
    file.write_text(COMMON + "addressSpace: 10.64.0.0/12\nworkspaces: {aa: , cc: }\n")
    second = plans.plan(file)
    assert second.left == ("bb",)
    assert {name: str(network) for name, network in second.ranges.items()} == {
        "aa": "10.64.8.0/22",
        "cc": "10.64.4.0/22",
    }
    assert second.chosen(["bb"], left_too=True) == ("bb",)
    with pytest.raises(
        FleetError, match=r"--only bb: fleet\.yaml has no workspace of this name; it has aa, cc"
    ):
        second.chosen(["bb"])
    second.lock.release("bb")
    assert str(plans.plan(file).ranges["aa"]) == "10.64.0.0/22"


def test_what_pulumi_added_to_a_stacks_settings_survives_a_change_of_its_range(file):
    lock = Lock(file)
    lock.hold({"aa": Entry().with_pulumi({"encryptionsalt": "v1:salt"})})
    entry = Lock(file).entry("aa").model_copy(update={"addressSpace": IPv4Network("10.64.0.0/22")})
    lock.hold({"aa": entry})
    again = Lock(file)
    assert again.entry("aa").pulumi() == {"encryptionsalt": "v1:salt"}
    assert again.ranges == {"aa": IPv4Network("10.64.0.0/22")}


def test_one_command_at_a_time_changes_a_fleet(file):
    file.write_text(COMMON)
    with (
        held_by_this_run(file),
        pytest.raises(FleetError, match="another command is changing this fleet"),
        held_by_this_run(file),
    ):
        pass
    with held_by_this_run(file):
        pass
