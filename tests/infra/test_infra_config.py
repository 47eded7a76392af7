import json

import pulumi
import pytest
import yaml
from pulumi.runtime import config as runtime_config
from pulumi.runtime import settings
from recorded_program import REPOSITORY, Recording, run, stack_values

from infra.access.table import deployers
from infra.config import ConfigError, load, parse
from local.settings import LOCATION, PRINCIPAL_ID
from ml import spec

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}
SOMEBODY = "12121212-3434-4565-8787-909090909090"


def refusal(**changes):
    """What is said about the least configuration with some keys changed (None: left out)."""
    values = {key: value for key, value in {**LEAST, **changes}.items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        parse(values)
    return str(caught.value)


def test_the_least_configuration_is_four_keys():
    config = parse(LEAST)
    assert [one.low_priority for one in config.compute.clusters] == [False, True]
    assert config.network.public_network_access == "Enabled"
    assert config.models == ()


def test_values_arrive_as_pulumi_hands_them_over():
    values = {
        **LEAST,
        "protect": "true",
        "suffix": "123456",
        "compute": '{"clusters": [{"name": "cpus", "vmSize": "Standard_DS3_v2", "maxNodes": 7}]}',
        "models": '["flight_delay"]',
        "tags": '{"team": "a"}',
    }
    config = parse(values)
    assert config.protect
    assert config.suffix == "123456"
    assert [(one.name, one.max_nodes) for one in config.compute.clusters] == [("cpus", 7)]
    assert config.models == ("flight_delay",)
    assert config.all_tags["team"] == "a"


@pytest.mark.parametrize(
    ("space", "subnets"),
    [
        ("10.0.0.0/16", {"endpoints": "10.0.0.0/18", "compute": "10.0.128.0/17"}),
        ("192.168.8.0/22", {"endpoints": "192.168.8.0/24", "compute": "192.168.10.0/23"}),
    ],
)
def test_an_address_space_has_room_for_endpoints_clusters_and_something_else(space, subnets):
    network = {"mode": "private", "addressSpace": space}
    assert parse({**LEAST, "network": network, "registry": {"sku": "Premium"}}).network.ranges == subnets


def test_configuration_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse(LEAST).protect = True


@pytest.mark.parametrize(
    ("changes", "key", "breaks", "remedy"),
    [
        ({"environment": None}, "mlops:environment: missing", "part of every name", "write local, dev, prod"),
        (
            {"environment": "production"},
            "mlops:environment: 'production'",
            "8 characters",
            "write local, dev",
        ),
        ({"environment": "Dev"}, "mlops:environment: 'Dev'", "part of every name", "lowercase letters"),
        ({"project": "our-platform"}, "mlops:project: 'our-platform'", "8 characters", "lowercase letters"),
        (
            {"location": "West Europe"},
            "mlops:location: 'West Europe'",
            "needs a region",
            "write a region's short",
        ),
        ({"owner": ""}, "mlops:owner: ''", "who answers for it", "write a team"),
        ({"costCenter": None}, "mlops:costCenter: missing", "who pays", "write a cost centre"),
        ({"suffix": "ABC"}, "mlops:suffix: 'ABC'", "ends every name", "write 6 lowercase"),
        ({"protect": "maybe"}, "mlops:protect: 'maybe'", "can be destroyed", "write true"),
        ({"compute": 3}, "mlops:compute: 3", "section", "write a mapping"),
        (
            {"vault": {"softDeleteDays": 6}},
            "mlops:vault.softDeleteDays: 6",
            "7 to 90 days",
            "write a whole number",
        ),
        ({"storage": {"redundancy": "RAGRS"}}, "mlops:storage.redundancy: 'RAGRS'", "survives", "write LRS"),
        (
            {"registry": {"sku": "premium"}},
            "mlops:registry.sku: 'premium'",
            "private endpoints",
            "or Premium",
        ),
        (
            {"observability": {"retentionDays": 7}},
            "mlops:observability.retentionDays: 7",
            "gone",
            "30 to 730",
        ),
        ({"tags": {"team": 7}}, "mlops:tags.team: 7", "Azure takes", "numbers in quotes"),
        ({"tags": {"a<b": "c"}}, "mlops:tags.a<b: 'a<b'", "Azure takes", "write a mapping"),
        ({"models": "flight_delay"}, "mlops:models: 'flight_delay'", "model.yaml", "write a list"),
        (
            {"models": ["flight-delay"]},
            "mlops:models[0]: 'flight-delay'",
            "model.yaml",
            "such as flight_delay",
        ),
        (
            {"network": {"mode": "private"}, "registry": {"sku": "Basic"}},
            "mlops:registry.sku: a Basic registry",
            "no image could be pulled",
            "write Premium",
        ),
        (
            {"network": {"addressSpace": "10.0.0.0"}},
            "mlops:network.addressSpace: 10.0.0.0 is one address",
            "no subnet",
            "write a range such as 10.1.0.0/16",
        ),
        (
            {"network": {"addressSpace": "10.0.1.0/16"}},
            "mlops:network.addressSpace: 10.0.1.0/16",
            "isn't the start",
            "write 10.0.0.0/16",
        ),
        (
            {"network": {"addressSpace": "ten"}},
            "mlops:network.addressSpace: 'ten' is no IPv4 range",
            "no subnet",
            "write a range such as 10.1.0.0/16",
        ),
        (
            {"network": {"addressSpace": "8.8.0.0/16"}},
            "mlops:network.addressSpace: 8.8.0.0/16",
            "in use on the internet",
            "write a range such as 10.1.0.0/16",
        ),
        (
            {"network": {"addressSpace": "172.16.0.0/15"}},
            "mlops:network.addressSpace: 172.16.0.0/15 overlaps with 172.17.0.0/16",
            "containers",
            "write a range such as 10.1.0.0/16",
        ),
        (
            {"network": {"addressSpace": "10.0.0.0/24"}},
            "mlops:network.addressSpace: 10.0.0.0/24 has 256 addresses",
            "need 1024",
            "from /16 to /22",
        ),
        (
            {"endpointAuth": "password"},
            "mlops:endpointAuth: 'password'",
            "callers of all online endpoints",
            "write aad_token",
        ),
        ({"tags": {"Owner": "me"}}, "mlops:tags.Owner: the platform sets", "no effect", "remove it"),
        ({"models": ["a", "a"]}, "mlops:models: a is listed twice", "once per stack", "list it once"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_key_what_breaks_and_the_remedy(changes, key, breaks, remedy):
    line = refusal(**changes)
    assert "\n" not in line
    assert line.startswith(key)
    assert breaks in line
    assert remedy in line


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"comput": {}}, "mlops:comput: unknown key, it would have no effect; did you mean compute?"),
        (
            {"compute": {"clusters": [{"name": "cpus", "vmSize": "Standard_DS3_v2", "max_nodes": 3}]}},
            "mlops:compute.clusters[0].max_nodes: unknown key, it would have no effect; did you mean maxNodes?",
        ),
        (
            {"network": {"fire": True}},
            "mlops:network.fire: unknown key, it would have no effect; known here: addressSpace, bastion, dns, egress, existing, firewall, hub, inbound, managed, mode, subnets",
        ),
        (
            {"network": {"publicAccess": False}},
            "mlops:network.publicAccess: unknown key, it would have no effect; write mode: private for what was false, mode: public for what was true",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(changes, line):
    assert refusal(**changes) == line


def test_each_mistake_has_a_line_of_its_own():
    lines = refusal(owner=None, vault={"softDeleteDays": 1}, modles=[]).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "mlops:owner",
        "mlops:vault.softDeleteDays",
        "mlops:modles",
    ]


def test_a_value_that_is_a_secret_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "vault": '{"softDeleteDays": 4711}'}, secret={"vault"})
    assert "4711" not in str(caught.value)
    assert str(caught.value).startswith("mlops:vault.softDeleteDays: this value can't be used")


