"""Create, read, update and delete of single resources, against a scripted ARM."""

from __future__ import annotations

import asyncio

import pytest
from stub_arm import MANAGEMENT, serving

from local.provider.arm_client import ArmRequestError
from local.provider.facts import Facts
from local.provider.properties import UNKNOWN, Secret
from local.provider.resource import ExistsError, InitError, Resources
from local.provider.wire import WireError

FACTS = Facts.load()
GROUP = FACTS.resource("azure-native:resources:ResourceGroup")
VAULT = FACTS.resource("azure-native:keyvault:Vault")
ACCOUNT = FACTS.resource("azure-native:storage:StorageAccount")
SECRET = FACTS.resource("azure-native:keyvault:Secret")
BLOBS = FACTS.resource("azure-native:storage:BlobServiceProperties")
GROUP_PATH = "/subscriptions/s/resourcegroups/g"
VAULT_PATH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/vault"
ACCOUNT_PATH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
VAULT_INPUTS = {
    "resourceGroupName": "g",
    "vaultName": "vault",
    "location": "westeurope",
    "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}},
}


def test_what_is_there_already_is_never_adopted():
    async def scenario():
        async with serving() as (arm, client):
            arm.store[GROUP_PATH] = {"id": GROUP_PATH, "location": "westeurope"}
            with pytest.raises(ExistsError, match="cannot create already existing resource"):
                await Resources(FACTS, client, "s").create(GROUP, {"resourceGroupName": "g"})
            assert arm.count("PUT", GROUP_PATH) == 0

    asyncio.run(scenario())


def test_what_an_interrupted_create_made_is_found_by_its_inputs_once_azure_is_done_with_it():
    async def scenario():
        async with serving() as (arm, client):
            resources = Resources(FACTS, client, "s")
            assert await resources.recover(VAULT, VAULT_INPUTS) is None
            body = {"id": VAULT_PATH, "name": "vault", "location": "westeurope"}
            creating = body | {"properties": {"provisioningState": "Creating"}}
            arm.store[VAULT_PATH.lower()] = body | {"properties": {"provisioningState": "Succeeded"}}
            arm.script("GET", VAULT_PATH, (200, {}, creating), (200, {}, creating))
            found = await resources.recover(VAULT, VAULT_INPUTS | {"tags": {"owner": Secret("hidden")}})
            assert found is not None
            assert (found[0], found[1]["name"]) == (VAULT_PATH, "vault")
            assert not [request for request in arm.requests if request[0] != "GET"]
            # Gone while Azure was at work on it: there is nothing to take over.
            arm.script("GET", VAULT_PATH, (200, {}, creating), (404, {}, None))
            assert await resources.recover(VAULT, VAULT_INPUTS) is None

    asyncio.run(scenario())


def test_an_interrupted_create_that_failed_in_azure_is_reported_with_its_state():
    async def scenario():
        async with serving() as (arm, client):
            arm.store[VAULT_PATH.lower()] = {
                "id": VAULT_PATH,
                "name": "vault",
                "properties": {"provisioningState": "Failed"},
            }
            with pytest.raises(InitError, match="ended as Failed") as caught:
                await Resources(FACTS, client, "s").recover(VAULT, VAULT_INPUTS)
            assert caught.value.resource_id == VAULT_PATH
            assert caught.value.outputs["name"] == "vault"

    asyncio.run(scenario())


def test_a_singleton_that_is_there_says_nothing_about_an_interrupted_create():
    async def scenario():
        async with serving() as (arm, client):
            inputs = {"resourceGroupName": "g", "accountName": "a", "blobServicesName": "default"}
            assert await Resources(FACTS, client, "s").recover(BLOBS, inputs) is None
            assert arm.requests == []

    asyncio.run(scenario())


