"""SDK shape ↔ ARM's wire, over every resource type of the table."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.provider import check, wire
from local.provider.facts import Facts, Limits, Properties, Shape

FACTS = Facts.load()
SUBSCRIPTION = "10ca1000-0000-4000-8000-000000000001"
ARM = Path(__file__).parents[3] / "shared" / "arm"
MAPPING = ARM / "mapping.json"
EXAMPLES = ARM / "examples"
DEPTH = 3


def values(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    words = st.text("abcdefgh", min_size=1, max_size=6)
    if shape.kind == "%":
        return st.lists(words, min_size=1, max_size=3, unique=True)
    if shape.kind == "[" and shape.item is not None:
        return st.lists(values(shape.item, depth), min_size=1, max_size=2)
    if shape.kind == "{" and shape.item is not None:
        return st.dictionaries(words, values(shape.item, depth), min_size=1, max_size=2)
    if shape.kind == "#":
        return st.sampled_from(shape.types).flatmap(lambda name: objects(FACTS.type(name), depth - 1))
    scalars: dict[str, st.SearchStrategy[Any]] = {
        "s": words,
        "b": st.booleans(),
        "i": st.integers(0, 99),
        "n": st.integers(0, 99),
    }
    return scalars.get(shape.kind, words)


def limited(limits: Limits) -> st.SearchStrategy[Any]:
    """Strings and numbers within limits; a pattern that nobody checks is no limit."""
    if limits.low is not None or limits.high is not None:
        low = int(limits.low or 0)
        return st.integers(low, int(limits.high) if limits.high is not None else low + 99)
    pattern = check.pattern(limits.pattern)
    # a name of no length is in no path, whatever its pattern says
    least, most = max(1, limits.min_length), limits.max_length or limits.min_length + 6
    if pattern is None:
        return st.text("abcdefgh", min_size=least, max_size=most)
    return st.from_regex(pattern, alphabet=st.characters(codec="ascii")).filter(
        lambda v: least <= len(v) <= most
    )


def objects(properties: Properties, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, prop in properties.items():
        target = required if prop.required or prop.location == "path" else optional
        if prop.constant is not None:
            target[name] = st.just(prop.constant)
        elif depth > 0 or prop.required or prop.shape.kind in "sbin":
            target[name] = limited(prop.limits) if prop.limits else values(prop.shape, depth)
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def resources(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    token = draw(st.sampled_from(FACTS.tokens))
    return token, draw(objects(FACTS.resource(token).inputs, DEPTH))


RELAXED = settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@RELAXED
@given(resources())
def test_inputs_come_back_from_a_response_that_echoes_the_body(resource: tuple[str, dict[str, Any]]):
    token, inputs = resource
    fact = FACTS.resource(token)
    body = wire.body(FACTS, fact, inputs)
    json.dumps(body)
    outputs = wire.outputs(FACTS, fact, body)
    projected = wire.projected(FACTS, fact, outputs)
    assert contained(projected, inputs) == []
    for name, value in inputs.items():
        prop = fact.inputs[name]
        if name in fact.outputs and prop.location == "body" and prop.shape.kind in "sbin":
            assert outputs[name] == value


@RELAXED
@given(resources())
def test_whatever_the_sdk_can_build_passes_check(resource: tuple[str, dict[str, Any]]):
    token, inputs = resource
    assert check.failures(FACTS, FACTS.resource(token), inputs) == []


@RELAXED
@given(resources())
def test_an_id_gives_back_the_names_it_was_made_of(resource: tuple[str, dict[str, Any]]):
    token, inputs = resource
    fact = FACTS.resource(token)
    address = wire.resource_id(fact, inputs, SUBSCRIPTION)
    names = wire.path_values(fact, address.upper())
    given_names = {n: str(inputs[n]).upper() for n, p in fact.inputs.items() if p.location == "path"}
    assert {n: v.lstrip("/") for n, v in names.items()} == given_names


def contained(part: Any, whole: Any, at: str = "") -> list[str]:
    """Where ``part`` has something that ``whole`` hasn't; an empty object is nothing."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [
            problem
            for key, value in part.items()
            if value != {} or key in whole
            for problem in (contained(value, whole[key], f"{at}.{key}") if key in whole else [f"{at}.{key}"])
        ]
    if isinstance(part, list) and isinstance(whole, list) and len(part) == len(whole):
        return [p for a, b in zip(part, whole, strict=True) for p in contained(a, b, at + "[]")]
    return [] if part == whole else [f"{at}: {part!r} != {whole!r}"]


