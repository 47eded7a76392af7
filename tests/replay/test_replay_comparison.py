"""An answer that isn't what Azure documents counts as wrong, whatever way it differs; what nobody can know doesn't."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from local.replay.comparison import Terms, differences, statuses
from local.replay.enumeration import members

SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a"
CARD = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n"
DOCUMENTED: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v",
    "name": "v",
    "location": "East US",
    "tags": {"a": "b"},
    "properties": {
        "provisioningState": "Succeeded",
        "resourceGuid": "00000000-0000-0000-0000-000000000000",
        "createdAt": "2020-01-01T00:00:00Z",
        "enabled": True,
        "count": 1,
        "subnets": [{"name": "a", "id": SUBNET}, {"name": "b", "properties": {"prefix": "10.0.0.0/24"}}],
        "hint": None,
    },
    "nextLink": "https://management.azure.com/next",
}
ANSWERED: dict[str, Any] = {
    "id": "/subscriptions/T/resourceGroups/H/providers/microsoft.network/virtualNetworks/w",
    "name": "w",
    "location": "westeurope",
    "tags": {"a": "c"},
    "properties": {
        "provisioningState": "Succeeded",
        "resourceGuid": "11111111-1111-1111-1111-111111111111",
        "createdAt": "2026-01-01T00:00:00.123456+00:00",
        "enabled": False,
        "count": 2.5,
        "more": "than documented",
        "subnets": [{"name": "B", "properties": {"prefix": "x"}}, {"name": "A", "id": SUBNET.upper()}],
    },
}
REMOVE = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """ANSWERED with the value at a dotted path replaced."""
    answer = copy.deepcopy(ANSWERED)
    at: Any = answer
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        at = at[part]
    if value is REMOVE:
        del at[last]
    else:
        at[last] = value
    return answer


def test_what_nobody_can_know_may_differ():
    assert differences(DOCUMENTED, ANSWERED) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("properties.enabled", REMOVE, "properties.enabled: documented (True), not answered"),
        ("tags", REMOVE, "tags: documented ({'a': 'b'}), not answered"),
        ("properties.enabled", "true", "properties.enabled: documented as boolean, answered string 'true'"),
        ("properties.enabled", 1, "documented as boolean, answered number 1"),
        ("properties.count", "1", "documented as number, answered string '1'"),
        ("properties.count", None, "documented as number, answered null None"),
        ("properties.subnets", {}, "documented as list, answered object"),
        ("properties.subnets", [], "properties.subnets[a]: documented, but the answered list is empty"),
        ("properties.subnets.0.properties", REMOVE, "properties.subnets[b].properties"),
        ("properties.resourceGuid", "none", "documented as a GUID, answered 'none'"),
        ("properties.createdAt", "yesterday", "documented as a time, answered 'yesterday'"),
        ("id", "v", "documented as the id of a Microsoft.Network/virtualNetworks, answered 'v'"),
        ("id", CARD, "documented as the id of a Microsoft.Network/virtualNetworks"),
    ],
)
def test_a_difference_is_told_with_its_key(path: str, value: Any, problem: str):
    found = differences(DOCUMENTED, changed(path, value))
    assert found
    assert problem in str(found[0])


def test_what_was_set_comes_back_as_it_was_set():
    requested = {"location": "eastus", "tags": {"a": "b"}, "properties": {"subnets": [{"name": "c"}]}}
    documented = {**requested, "location": "East US"}
    assert differences(documented, {**requested, "location": "eastus"}, requested) == []
    assert [
        found.key for found in differences(documented, {**documented, "tags": {"a": "B"}}, requested)
    ] == ["tags.a"]
    assert [
        found.key
        for found in differences(
            documented, {**documented, "properties": {"subnets": [{"name": "d"}]}}, requested
        )
    ] == ["properties.subnets[c]"]


def test_a_documented_value_that_the_request_did_not_set_is_free():
    assert differences({"sku": "Premium"}, {"sku": "Basic"}, {"sku": "Standard"}) == []


def test_an_enumeration_is_spelled_as_azure_spells_it():
    terms = Terms(members=lambda key, _value: frozenset({"Enabled", "Disabled"}) if key == "state" else None)
    assert differences({"state": "Enabled"}, {"state": "Disabled"}, terms=terms) == []
    assert [
        str(found) for found in differences({"state": "Enabled"}, {"state": "disabled"}, terms=terms)
    ] == ["state: 'disabled' isn't one of Disabled, Enabled"]


def test_enumerations_of_azure_are_known_by_provider_and_key():
    terms = Terms(members=members("Microsoft.Storage"))
    assert (
        differences({"publicNetworkAccess": "Enabled"}, {"publicNetworkAccess": "Disabled"}, terms=terms)
        == []
    )
    for documented, answered in (("Enabled", "enabled"), ("Enabled", "Open"), ("enabled", "Enabled")):
        assert (
            len(
                differences(
                    {"publicNetworkAccess": documented}, {"publicNetworkAccess": answered}, terms=terms
                )
            )
            == 1
        )
    assert members("Microsoft.Paint")("colour", "Blue") is None


def test_what_stands_on_a_type_that_is_not_served_need_not_be_there():
    terms = Terms(serves=lambda kind: kind != "Microsoft.Network/networkInterfaces")
    assert differences({"users": [{"id": CARD}], "user": {"id": CARD}}, {"users": []}, terms=terms) == []
    assert len(differences({"users": [{"id": CARD}], "user": {"id": CARD}}, {"users": []})) == 2


def test_a_status_is_a_documented_one_or_the_protocol_s():
    assert statuses("GET", {200: {}}, began=False) == {200}
    assert statuses("PUT", {200: {}}, began=False) == {200, 201}
    assert statuses("DELETE", {200: {}}, began=False) == {200, 202}
    assert statuses("POST", {200: {}}, began=True) == {200, 201, 202}
    assert statuses("GET", {}, began=False) == {200, 201, 202, 204}