def test_a_singleton_is_there_already_and_gets_its_defaults_back_on_delete():
    async def scenario():
        async with serving() as (arm, client):
            path = f"{ACCOUNT_PATH}/blobServices/default".lower()
            arm.store[path] = {"id": path, "properties": {}}
            inputs = {"resourceGroupName": "g", "accountName": "a", "blobServicesName": "default"}
            resources = Resources(FACTS, client, "s")
            address, _ = await resources.create(BLOBS, inputs | {"isVersioningEnabled": True})
            assert arm.bodies[path] == {"properties": {"isVersioningEnabled": True}}
            await resources.delete(BLOBS, address, inputs)
            assert arm.bodies[path] == {}

    asyncio.run(scenario())


def test_a_vault_starts_without_policies_and_keeps_those_it_has():
    async def scenario():
        async with serving() as (arm, client):
            resources = Resources(FACTS, client, "s")
            address, state = await resources.create(VAULT, VAULT_INPUTS)
            assert arm.bodies[VAULT_PATH.lower()]["properties"]["accessPolicies"] == []
            policy = {"objectId": "o", "tenantId": "t", "permissions": {"secrets": ["get"]}}
            arm.store[VAULT_PATH.lower()]["properties"]["accessPolicies"] = [policy]
            found = await resources.read(VAULT, address, VAULT_INPUTS, state)
            assert found is not None
            assert found[1] == VAULT_INPUTS
            await resources.update(VAULT, address, VAULT_INPUTS | {"tags": {"a": "b"}}, state)
            assert arm.bodies[VAULT_PATH.lower()]["properties"]["accessPolicies"] == [policy]

    asyncio.run(scenario())


def test_a_removed_network_rule_set_goes_back_to_allowing_everything():
    async def scenario():
        async with serving() as (arm, client):
            inputs = {
                "resourceGroupName": "g",
                "accountName": "a",
                "kind": "StorageV2",
                "sku": {"name": "Standard_LRS"},
            }
            closed = inputs | {"networkRuleSet": {"defaultAction": "Deny"}}
            resources = Resources(FACTS, client, "s")
            address, state = await resources.create(ACCOUNT, closed)
            await resources.update(ACCOUNT, address, inputs, state)
            assert arm.bodies[ACCOUNT_PATH.lower()]["properties"]["networkAcls"]["defaultAction"] == "Allow"

    asyncio.run(scenario())


def test_what_azure_accepted_and_then_failed_is_reported_with_its_state():
    async def scenario():
        async with serving() as (arm, client):
            operation = "/subscriptions/s/operations/1"
            arm.script("PUT", VAULT_PATH, (201, {"Azure-AsyncOperation": MANAGEMENT + operation}, {}))
            arm.script(
                "GET", operation, (200, {}, {"status": "Failed", "error": {"code": "X", "message": "broke"}})
            )
            arm.script("GET", VAULT_PATH, (404, {}, None))
            arm.script(
                "GET", VAULT_PATH, (200, {}, {"id": VAULT_PATH, "name": "vault", "location": "westeurope"})
            )
            with pytest.raises(InitError, match="X: broke") as caught:
                await Resources(FACTS, client, "s").create(VAULT, VAULT_INPUTS)
            assert caught.value.resource_id == VAULT_PATH
            assert caught.value.outputs["name"] == "vault"

    asyncio.run(scenario())


def test_a_create_whose_answers_are_all_lost_is_not_leaked():
    async def scenario():
        async with serving() as (arm, client):
            # Not there, then made by a PUT that answers with failures alone.
            made = {"id": VAULT_PATH, "name": "vault", "location": "westeurope"}
            failed = (503, {}, {"error": {"code": "ServiceUnavailable", "message": "later"}})
            arm.script("PUT", VAULT_PATH, failed, failed, failed)
            arm.script("GET", VAULT_PATH, (404, {}, None), (200, {}, made))
            with pytest.raises(InitError, match="ServiceUnavailable: later") as caught:
                await Resources(FACTS, client, "s").create(VAULT, VAULT_INPUTS)
            assert (caught.value.resource_id, caught.value.outputs["name"]) == (VAULT_PATH, "vault")
            # Not made: there is nothing to keep.
            arm.script("PUT", VAULT_PATH, failed, failed, failed)
            with pytest.raises(ArmRequestError, match="later"):
                await Resources(FACTS, client, "s").create(VAULT, VAULT_INPUTS)

    asyncio.run(scenario())


