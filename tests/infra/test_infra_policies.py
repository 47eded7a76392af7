"""The program against its own policies, as a preview checks them: what each stack breaks, and that a weaker one is caught."""

import re
from itertools import pairwise

import pytest
from recorded_program import run

from policy import checklist
from policy.rule import Resource, ResourceRule


def violations(resources, environment):
    """The names of the policies that resources break, each with the resources, as a configuration file sets them."""
    settings = checklist.configuration(environment)
    found = {}
    for rule in checklist.RULES:
        configured = rule.configured(settings.get(rule.name))
        if isinstance(rule, ResourceRule):
            accused = {one.name for one in resources for _ in rule.check(one, configured)}
        else:
            accused = {one.name for one, _ in rule.check(resources, configured)}
        if accused:
            found[rule.name] = accused
    return found


def mandatory(found, environment):
    levels = {rule.name: rule.levels[environment] for rule in checklist.RULES}
    return {name for name in found if levels[name] == "mandatory"}


def as_policies_see(recording):
    return [Resource(r.type, r.name, r.urn, r.inputs, r.uses) for r in recording.resources]


@pytest.fixture(scope="module")
def recording():
    return run("prod")


@pytest.fixture(scope="module")
def prod(recording):
    return as_policies_see(recording)


def test_production_with_its_model_breaks_no_mandatory_policy(prod):
    found = violations(prod, "prod")
    assert mandatory(found, "prod") == set()
    # Whom to tell, and how much it may cost, is the team's to say; protection is an option that the recording hasn't.
    assert found.keys() == {"alert-recipients", "budgets", "protected-resources"}


def test_development_is_told_what_production_would_refuse_and_nothing_stops_it():
    recording = run("dev")
    assert recording.of("PolicyAssignment") == recording.of("ManagementLockByScope") == []
    found = violations(as_policies_see(recording), "dev")
    assert mandatory(found, "dev") == set()
    refused = mandatory(found, "prod")
    assert refused >= {
        "workspace-public-access",
        "private-endpoints",
        "storage-shared-keys",
        "customer-managed-keys",
        "purge-protection",
        "diagnostic-settings",
        "delete-locks",
        "azure-policies",
        "endpoint-authentication",
    }
    assert found["endpoint-authentication"] == {"flight-delay-endpoint"}
    assert found["storage-shared-keys"] == {"mlops-storage-account", "mlops-storage-lake"}


#: Copies of production, each with weaknesses that don't hide one another, and what has to be said of them.
WEAKENED = {
    "open": (
        {"network": {"mode": "public"}, "encryption": {"keys": "microsoft"}},
        {
            "workspace-public-access",
            "storage-public-access",
            "vault-public-access",
            "registry-public-access",
            "private-endpoints",
            "compute-networks",
            "customer-managed-keys",
        },
    ),
    "talkative": (
        {"network": {"mode": "managed", "managed": {"isolation": "AllowInternetOutbound"}}},
        {"managed-network-isolation"},
    ),
    "careless": (
        {
            "encryption": {"rotateAfterDays": None},
            "storage": {"sharedKeys": True, "softDeleteDays": 7, "redundancy": "LRS"},
            "vault": {"softDeleteDays": 7},
            "observability": {"diagnostics": False, "retentionDays": 30},
            "governance": {"locks": False, "policies": "none"},
            "endpointAuth": "key",
            "models": ["flight_delay"],
            "location": "eastus",
            "compute": {
                "clusters": [
                    {
                        "name": "cpu",
                        "vmSize": "Standard_DS3_v2",
                        "minNodes": 1,
                        "maxNodes": 50,
                        "idleSeconds": 7200,
                    }
                ]
            },
        },
        {
            "key-rotation",
            "storage-shared-keys",
            "blob-soft-delete",
            "storage-redundancy",
            "purge-protection",
            "diagnostic-settings",
            "log-retention",
            "delete-locks",
            "azure-policies",
            "endpoint-authentication",
            "regions",
            "scale-to-zero",
            "cluster-sizes",
            "idle-nodes",
        },
    ),
}


@pytest.mark.parametrize("copy", WEAKENED)
def test_a_weakened_copy_of_production_is_caught(copy):
    weaker, caught = WEAKENED[copy]
    found = violations(as_policies_see(run("prod", **{"models": [], **weaker})), "prod")
    assert mandatory(found, "prod") >= caught


def test_a_lock_is_on_everything_that_holds_data_and_comes_off_first(recording):
    locks = {one.inputs["scope"]: one for one in recording.of("ManagementLockByScope")}
    held = ("mlops-storage-account", "mlops-storage-lake", "mlops-vault-vault", "mlops-registry-registry")
    assert set(locks) == {recording.one(name).id for name in (*held, "mlops-observability-log-analytics")}
    # Everything but what is on an endpoint, which no lock reaches.
    others = {
        one.name
        for one in recording.resources
        if one.type.startswith("azure-native:")
        and not re.search("ManagementLock|PolicyAssignment", one.type)
        and "/onlineEndpoints/" not in str(one.inputs.get("resourceUri"))
    }
    for lock in locks.values():
        assert lock.inputs["level"] == "CanNotDelete"
        assert others <= recording.needs(lock)


def test_policies_hold_others_to_what_the_stack_itself_is(recording):
    assigned = {one.inputs["policyAssignmentName"]: one.inputs for one in recording.of("PolicyAssignment")}
    assert assigned["allowed-locations"]["parameters"]["listOfAllowedLocations"]["value"] == ["westeurope"]
    assert assigned["storage-keys"]["parameters"]["effect"]["value"] == "Deny"
    assert assigned["storage-key"]["parameters"]["effect"]["value"] == "Audit"  # Azure's own can't deny
    assert assigned["inherit-owner"]["identity"]["type"] == "SystemAssigned"
    looser = run(
        "prod",
        models=[],
        storage={"sharedKeys": True},
        governance={"policies": "audit", "regions": ["northeurope"]},
    )
    assigned = {one.inputs["policyAssignmentName"]: one.inputs for one in looser.of("PolicyAssignment")}
    assert "storage-keys" not in assigned
    assert assigned["vault-roles"]["parameters"]["effect"]["value"] == "Audit"
    allowed = assigned["allowed-locations"]["parameters"]
    assert allowed["listOfAllowedLocations"]["value"] == ["westeurope", "northeurope"]


def test_a_destroy_takes_things_away_in_azures_order(recording):
    """Each needs the next, and so goes before it: locks, traffic, deployments, endpoints, the ways in, the workspace, the rest."""
    order = (
        "mlops-locks-storage",
        "flight-delay-traffic",
        "flight-delay-deployment",
        "flight-delay-endpoint",
        "mlops-workspace-entrance-workspace",
        "mlops-workspace-workspace",
        "mlops-entrances-storage-blob",
        "mlops-storage-account",
        "mlops-encryption-key",
        "mlops-vault-vault",
    )
    for first, then in pairwise(order):
        assert then in recording.needs(recording.one(first)), f"{then} may go before {first}"
    assert "mlops-workspace-entrance-workspace" in recording.needs(recording.one("mlops-compute-cpu-cluster"))
