"""The provider's process against local Azure: what an engine and its users see of one resource or two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from provider_process import provider_process
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.provider.properties import from_struct, to_struct

NONE = provider_pb2.DiffResponse.DIFF_NONE


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::p::{token}::{name}"


@dataclass
class Made:
    """A resource as an engine would have it in state."""

    urn: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Engine:
    """The calls of an engine, in its order, each step checked for what must not change."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.stub = stub

    def check(self, at: str, news: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        answer = self.stub.Check(
            provider_pb2.CheckRequest(urn=at, news=to_struct(news), olds=to_struct(olds))
        )
        assert [failure.reason for failure in answer.failures] == []
        return from_struct(answer.inputs)

    def diff(self, made: Made, news: dict[str, Any]) -> provider_pb2.DiffResponse:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                urn=made.urn,
                id=made.id,
                olds=to_struct(made.outputs),
                old_inputs=to_struct(made.inputs),
                news=to_struct(self.check(made.urn, news, made.inputs)),
            )
        )

    def create(self, token: str, name: str, program: dict[str, Any]) -> Made:
        at = urn(f"azure-native:{token}", name)
        inputs = self.check(at, program, {})
        self.stub.Create(provider_pb2.CreateRequest(urn=at, properties=to_struct(inputs), preview=True))
        answer = self.stub.Create(provider_pb2.CreateRequest(urn=at, properties=to_struct(inputs)))
        made = Made(at, answer.id, inputs, from_struct(answer.properties))
        assert self.diff(made, program).changes == NONE
        self.assert_no_drift(made)
        return made

    def read(self, made: Made) -> provider_pb2.ReadResponse:
        return self.stub.Read(
            provider_pb2.ReadRequest(
                urn=made.urn, id=made.id, properties=to_struct(made.outputs), inputs=to_struct(made.inputs)
            )
        )

    def assert_no_drift(self, made: Made) -> None:
        answer = self.read(made)
        assert answer.id == made.id
        assert from_struct(answer.inputs) == made.inputs, made.urn

    def update(self, made: Made, program: dict[str, Any]) -> Made:
        inputs = self.check(made.urn, program, made.inputs)
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=made.urn,
                id=made.id,
                olds=to_struct(made.outputs),
                old_inputs=to_struct(made.inputs),
                news=to_struct(inputs),
            )
        )
        updated = Made(made.urn, made.id, inputs, from_struct(answer.properties))
        self.assert_no_drift(updated)
        return updated

    def delete(self, made: Made) -> None:
        request = provider_pb2.DeleteRequest(
            urn=made.urn, id=made.id, properties=to_struct(made.outputs), old_inputs=to_struct(made.inputs)
        )
        self.stub.Delete(request)

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=to_struct(arguments)))
        return from_struct(getattr(answer, "return"))


@pytest.fixture(scope="module")
def engine(local_azure):
    with provider_process(local_azure.env) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(
            provider_pb2.ConfigureRequest(args=to_struct({"location": "westeurope"}), acceptSecrets=True)
        )
        yield Engine(stub)


@pytest.fixture
def group(engine: Engine):
    made = engine.create("resources:ResourceGroup", "rg", {"tags": {"purpose": "provider tests"}})
    yield made
    engine.delete(made)


def account_of(engine: Engine, group: Made, **more: Any) -> Made:
    program = {
        "resourceGroupName": group.outputs["name"],
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }
    return engine.create("storage:StorageAccount", "sa", program | more)


def test_tags_update_in_place_and_a_new_place_replaces(engine: Engine, group: Made):
    account = account_of(engine, group)
    program = {key: value for key, value in account.inputs.items() if not key.startswith("__")}
    del program["accountName"]
    tagged = program | {"tags": {"team": "ml"}}
    diff = engine.diff(account, tagged)
    assert (diff.changes, list(diff.replaces)) == (provider_pb2.DiffResponse.DIFF_SOME, [])
    updated = engine.update(account, tagged)
    assert updated.id == account.id
    assert updated.outputs["tags"] == {"team": "ml"}
    assert updated.outputs["creationTime"] == account.outputs["creationTime"]
    diff = engine.diff(updated, tagged | {"location": "North Europe"})
    assert list(diff.replaces) == ["location"]
    assert not diff.deleteBeforeReplace  # its name was random
    assert engine.diff(updated, tagged | {"location": "West Europe"}).changes == NONE


def test_what_changes_behind_the_engine_shows_on_refresh(engine: Engine, group: Made, local_azure):
    account = account_of(engine, group, tags={"team": "ml"})
    status, _, body = local_azure.arm(
        "PATCH", account.id, {"tags": {"team": "ops"}}, api_version="2024-01-01"
    )
    assert status == 200, body
    refreshed = from_struct(engine.read(account).inputs)
    assert refreshed == account.inputs | {"tags": {"team": "ops"}}


def test_what_exists_already_is_not_taken_over(engine: Engine, group: Made):
    with pytest.raises(grpc.RpcError, match="cannot create already existing resource"):
        engine.create("resources:ResourceGroup", "again", {"resourceGroupName": group.outputs["name"]})


def test_azures_own_refusals_reach_the_user(engine: Engine, group: Made):
    program = {"resourceGroupName": group.outputs["name"], "kind": "BlobStorage", "sku": {"name": "Huge_LRS"}}
    with pytest.raises(grpc.RpcError, match="Huge_LRS"):
        engine.create("storage:StorageAccount", "sa", program)


def test_a_deleted_secret_is_recovered_by_the_create_that_wants_its_name(
    engine: Engine, group: Made, local_azure
):
    client = engine.invoke("azure-native:authorization:getClientConfig", {})
    rights = {"secrets": ["get", "list", "set", "delete", "recover"]}
    policy = {"tenantId": client["tenantId"], "objectId": client["objectId"], "permissions": rights}
    vault = engine.create(
        "keyvault:Vault",
        "kv",
        {
            "resourceGroupName": group.outputs["name"],
            "properties": {
                "tenantId": client["tenantId"],
                "sku": {"family": "A", "name": "standard"},
                "enableRbacAuthorization": False,
                "accessPolicies": [policy],
            },
        },
    )
    program = {"resourceGroupName": group.outputs["name"], "vaultName": vault.outputs["name"]}
    first = engine.create("keyvault:Secret", "password", program | {"properties": {"value": "one"}})
    engine.delete(first)
    assert engine.read(first).id == ""
    again = engine.create("keyvault:Secret", "password", program | {"properties": {"value": "two"}})
    version = again.outputs["properties"]["secretUriWithVersion"]
    assert again.outputs["properties"]["secretUri"] == first.outputs["properties"]["secretUri"]
    assert version != first.outputs["properties"]["secretUriWithVersion"]


def test_an_import_finds_the_inputs_of_a_program(engine: Engine, group: Made):
    account = account_of(engine, group, tags={"team": "ml"})
    answer = engine.stub.Read(provider_pb2.ReadRequest(urn=account.urn, id=account.id))
    inputs = from_struct(answer.inputs)
    assert {key: inputs[key] for key in ("accountName", "resourceGroupName", "kind", "tags")} == {
        key: account.inputs[key] for key in ("accountName", "resourceGroupName", "kind", "tags")
    }
    assert json.dumps(inputs)


def test_functions_that_are_not_supported_are_refused_by_name(engine: Engine):
    with pytest.raises(grpc.RpcError, match="azure-native:compute:listVirtualMachines is not supported"):
        engine.invoke("azure-native:compute:listVirtualMachines", {})
