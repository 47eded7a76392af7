import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession, encode_basic_auth

from local.azure.errors import ArmError
from local.azure.machine_learning import data_collection
from local.azure.machine_learning.data_collection import Collection, Folder, Sink

COLLECTOR = {
    "collections": {
        "model_inputs": {"dataCollectionMode": "Enabled", "samplingRate": 0.5},
        "model_outputs": {"dataCollectionMode": "Disabled"},
    }
}
HEADERS = {
    "Content-Type": "application/json",
    "ce-type": "azureml.inference.model_inputs",
    "ce-time": "1767225599",
    "ce-x-request-id": "request-1",
    "trace-id": "payload-1",
    "ce-collect-data-type": "pandas.DataFrame",
    "ce-agent": "azureml-ai-monitoring/1.0.0",
}
SINK = Sink(
    "/deployments/d", "instance-1", {"model_inputs": Folder("account", "container", "collected/inputs/")}
)


class BlobsOf:
    """Append blobs in memory, which can be out of order."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.broken = False

    async def append(self, account: str, container: str, name: str, content: bytes) -> None:
        if self.broken:
            raise ArmError(503, "ServerBusy", "The server is busy.")
        path = f"{account}/{container}/{name}"
        self.content[path] = self.content.get(path, b"") + content


def test_the_collectors_configuration_follows_the_deployment():
    assert data_collection.settings(COLLECTOR)["collections"] == {
        "model_inputs": {"enabled": True, "sampleRatePercentage": 50},
        "model_outputs": {"enabled": False, "sampleRatePercentage": 100},
    }
    assert data_collection.enabled(COLLECTOR) == ["model_inputs"]


def test_a_payload_becomes_a_line_as_azure_writes_it():
    collection, time, line = data_collection.line(SINK, HEADERS, b'[{"a":1}]')
    assert (collection, time) == ("model_inputs", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert line == {
        "specversion": "1.0",
        "id": "payload-1",
        "source": "/deployments/d",
        "type": "azureml.inference.model_inputs",
        "datacontenttype": "application/json",
        "time": "2025-12-31T23:59:59Z",
        "data": [{"a": 1}],
        "correlationid": "request-1",
        "xrequestid": "request-1",
        "modelversion": "default",
        "collectdatatype": "pandas.DataFrame",
        "agent": "azureml-ai-monitoring/1.0.0",
        "contentrange": "bytes 0-8/9",
    }


def test_lines_go_to_the_hour_of_their_event_in_one_write():
    blobs = BlobsOf()

    async def collect() -> None:
        collection = Collection(blobs)
        for row in (b'[{"a":1}]', b'[{"a":2}]'):
            assert collection.take(SINK, HEADERS, row)
        await collection.flush()

    asyncio.run(collect())
    ((path, content),) = blobs.content.items()
    assert path == "account/container/collected/inputs/2025/12/31/23/instance-1.jsonl"
    assert [json.loads(line)["data"] for line in content.splitlines()] == [[{"a": 1}], [{"a": 2}]]


def test_what_can_not_be_written_now_is_written_later_and_once():
    blobs = BlobsOf()

    async def collect() -> None:
        collection = Collection(blobs)
        blobs.broken = True
        collection.take(SINK, HEADERS, b'[{"a":1}]')
        await collection.flush()
        assert blobs.content == {}
        blobs.broken = False
        collection.take(SINK, HEADERS, b'[{"a":2}]')
        await collection.flush()
        await collection.flush()

    asyncio.run(collect())
    (content,) = blobs.content.values()
    assert [json.loads(line)["data"] for line in content.splitlines()] == [[{"a": 1}], [{"a": 2}]]


def test_more_lines_than_an_append_takes_are_written_in_several(monkeypatch):
    monkeypatch.setattr(data_collection, "_APPEND_BYTES", 1000)
    blobs, sizes = BlobsOf(), []
    append = blobs.append

    async def sized(account: str, container: str, name: str, content: bytes) -> None:
        sizes.append(len(content))
        await append(account, container, name, content)

    blobs.append = sized

    async def collect() -> None:
        collection = Collection(blobs)
        for number in range(10):
            collection.take(SINK, HEADERS, json.dumps([{"a": number}]).encode())
        await collection.flush()

    asyncio.run(collect())
    (content,) = blobs.content.values()
    assert len(content.splitlines()) == 10
    assert len(sizes) > 1
    assert max(sizes) <= 1000


def test_the_listener_tells_deployments_apart_and_refuses_strangers(tmp_path: Path):
    blobs = BlobsOf()

    async def posts() -> list[int]:
        collection = Collection(blobs)
        await collection.start()
        variables = collection.admit(SINK, COLLECTOR, tmp_path)
        user, _, rest = variables["AZUREML_MDC_HOST"].partition(":")
        token, _, host = rest.rpartition("@")
        url = f"http://{host}:{variables['AZUREML_MDC_PORT']}/modeldata/log"
        statuses = []

        async def post(session: ClientSession, password: str, kind: str, content: bytes) -> int:
            headers = HEADERS | {
                "ce-type": f"azureml.inference.{kind}",
                "Authorization": encode_basic_auth(user, password),
            }
            async with session.post(url, data=content, headers=headers) as answer:
                return answer.status

        async with ClientSession() as session:
            for password, kind in (
                (token, "model_inputs"),
                ("wrong", "model_inputs"),
                (token, "model_outputs"),
            ):
                statuses.append(await post(session, password, kind, b"[]"))
            statuses.append(await post(session, token, "model_inputs", b"no json"))
            collection.dismiss(SINK)
            statuses.append(await post(session, token, "model_inputs", b"[]"))
        await collection.stop()
        return statuses

    assert asyncio.run(posts()) == [200, 401, 404, 400, 401]
    assert len(blobs.content) == 1
    configured = json.loads((tmp_path / "collector.json").read_text())
    assert configured["collections"]["model_inputs"]["enabled"]
