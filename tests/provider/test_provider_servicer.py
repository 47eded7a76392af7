"""The protocol over real gRPC: what the provider answers before, and instead of, reaching Azure."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from stub_arm import MANAGEMENT, serving

from local.provider.configuration import Configuration, ConfigurationError
from local.provider.facts import Facts
from local.provider.properties import from_struct, to_struct
from local.provider.resource import Resources
from local.provider.servicer import Servicer

REPOSITORY = Path(__file__).parents[2]
URN = "urn:pulumi:dev::p::azure-native:resources:ResourceGroup::rg"
GROUP = "/subscriptions/s/resourcegroups/rg"
IDENTITY = {"subscriptionId": "s", "tenantId": "t", "clientId": "c", "clientSecret": "hunter2"}


@asynccontextmanager
async def provider(resources: Resources | None = None):
    server = grpc.aio.server()
    servicer = Servicer()
    servicer._resources = resources
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    await server.stop(None)


def create(inputs: dict[str, Any], **more: Any) -> provider_pb2.CreateRequest:
    return provider_pb2.CreateRequest(urn=URN, properties=to_struct(inputs), **more)


def test_a_read_without_an_id_finds_what_the_inputs_name():
    async def scenario():
        async with serving() as (arm, client), provider(Resources(Facts.load(), client, "s")) as stub:
            inputs = to_struct({"resourceGroupName": "rg", "location": "westeurope"})
            request = provider_pb2.ReadRequest(urn=URN, inputs=inputs)
            assert (await stub.Read(request)).id == ""
            arm.store[GROUP] = {"id": GROUP, "name": "rg", "location": "westeurope"}
            found = await stub.Read(request)
            assert (found.id, found.inputs) == (GROUP, inputs)
            assert from_struct(found.properties)["name"] == "rg"
            arm.store[GROUP]["properties"] = {"provisioningState": "Failed"}
            with pytest.raises(grpc.aio.AioRpcError, match="ended as Failed") as caught:
                await stub.Read(request)
            details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
            failed = provider_pb2.ErrorResourceInitFailed()
            status_pb2.Status.FromString(details).details[0].Unpack(failed)
            assert (failed.id, failed.inputs) == (GROUP, inputs)

    asyncio.run(scenario())


def test_it_introduces_itself():
    async def scenario():
        async with provider() as stub:
            shaken = await stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
            assert shaken.accept_secrets
            await stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
            info = await stub.GetPluginInfo(empty_pb2.Empty())
            schema = json.loads((await stub.GetSchema(provider_pb2.GetSchemaRequest())).schema)
            assert (schema["name"], schema["version"]) == ("azure-native", info.version)
            account = schema["resources"]["azure-native:storage:StorageAccount"]
            assert account["requiredInputs"] == ["kind", "resourceGroupName", "sku"]
            assert account["inputProperties"]["sku"] == {"$ref": "#/types/azure-native:storage:Sku"}
            assert schema["types"]["azure-native:storage:Sku"]["required"] == ["name"]
            assert account["properties"]["primaryEndpoints"] == {
                "$ref": "#/types/azure-native:storage:EndpointsResponse"
            }

    asyncio.run(scenario())


def test_what_it_does_not_do_is_unimplemented():
    async def scenario():
        async with provider() as stub:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Construct(provider_pb2.ConstructRequest())
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(scenario())


def test_a_resource_lives_from_check_to_delete():
    async def scenario():
        async with (
            serving() as (arm, client),
            provider(Resources(Facts.load(), client, "s", "westeurope")) as stub,
        ):
            checked = await stub.Check(
                provider_pb2.CheckRequest(urn=URN, news=to_struct({}), randomSeed=b"seed")
            )
            inputs = from_struct(checked.inputs)
            assert inputs["location"] == "westeurope"
            previewed = await stub.Create(create(inputs, preview=True))
            assert from_struct(previewed.properties)["location"] == "westeurope"
            assert arm.requests == []
            created = await stub.Create(create(inputs))
            assert created.id.endswith(inputs["resourceGroupName"])
            tagged = inputs | {"tags": {"a": "b"}}
            diff = await stub.Diff(
                provider_pb2.DiffRequest(
                    urn=URN,
                    id=created.id,
                    olds=created.properties,
                    old_inputs=to_struct(inputs),
                    news=to_struct(tagged),
                )
            )
            assert (diff.changes, list(diff.replaces)) == (provider_pb2.DiffResponse.DIFF_SOME, [])
            assert diff.detailedDiff["tags"].kind == provider_pb2.PropertyDiff.ADD
            updated = await stub.Update(
                provider_pb2.UpdateRequest(
                    urn=URN, id=created.id, olds=created.properties, news=to_struct(tagged)
                )
            )
            assert from_struct(updated.properties)["tags"] == {"a": "b"}
            read = await stub.Read(
                provider_pb2.ReadRequest(
                    urn=URN, id=created.id, properties=updated.properties, inputs=to_struct(tagged)
                )
            )
            assert from_struct(read.inputs) == tagged
            await stub.Delete(
                provider_pb2.DeleteRequest(urn=URN, id=created.id, old_inputs=to_struct(tagged))
            )
            gone = await stub.Read(provider_pb2.ReadRequest(urn=URN, id=created.id))
            assert gone.id == ""

    asyncio.run(scenario())


def test_an_import_reads_inputs_that_check_and_diff_find_unchanged():
    async def scenario():
        async with serving() as (arm, client), provider(Resources(Facts.load(), client, "s")) as stub:
            arm.store[GROUP] = {"id": GROUP, "name": "rg", "location": "westeurope", "tags": {"a": "b"}}
            read = await stub.Read(provider_pb2.ReadRequest(urn=URN, id=GROUP))
            program = {"resourceGroupName": "rg", "location": "westeurope", "tags": {"a": "b"}}
            checked = await stub.Check(
                provider_pb2.CheckRequest(urn=URN, olds=read.inputs, news=to_struct(program))
            )
            diff = await stub.Diff(
                provider_pb2.DiffRequest(
                    urn=URN, olds=read.properties, old_inputs=read.inputs, news=checked.inputs
                )
            )
            assert diff.changes == provider_pb2.DiffResponse.DIFF_NONE

    asyncio.run(scenario())


def test_a_failed_initialization_carries_the_state_to_the_engine():
    async def scenario():
        async with serving() as (arm, client), provider(Resources(Facts.load(), client, "s")) as stub:
            operation = "/subscriptions/s/operations/1"
            arm.script("PUT", GROUP, (201, {"Azure-AsyncOperation": MANAGEMENT + operation}, {}))
            arm.script(
                "GET", operation, (200, {}, {"status": "Failed", "error": {"code": "X", "message": "broke"}})
            )
            arm.script("GET", GROUP, (404, {}, None), (200, {}, {"id": GROUP, "name": "rg"}))
            inputs = {"resourceGroupName": "rg"}
            with pytest.raises(grpc.aio.AioRpcError, match="X: broke") as caught:
                await stub.Create(create(inputs))
            metadata = dict(caught.value.trailing_metadata() or ())
            detail = provider_pb2.ErrorResourceInitFailed()
            [packed] = status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details
            assert packed.Unpack(detail)
            assert (detail.id, list(detail.reasons)) == (GROUP, ["X: broke"])
            assert from_struct(detail.properties)["name"] == "rg"
            assert from_struct(detail.inputs) == inputs

    asyncio.run(scenario())


def test_refusals_are_one_line():
    async def scenario():
        async with serving() as (_, client), provider(Resources(Facts.load(), client, "s")) as stub:
            urn = "urn:pulumi:dev::p::azure-native:compute:Snapshot::vm"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(provider_pb2.CheckRequest(urn=urn))
            details = caught.value.details() or ""
            assert details.startswith("azure-native:compute:Snapshot is not among the")
            assert "\n" not in details

    asyncio.run(scenario())


@contextmanager
def refused(match: str):
    with pytest.raises(ConfigurationError, match=match):
        yield


def test_without_a_proxy_on_this_machine_it_asks_for_the_official_cli():
    for environment in (
        {},
        {"HTTPS_PROXY": "http://proxy.example.com:3128"},
        {"HTTPS_PROXY": "http://10.0.0.1:1"},
    ):
        with refused("for the real cloud use the official Pulumi CLI"):
            Configuration.read(IDENTITY, environment)
    assert Configuration.read(IDENTITY, {"HTTPS_PROXY": "http://localhost:1"}).proxy == "http://localhost:1"


def test_missing_credentials_are_named_with_both_their_names():
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:1", "ARM_TENANT_ID": "t"}
    with refused(r"without azure-native:clientId \(ARM_CLIENT_ID\), azure-native:clientSecret"):
        Configuration.read({"subscriptionId": "s"}, proxy)
    assert "hunter2" not in repr(Configuration.read(IDENTITY, proxy))


def test_another_cloud_is_refused():
    with refused("azure-native:environment is 'usgovernment'"):
        Configuration.read({**IDENTITY, "environment": "usgovernment"}, {"HTTPS_PROXY": "http://127.0.0.1:1"})


def test_a_proxy_that_is_not_local_azure_is_refused():
    async def scenario():
        async def health(_: web.Request) -> web.Response:
            return web.json_response({"service": "squid"})

        app = web.Application()
        app.router.add_get("/health", health)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            with refused("isn't local Azure"):
                await Configuration.read(IDENTITY, {"HTTPS_PROXY": proxy}).connect()
        finally:
            await runner.cleanup()
        with refused("Local Azure doesn't answer"):
            await Configuration.read(IDENTITY, {"HTTPS_PROXY": proxy}).connect()

    asyncio.run(scenario())


def test_the_process_prints_its_port_and_ends_with_its_engine():
    # the engine: a process that starts the provider, tells its pid and port, and is gone
    engine = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'local.provider'], stdout=subprocess.PIPE, text=True)\n"
        "print(p.pid, p.stdout.readline().strip(), flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", engine],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout is not None
        pid, port = map(int, process.stdout.readline().split())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            with pytest.raises(grpc.RpcError, match="can't sign in"):
                stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"environment": "public"})))
        watch = os.pidfd_open(pid)
        process.kill()
        assert select.select([watch], [], [], 20)[0], "the provider outlived its engine"
        os.close(watch)
