"""A provider on a port: what it is asked, in which words, and what is made of its answers."""

import json
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.engine.providers import request as requests

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
PROGRAM = """
class Item(pulumi.CustomResource):
    made: pulumi.Output[str]
    def __init__(self, name, opts=None, **props):
        super().__init__("conf:index:Item", name, {"made": None, **props}, opts)

class Conf(pulumi.ProviderResource):
    def __init__(self, name, opts=None, **props):
        super().__init__("conf", name, props, opts)

denied = os.environ.get("MODE") == "denied"
first = Item("first", Opts(provider=Conf("plain", Opts(version="1.2.3"), token=pulumi.Output.secret("t0p"))))
later = Conf("later", region=first.made)
Item("second", Opts(provider=later))
found = pulumi.runtime.invoke_output("conf:index:find", {"x": 1}, pulumi.InvokeOutputOptions(provider=later))
pulumi.export("found", found)
if denied:
    Item("third")
"""


def _struct(values: dict) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


class Conf(provider_pb2_grpc.ResourceProviderServicer):
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def of(self, method: str) -> list[tuple]:
        return [call[1:] for call in self.calls if call[0] == method]

    def CheckConfig(self, request, context):  # noqa: ARG002, N802
        news = json_format.MessageToDict(request.news)
        self.calls.append(("CheckConfig", request.name, request.type, news))
        return provider_pb2.CheckResponse(inputs=_struct(news))

    def DiffConfig(self, request, context):  # noqa: ARG002, N802
        self.calls.append(("DiffConfig", request.name, json_format.MessageToDict(request.news)))
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request, context):  # noqa: ARG002, N802
        self.calls.append(
            ("Configure", request.name, dict(request.variables), json_format.MessageToDict(request.args))
        )
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request, context):  # noqa: ARG002, N802
        self.calls.append(("Check", request.name))
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):  # noqa: ARG002, N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Create(self, request, context):  # noqa: ARG002, N802
        unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
        made = unknown if request.preview else f"made-{request.name}"
        return provider_pb2.CreateResponse(
            id="" if request.preview else request.name, properties=_struct({"made": made})
        )

    def Delete(self, request, context):  # noqa: ARG002, N802
        context.abort(grpc.StatusCode.UNKNOWN, "it stays")

    def Invoke(self, request, context):  # noqa: ARG002, N802
        self.calls.append(("Invoke", request.tok, request.preview))
        return provider_pb2.InvokeResponse(**{"return": _struct({"answer": 42})})


@pytest.fixture
def conf() -> Iterator[tuple[Conf, str]]:
    servicer = Conf()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"conf:{port}"
    server.stop(None)


def test_a_provider_hears_of_its_version_and_of_unknown_configuration_as_the_official_engine_tells_it(
    stack, conf: tuple[Conf, str], tmp_path: Path
) -> None:
    provider, attached = conf
    workspace = stack
    workspace.env["PULUMI_DEBUG_PROVIDERS"] = attached
    workspace.write_program(PROGRAM)
    workspace.run("preview", "--non-interactive")
    unknown = {"region": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    assert ("plain", "pulumi:providers:conf", {"token": "t0p", "version": "1.2.3"}) in provider.of(
        "CheckConfig"
    )
    assert ("later", "pulumi:providers:conf", unknown) in provider.of("CheckConfig")
    # What isn't configured is asked nothing.
    assert [name for name, *_ in provider.of("Configure")] == ["plain"]
    assert provider.of("Check") == [("first",)]
    assert provider.of("Invoke") == []

    provider.calls.clear()
    workspace.up()
    ((_, variables, arguments),) = [row for row in provider.of("Configure") if row[0] == "plain"]
    assert variables == {"conf:config:token": "t0p"}  # the version isn't configuration
    assert arguments == {"token": {**SECRET, "value": "t0p"}, "version": "1.2.3"}
    assert provider.of("Invoke") == [("conf:index:find", False)]
    rows = {row["urn"].rsplit("::", 1)[-1]: row for row in workspace.latest()["resources"]}
    assert rows["plain"]["inputs"]["__internal"] == {}
    assert "__internal" not in rows["plain"]["outputs"]
    assert "__internal" not in rows["later"]["inputs"]

    provider.calls.clear()
    log = tmp_path / "events"
    workspace.write_program("")
    failed = workspace.run("up", "--yes", "--skip-preview", "--event-log", str(log), code=1)
    assert "it stays" in failed.stdout
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {event["resOpFailedEvent"]["status"] for event in events if "resOpFailedEvent" in event} == {2}
    assert [event["summaryEvent"]["maybeCorrupt"] for event in events if "summaryEvent" in event] == [True]

    workspace.write_program(PROGRAM)
    workspace.run("config", "set", "--path", "pulumi:disable-default-providers[0]", "conf")
    denied = workspace.run("preview", "--non-interactive", code=1, MODE="denied")
    assert "Default provider for 'conf' disabled. 'urn:pulumi:dev::conformance::conf:index:Item::third'" in (
        denied.stdout
    )


@pytest.mark.parametrize(
    ("version", "url", "name"),
    [
        ("", "", "default"),
        ("1.2.3", "", "default_1_2_3"),
        ("2.0.0-beta.1+x", "", "default_2_0_0_beta_1_x"),
        ("", "https://example.com/x/", "default_https_/example.com/x"),
        ("1.2.3", "https://example.com/x", "default_1_2_3_https_/example.com/x"),
    ],
)
def test_default_providers_are_named_after_version_and_source(version: str, url: str, name: str) -> None:
    assert requests.request("conf", version, url).name == name


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("v1.2.3", 'Invalid character(s) found in major number "v1"'),
        ("1.02.3", 'Minor number must not contain leading zeroes "02"'),
        ("1.2", "No Major.Minor.Patch elements found"),
        ("1.2.3-", 'Invalid character(s) found in prerelease ""'),
    ],
)
def test_what_is_no_version_is_refused(version: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        requests.request("conf", version, "")
    assert str(caught.value) == problem


def test_a_list_of_packages_forbids_their_default_providers() -> None:
    config = {requests.DISABLED: '["conf", " other "]'}
    assert requests.is_disabled("conf", config)
    assert requests.is_disabled("other", config)
    assert not requests.is_disabled("third", config)
    assert requests.is_disabled("third", {requests.DISABLED: '["*"]'})
    assert not requests.is_disabled("pulumi", {requests.DISABLED: '["*"]'})
    with pytest.raises(ValueError, match="must be a string"):
        requests.is_disabled("conf", {requests.DISABLED: "[1]"})