def test_keys_of_other_namespaces_are_not_ours():
    settings.configure(settings.Settings(project="mlops", stack="dev"))
    ours = {f"mlops:{key}": value for key, value in LEAST.items()}
    runtime_config.set_all_config({**ours, "azure-native:location": "nowhere"}, [])
    assert load().location == "westeurope"


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_committed_stack_is_valid_and_names_no_subscription_and_no_secret(stack):
    config = parse(stack_values(stack))
    assert config.environment == stack
    document = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())
    assert set(document) == {"config"}
    assert "subscription" not in json.dumps(document).lower()
    assert "secure" not in json.dumps(document)


def test_production_is_stricter_than_development():
    dev, prod = parse(stack_values("dev")), parse(stack_values("prod"))
    assert prod.protect
    assert not dev.protect
    assert prod.vault.purge_protection
    assert not dev.vault.purge_protection
    assert prod.registry.sku == "Premium"
    assert not prod.storage.shared_keys
    assert not prod.network.public_access


def test_the_local_stack_lets_the_principal_of_local_azure_deploy():
    config = parse(stack_values("local"))
    assert deployers(config.access) == (PRINCIPAL_ID,)
    assert config.location == LOCATION


def test_a_mistake_ends_the_program_before_any_resource():
    recording = Recording()
    with pytest.raises(ConfigError, match=r"mlops:compute\.cpus: unknown key"):
        run("local", recording, compute={"cpus": {}})
    assert recording.resources == []


def test_a_model_that_is_not_there_ends_the_program_before_any_resource():
    recording = Recording()
    with pytest.raises(
        pulumi.RunError, match=r"^mlops:models: there is no models/no_such/model\.yaml.*flight_delay"
    ):
        run("local", recording, models=["no_such"])
    assert recording.resources == []


def test_a_models_mistake_ends_the_program_before_any_resource(monkeypatch):
    def load(folder):
        raise spec.SpecError(f"{folder}: monitor: is missing; add it")

    monkeypatch.setattr(spec, "load", load)
    recording = Recording()
    with pytest.raises(pulumi.RunError, match="flight_delay: monitor: is missing; add it"):
        run("local", recording, models=["flight_delay"])
    assert recording.resources == []


def test_mistakes_end_the_program_without_a_traceback():
    # Pulumi prints a RunError's text and nothing else.
    assert issubclass(ConfigError, pulumi.RunError)