def test_a_secret_input_is_opened_for_azure_and_stays_secret_in_the_outputs():
    async def scenario():
        async with serving() as (arm, client):
            inputs = VAULT_INPUTS | {"tags": {"owner": Secret("hidden")}}
            resources = Resources(FACTS, client, "s")
            address, state = await resources.create(VAULT, inputs)
            assert arm.bodies[VAULT_PATH.lower()]["tags"] == {"owner": "hidden"}
            assert state["tags"] == {"owner": Secret("hidden")}
            found = await resources.read(VAULT, address, inputs, state)
            assert found == (state, inputs)

    asyncio.run(scenario())


def test_a_refresh_takes_over_what_changed_in_azure_and_nothing_else():
    async def scenario():
        async with serving() as (arm, client):
            inputs = {"resourceGroupName": "g", "location": "West Europe", "tags": {"a": "1", "b": "2"}}
            resources = Resources(FACTS, client, "s")
            address, state = await resources.create(GROUP, inputs)
            arm.store[GROUP_PATH] |= {"tags": {"a": "1", "b": "3", "c": "4"}}
            found = await resources.read(GROUP, address, inputs, state)
            assert found is not None
            assert found[1] == inputs | {"tags": {"a": "1", "b": "3", "c": "4"}}
            del arm.store[GROUP_PATH]
            assert await resources.read(GROUP, address, inputs, state) is None

    asyncio.run(scenario())


def test_the_location_comes_from_the_old_inputs_else_the_configuration_else_the_resource_group():
    async def scenario():
        async with serving() as (arm, client):
            arm.store[GROUP_PATH] = {"location": "northeurope"}
            news = {key: value for key, value in VAULT_INPUTS.items() if key != "location"}
            urn = "urn:pulumi:dev::p::azure-native:keyvault:Vault::v"
            configured = Resources(FACTS, client, "s", location="swedencentral")
            inputs, failures = await configured.check(VAULT, news, {"location": "eastus"}, urn=urn)
            assert (inputs["location"], failures) == ("eastus", [])
            assert (await configured.check(VAULT, news, {}, urn=urn))[0]["location"] == "swedencentral"
            bare = Resources(FACTS, client, "s")
            assert (await bare.check(VAULT, news, {}, urn=urn))[0]["location"] == "northeurope"
            assert (await bare.check(VAULT, news, {}, urn=urn))[0]["location"] == "northeurope"
            assert arm.count("GET", GROUP_PATH) == 1
            unknown = news | {"resourceGroupName": UNKNOWN}
            assert (await bare.check(VAULT, unknown, {}, urn=urn))[0]["location"] is UNKNOWN

    asyncio.run(scenario())


def test_an_unknown_value_never_reaches_azure():
    async def scenario():
        async with serving() as (arm, client):
            with pytest.raises(WireError, match="properties can't be unknown"):
                await Resources(FACTS, client, "s").create(
                    VAULT, VAULT_INPUTS | {"properties": {"tenantId": UNKNOWN}}
                )
            assert arm.requests == []

    asyncio.run(scenario())


def test_a_vault_secret_is_deleted_on_the_data_plane():
    class Recorder:
        def __init__(self):
            self.deleted: list[tuple[str, str, str]] = []

        async def delete(self, url, version, _, *, scope):
            self.deleted.append((url, version, scope))

    recorder = Recorder()
    resources = Resources(FACTS, recorder, "s")
    asyncio.run(resources.delete(SECRET, f"{VAULT_PATH}/secrets/password", {}))
    assert recorder.deleted == [
        ("https://vault.vault.azure.net/secrets/password", "7.4", "https://vault.azure.net")
    ]