def recorded(file: Path) -> Any:
    if not file.exists():
        pytest.skip(f"{file} is not on this machine")
    return json.loads(file.read_text())


def test_the_table_agrees_with_the_mapping():
    mapping = recorded(MAPPING)
    assert set(mapping) <= set(FACTS.tokens)
    for token, entry in mapping.items():
        fact = FACTS.resource(token)
        assert (fact.path, fact.version) == (entry["path"], entry["apiVersion"])
        assert fact.replace_keys == set(entry["replaceOnChange"]["effective"]), token
        assert {p.at[0]: n for n, p in fact.inputs.items() if p.location == "path"} == entry["pathParameters"]
        name = entry["autoName"]
        assert fact.auto_name == ((name["input"], name["strategy"]) if name else None), token
        assert (fact.singleton is not None) == entry.get("singleton", False), token
        assert [list(path) for path in fact.containers] == entry["requiredContainers"], token
        for name, place in entry["body"].items():
            if place["at"] is not None:
                assert list(fact.inputs[name].at) == place["at"], f"{token} {name}"
                kind = "query" if place["kind"] == "query" else "body"
                assert fact.inputs[name].location == kind, f"{token} {name}"
        for name, at in entry["outputs"].items():
            if at is not None:
                assert list(fact.outputs[name].at) == at, f"{token} {name}"


def test_nested_types_agree_with_the_mapping():
    found = 0
    for name, places in recorded(ARM / "nested_mapping.json")["types"].items():
        kind = name.removesuffix("Args")
        if kind not in FACTS.types:
            continue
        properties = FACTS.type(kind)
        for sdk_name, place in places.items():
            if sdk_name in properties and place.get("at") is not None:
                found += 1
                assert list(properties[sdk_name].at) == place["at"], f"{name} {sdk_name}"
            if sdk_name in properties and place.get("stringSet"):
                found += 1
                assert properties[sdk_name].shape.kind == "%", f"{name} {sdk_name}"
    assert found >= 200


def test_create_only_inputs_of_machine_learning_replace_where_azure_native_says_so():
    for name, entry in recorded(ARM / "ml_create_only_2025-12-01.json").items():
        token = f"azure-native:machinelearningservices:{name}"
        if token in FACTS.tokens:
            replaced = FACTS.resource(token).replace_keys
            assert set(entry["top"]) <= replaced, name
            # a create-only part of a part doesn't replace the whole: azure-native leaves the change to Azure
            assert not {f"properties.{each}" for each in entry["properties"]} & replaced, name


def examples() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Azure's own PUTs of types and versions in the table: file, token, path and body."""
    found: list[tuple[str, str, str, dict[str, Any]]] = []
    for file in sorted(EXAMPLES.glob("*/*.json")):
        request = json.loads(file.read_text()).get("request") or {}
        path, _, query = request.get("url", "").partition("?")
        if request.get("method") == "PUT" and isinstance(request.get("body"), dict):
            fitting: dict[str, int] = {}
            for token in FACTS.tokens:
                fact = FACTS.resource(token)
                with suppress(wire.WireError):
                    wire.path_values(fact, path)
                    if fact.version in query:
                        fitting[token] = fact.path.count("{")
            # a record of any type would take a link of its zone for one
            least = min(fitting.values(), default=0)
            found += [(file.name, t, path, request["body"]) for t, n in fitting.items() if n == least]
    return found


def test_azures_own_examples_are_valid_and_lose_nothing_on_the_way():
    if not EXAMPLES.exists():
        pytest.skip(f"{EXAMPLES} is not on this machine")
    found = examples()
    assert len(found) > 30
    for file, token, path, body in found:
        fact = FACTS.resource(token)
        in_body = {name: prop for name, prop in fact.inputs.items() if prop.location == "body"}
        inputs = wire.path_values(fact, path) | wire._from_wire(FACTS, in_body, body)
        assert check.failures(FACTS, fact, inputs) == [], file
        assert contained(body, wire.body(FACTS, fact, inputs)) == [], file


