"""Check, auto-names, diff and preview: pure."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.provider import check, preview
from local.provider.diff import Kind, difference
from local.provider.facts import Facts, UnsupportedTypeError
from local.provider.names import Autonaming, Mode, auto_name, token_of
from local.provider.properties import (
    UNKNOWN,
    Secret,
    from_struct,
    has_unknowns,
    keep_secrets,
    plain,
    to_struct,
)
from local.provider.refresh import refreshed

FACTS = Facts.load()
ACCOUNT = FACTS.resource("azure-native:storage:StorageAccount")
COMPUTE = FACTS.resource("azure-native:machinelearningservices:Compute")
CONTAINER = FACTS.resource("azure-native:storage:BlobContainer")
URN = "urn:pulumi:dev::mlops::mlops:infra:Storage$azure-native:storage:StorageAccount::lake"
INPUTS: dict[str, Any] = {
    "resourceGroupName": "g",
    "accountName": "lake",
    "kind": "StorageV2",
    "sku": {"name": "Standard_LRS"},
    "location": "westeurope",
    "tags": {"a": "1"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(2, 1000) | st.text(max_size=5) | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), JSON | JSON.map(Secret), max_size=4)


def reasons(inputs: dict[str, Any], fact=ACCOUNT) -> list[str]:
    return [failure.reason for failure in check.failures(FACTS, fact, inputs)]


def test_missing_and_unknown_properties_are_named():
    inputs = {key: value for key, value in INPUTS.items() if key != "kind"} | {"min_tls_version": "TLS1_2"}
    assert reasons(inputs) == [
        "missing required property 'kind'",
        "unknown property 'min_tls_version' of azure-native:storage:StorageAccount; did you mean 'minimumTlsVersion'?",
    ]


def test_nested_properties_are_checked_by_path():
    rules = {"ipRules": [{"action": "Allow"}], "defaultAction": "Deny", "by_pass": "None"}
    assert reasons(INPUTS | {"networkRuleSet": rules}) == [
        "missing required property 'networkRuleSet.ipRules[0].iPAddressOrRange'",
        "unknown property 'networkRuleSet.by_pass' of storage:NetworkRuleSet; did you mean 'bypass'?",
    ]


def test_values_of_the_wrong_type_are_named():
    assert reasons(INPUTS | {"tags": "x", "sku": ["y"], "accessTier": 3, "isHnsEnabled": "true"}) == [
        "'sku' should be of type 'object' but got an array",
        "'accessTier' should be of type 'string' but got a number",
        "'isHnsEnabled' should be of type 'boolean' but got a string",
        "'tags' should be of type 'object' but got a string",
    ]


def test_lengths_ranges_and_patterns_are_azure_natives_and_say_so_in_its_words():
    assert reasons(INPUTS | {"accountName": "La"}) == [
        "'accountName' is too short (2): at least 3 characters required",
        "'accountName' does not match expression '^[a-z0-9]+$'",
    ]
    assert reasons(INPUTS | {"accountName": "a" * 25}) == [
        "'accountName' is too long (25): at most 24 characters allowed"
    ]
    assert reasons(INPUTS | {"accountName": "lake\n"}) == [
        "'accountName' does not match expression '^[a-z0-9]+$'"
    ]
    policy = {"immutabilityPeriodSinceCreationInDays": 0, "state": "Unlocked"}
    worm = {"enabled": True, "immutabilityPolicy": policy}
    [reason] = reasons(INPUTS | {"immutableStorageWithVersioning": worm})
    assert reason.endswith(
        "immutabilityPolicy.immutabilityPeriodSinceCreationInDays' is too low (0.000000 < 1.000000)"
    )
    assert reasons(INPUTS | {"accountName": Secret("La")})[0].startswith("'accountName' is too short")
    inputs = {"resourceGroupName": "g", "workspaceName": "mlw", "computeName": "cpu-1"}
    # its pattern looks ahead, which Go's expressions can't: azure-native leaves the name to Azure
    assert reasons(inputs, COMPUTE) == []


def test_a_location_that_nothing_gives_is_asked_for():
    [reason] = reasons({key: value for key, value in INPUTS.items() if key != "location"})
    assert reason == (
        "missing required property 'location'. Either set it explicitly or configure it with "
        "'pulumi config set azure-native:location <value>'."
    )


def test_a_name_that_nothing_gives_is_asked_for():
    unnamed = {key: value for key, value in INPUTS.items() if key != "accountName"}
    off = Autonaming("", Mode.DISABLE)
    inputs = check.named(ACCOUNT, unnamed, {}, urn=URN, autonaming=off)
    assert reasons(inputs) == ["missing required property 'accountName'"]


def test_a_compute_of_no_known_kind_lists_the_kinds():
    inputs = {"resourceGroupName": "g", "workspaceName": "mlw", "computeName": "cpu"}
    [reason] = reasons(inputs | {"properties": {"computeType": "Mainframe"}}, COMPUTE)
    assert reason.startswith("'properties.computeType' is 'Mainframe'; it must be one of 'AKS', 'AmlCompute'")
    assert reasons(inputs | {"properties": {"computeType": UNKNOWN}}, COMPUTE) == []
    [reason] = reasons(inputs | {"properties": {"computeType": "AmlCompute", "vmSize": "x"}}, COMPUTE)
    assert reason.startswith("unknown property 'properties.vmSize'")


def test_unknown_and_secret_values_pass_check():
    assert reasons(INPUTS | {"sku": UNKNOWN, "tags": Secret({"a": "b"}), "kind": Secret(UNKNOWN)}) == []
    assert reasons(INPUTS | {"tags": Secret("x")}) == ["'tags' should be of type 'object' but got a string"]


def test_another_api_version_is_refused():
    [reason] = reasons(INPUTS | {"azureApiVersion": "2015-06-15"})
    assert "API version '2015-06-15' of azure-native:storage:StorageAccount isn't known here" in reason


def test_a_type_that_is_not_in_the_table_is_refused_by_name():
    with pytest.raises(UnsupportedTypeError, match="azure-native:compute:Snapshot is not among the"):
        FACTS.resource("azure-native:compute:Snapshot")


def test_top_level_names_are_random_children_copy_theirs_and_old_names_stay():
    named = check.named(ACCOUNT, {}, {}, urn=URN, seed=b"seed")
    assert re.fullmatch("lake[0-9a-f]{8}", named["accountName"])
    assert named == check.named(ACCOUNT, {}, {}, urn=URN, seed=b"seed")
    assert named["__createBeforeDelete"] is True
    assert named["azureApiVersion"] == "2024-01-01"
    assert check.named(ACCOUNT, {}, named, urn=URN, seed=b"other")["accountName"] == named["accountName"]
    assert check.named(CONTAINER, {}, {}, urn=URN)["containerName"] == "lake"
    assert "__createBeforeDelete" not in check.named(CONTAINER, {}, {}, urn=URN)


def test_role_assignments_are_named_by_uuid():
    name, random = auto_name("reader", "uuid", seed=b"s") or ("", False)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)
    assert random


def test_the_stacks_autonaming_is_followed():
    proposal = Autonaming("acme-lake", Mode.PROPOSE)
    assert auto_name("lake", "random", autonaming=proposal) == ("acme-lake", True)
    assert auto_name("lake", "uuid", autonaming=proposal) != ("acme-lake", True)
    assert auto_name("lake", "uuid", autonaming=Autonaming("x", Mode.ENFORCE)) == ("x", True)
    assert auto_name("lake", "copy", autonaming=Autonaming("x", Mode.DISABLE)) is None


def test_a_urn_gives_the_type_without_its_parents():
    assert token_of(URN) == "azure-native:storage:StorageAccount"


def changes(olds: dict[str, Any], news: dict[str, Any], state: dict[str, Any] | None = None, fact=ACCOUNT):
    found = difference(fact, olds, news, state or {})
    return [(c.path, c.kind, c.replaces) for c in found.changes], found.delete_before_replace


def test_same_inputs_show_no_difference_whatever_azure_answered():
    assert changes(INPUTS, INPUTS, {"creationTime": "now"}) == ([], False)
    assert changes(INPUTS, INPUTS | {"location": "West Europe"}) == ([], False)
    assert changes(INPUTS | {"__createBeforeDelete": True}, INPUTS)[0] == []
    assert changes(INPUTS | {"tags": Secret({"a": "1"})}, INPUTS) == ([], False)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OBJECT, OBJECT)
def test_a_difference_shows_exactly_where_the_values_differ(olds: dict[str, Any], news: dict[str, Any]):
    olds, news = without_none(olds), without_none(news)
    assert changes(olds, olds)[0] == []
    differing = sorted(key for key in {*olds, *news} if plain(olds.get(key)) != plain(news.get(key)))
    assert difference(ACCOUNT, olds, news, {}).changed == differing


def test_changed_tags_update_in_place():
    news = INPUTS | {"tags": {"a": "2", "b": "3"}}
    assert changes(INPUTS, news)[0] == [("tags.a", Kind.UPDATE, False), ("tags.b", Kind.ADD, False)]
    assert difference(ACCOUNT, INPUTS, news, {}).changed == ["tags"]


def test_a_new_name_or_place_replaces_deleting_first_unless_the_name_was_random():
    assert changes(INPUTS, INPUTS | {"location": "northeurope"}) == ([("location", Kind.UPDATE, True)], True)
    olds = INPUTS | {"__createBeforeDelete": True}
    assert changes(olds, olds | {"accountName": "lake2"}) == ([("accountName", Kind.UPDATE, True)], False)
    assert changes(INPUTS, INPUTS | {"isHnsEnabled": True})[0] == [("isHnsEnabled", Kind.ADD, True)]


def test_setting_an_input_to_what_azure_chose_does_not_replace():
    state = {"isHnsEnabled": True}
    assert changes(INPUTS, INPUTS | {"isHnsEnabled": True}, state) == (
        [("isHnsEnabled", Kind.ADD, False)],
        False,
    )


def test_groups_are_equal_without_case_and_clusters_tiers_by_either_name():
    assert changes(INPUTS, INPUTS | {"resourceGroupName": "G"}) == ([], False)
    fact = FACTS.resource("azure-native:containerservice:ManagedCluster")
    old, new = {"sku": {"name": "Basic", "tier": "Paid"}}, {"sku": {"name": "Base", "tier": "Standard"}}
    assert changes(old, new, fact=fact) == ([], False)
    assert changes(old, {"sku": {"name": "Base", "tier": "Free"}}, fact=fact)[0] != []


def test_a_changed_value_in_a_create_only_object_replaces_and_an_added_one_does_not():
    fact = FACTS.resource("azure-native:network:PublicIPAddress")
    olds = {"sku": {"name": "Basic"}}
    assert changes(olds, {"sku": {"name": "Standard"}}, fact=fact) == (
        [("sku.name", Kind.UPDATE, True)],
        True,
    )
    added = {"sku": {"name": "Basic", "tier": "Global"}}
    assert changes(olds, added, fact=fact) == ([("sku.tier", Kind.ADD, False)], False)
    assert changes({}, olds, fact=fact)[0] == [("sku", Kind.ADD, True)]


def test_array_changes_are_shown_by_index():
    olds, news = INPUTS | {"x": [{"n": 1}, {"n": 2}]}, INPUTS | {"x": [{"n": 1}, {"n": 3}, {"n": 4}]}
    assert changes(olds, news)[0] == [("x[1].n", Kind.UPDATE, False), ("x[2]", Kind.ADD, False)]
    assert changes(news, olds)[0] == [("x[1].n", Kind.UPDATE, False), ("x[2]", Kind.DELETE, False)]


def test_a_preview_knows_what_the_inputs_say_and_nothing_else():
    outputs = preview.outputs(FACTS, ACCOUNT, INPUTS | {"tags": Secret({"a": UNKNOWN})})
    assert outputs["location"] == "westeurope"
    assert outputs["sku"] == {"name": "Standard_LRS", "tier": UNKNOWN}
    assert outputs["tags"] == Secret({"a": UNKNOWN})
    assert outputs["primaryEndpoints"] is UNKNOWN
    assert outputs["name"] is UNKNOWN
    assert outputs["azureApiVersion"] == "2024-01-01"
    assert preview.outputs(FACTS, ACCOUNT, INPUTS, {"name": "a"})["name"] == "a"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OBJECT)
def test_property_values_survive_the_wire(value: dict[str, Any]):
    assert from_struct(to_struct(value)) == without_none(value)


def without_none(value: Any) -> Any:
    if isinstance(value, Secret):
        inner = without_none(value.value)
        return None if inner is None else Secret(inner)
    if isinstance(value, dict):
        kept = {key: without_none(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OBJECT, OBJECT)
def test_keeping_secrets_changes_no_value(outputs: dict[str, Any], inputs: dict[str, Any]):
    kept = keep_secrets(plain(outputs), inputs)
    assert plain(kept) == plain(outputs)
    for name, value in inputs.items():
        if isinstance(value, Secret) and kept.get(name) is not None:
            assert isinstance(kept[name], Secret)
    assert has_unknowns(kept) == has_unknowns(outputs)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OBJECT, OBJECT)
def test_a_refresh_of_an_unchanged_resource_leaves_the_inputs_alone(
    inputs: dict[str, Any], outputs: dict[str, Any]
):
    assert refreshed(inputs, plain(outputs), plain(outputs)) == inputs


def test_a_secret_never_shows_in_a_representation():
    assert "hunter2" not in repr({"a": Secret("hunter2")})


def test_what_is_at_or_below_an_ignored_path_is_no_change():
    news = {**INPUTS, "tags": {"a": "2", "b": "3"}}
    assert difference(ACCOUNT, INPUTS, news, {}).changed == ["tags"]
    assert difference(ACCOUNT, INPUTS, news, {}, ["tags"]).changes == ()
    left = difference(ACCOUNT, INPUTS, news, {}, ["tags.a", "tag"]).changes
    assert [change.path for change in left] == ["tags.b"]