def test_user_assigned_identities_are_a_list_for_the_program_and_a_map_for_azure():
    fact = FACTS.resource("azure-native:machinelearningservices:Workspace")
    identity = {"type": "UserAssigned", "userAssignedIdentities": ["/a", "/b"]}
    body = wire.body(FACTS, fact, {"identity": identity, "keyVault": "/v"})
    assert body == {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/a": {}, "/b": {}}},
        "properties": {"keyVault": "/v"},
    }
    body["identity"]["userAssignedIdentities"]["/a"] = {"principalId": "p", "clientId": "c"}
    outputs = wire.outputs(FACTS, fact, body)
    assert outputs["identity"]["userAssignedIdentities"]["/a"] == {"principalId": "p", "clientId": "c"}
    assert wire.projected(FACTS, fact, outputs)["identity"] == identity


def test_a_webhook_subscription_is_flat_for_the_program_and_nested_for_azure():
    fact = FACTS.resource("azure-native:eventgrid:SystemTopicEventSubscription")
    inputs = {"destination": {"endpointType": "WebHook", "endpointUrl": "https://example.com/hook"}}
    body = wire.body(FACTS, fact, inputs)
    assert body["properties"]["destination"] == {
        "endpointType": "WebHook",
        "properties": {"endpointUrl": "https://example.com/hook"},
    }
    answer = {
        "properties": {"destination": {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "u"}}}
    }
    assert wire.outputs(FACTS, fact, answer)["destination"] == {
        "endpointType": "WebHook",
        "endpointBaseUrl": "u",
    }


def test_a_part_that_refers_to_another_part_may_say_self():
    fact = FACTS.resource("azure-native:network:NetworkInterface")
    ip = {"name": "one", "loadBalancerBackendAddressPools": [{"id": "$self/ipConfigurations/one"}]}
    body = wire.body(FACTS, fact, {"ipConfigurations": [ip]}, "/subscriptions/s/nic")
    [configuration] = body["properties"]["ipConfigurations"]
    assert configuration["properties"]["loadBalancerBackendAddressPools"] == [
        {"id": "/subscriptions/s/nic/ipConfigurations/one"}
    ]


def test_renamed_storage_properties_go_by_azures_names():
    fact = FACTS.resource("azure-native:storage:StorageAccount")
    inputs = {
        "enableHttpsTrafficOnly": True,
        "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"iPAddressOrRange": "10.0.0.1"}]},
    }
    body = wire.body(FACTS, fact, inputs)
    assert body == {
        "properties": {
            "supportsHttpsTrafficOnly": True,
            "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "10.0.0.1"}]},
        }
    }
    assert wire.projected(FACTS, fact, wire.outputs(FACTS, fact, body)) == inputs


def test_an_import_takes_empty_lists_for_defaults_and_leaves_read_only_properties_out():
    fact = FACTS.resource("azure-native:keyvault:Vault")
    address = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v"
    response = {
        "id": address,
        "location": "westeurope",
        "tags": {},
        "properties": {
            "tenantId": "t",
            "sku": {"family": "A", "name": "standard"},
            "accessPolicies": [],
            "vaultUri": "https://v.vault.azure.net/",
            "privateEndpointConnections": [{"id": "x"}],
        },
    }
    assert wire.imported(FACTS, fact, address, response) == {
        "resourceGroupName": "rg",
        "vaultName": "v",
        "location": "westeurope",
        "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}},
    }


def test_an_id_of_another_type_is_refused_by_name():
    fact = FACTS.resource("azure-native:keyvault:Vault")
    with pytest.raises(wire.WireError, match="is not the id of a azure-native:keyvault:Vault"):
        wire.path_values(fact, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")


def test_names_are_escaped_in_ids_but_scopes_are_not():
    role = FACTS.resource("azure-native:authorization:RoleAssignment")
    address = wire.resource_id(
        role, {"scope": "/subscriptions/s/resourceGroups/g/", "roleAssignmentName": "n"}, "s"
    )
    assert address == "/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/n"
    group = FACTS.resource("azure-native:resources:ResourceGroup")
    assert (
        wire.resource_id(group, {"resourceGroupName": "a/b c"}, "s")
        == "/subscriptions/s/resourcegroups/a%2Fb%20c"
    )
