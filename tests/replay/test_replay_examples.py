"""`python -m local replay` finds the answers that aren't Azure's, and finds none in the official examples."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from local.cli import app
from local.replay.command import replay_all
from local.replay.example import ExampleError, read, read_all
from local.replay.writable import Writable
from local.settings import REPOSITORY, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = REPOSITORY.parent / "shared" / "arm" / "examples"
ZONE = "/subscriptions/<subscription-id>/resourceGroups/rg1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
GOOD: dict[str, Any] = {
    "request": {
        "method": "PUT",
        "url": f"{ZONE}?api-version=2023-01-31",
        "body": {"location": "eastus", "tags": {"key1": "value1"}},
    },
    "response200": {
        "id": ZONE.replace("<subscription-id>", "subid"),
        "name": "id1",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": "eastus",
        "tags": {"key1": "value1"},
        "properties": {
            "clientId": "4bee4b8a-6bee-47c2-90e9-81064d8e0f0d",
            "principalId": "25cc773c-7f05-40fc-a104-32d2300754ad",
            "tenantId": "b6c948ef-f6b5-4384-8354-da3a15eca969",
        },
    },
}


def variant(**answer: Any) -> dict[str, Any]:
    """GOOD with another documented answer: properties merged, ``documented=404`` as its status."""
    example = copy.deepcopy(GOOD)
    status = answer.pop("documented", 200)
    documented = example.pop("response200")
    for key, value in answer.items():
        documented[key] = {**documented[key], **value} if isinstance(value, dict) else value
    example[f"response{status}"] = documented
    return example


def request(method: str, path: str, **answers: Any) -> dict[str, Any]:
    """An example that sends no body."""
    return {"request": {"method": method, "url": f"{path}?api-version=2023-01-31", "body": None}, **answers}


def written(folder: Path, examples: dict[str, dict[str, Any]]) -> Path:
    """A folder with the examples in it."""
    for name, example in examples.items():
        file = folder / "Microsoft.ManagedIdentity" / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(example))
    return folder


def test_what_is_documented_otherwise_is_wrong_and_what_is_not_served_is_unsupported(tmp_path: Path):
    listed = {"value": [GOOD["response200"]]}
    untouched = {"id": ZONE, "name": "other", "type": "t", "tags": {}, "properties": {"clientId": "x"}}
    folder = written(
        tmp_path,
        {
            "good_put": GOOD,
            "good_get": request("GET", ZONE, response200=GOOD["response200"]),
            "good_list": request("GET", ZONE.rsplit("/", 1)[0], response200=listed),
            "good_delete": request("DELETE", ZONE),
            "another_key": variant(properties={"colour": "blue"}),
            "another_type": variant(properties={"clientId": 5}),
            "another_status": variant(documented=404),
            "another_resource": variant(type=["Microsoft.ManagedIdentity/userAssignedIdentities"]),
            "another_list": request("GET", ZONE.rsplit("/", 1)[0], response200=[GOOD["response200"]]),
            "not_a_guid": request("GET", ZONE, response200=untouched | {"properties": {"clientId": 1}}),
            "no_such_type": request("GET", ZONE.replace("userAssignedIdentities", "userNamedIdentities")),
            "no_such_action": request("POST", f"{ZONE}/listKittens", response200={}),
        },
    )
    found = {verdict.example.name: verdict for verdict in asyncio.run(replay_all(read_all(folder)))}
    assert {name: verdict.judgement for name, verdict in found.items()} == {
        "good_put": "ok",
        "good_get": "ok",
        "good_list": "ok",
        "good_delete": "ok",
        "another_key": "wrong",
        "another_type": "wrong",
        "another_status": "wrong",
        "another_resource": "wrong",
        "another_list": "wrong",
        "not_a_guid": "wrong",
        "no_such_type": "unsupported",
        "no_such_action": "unsupported",
    }
    assert found["another_key"].reasons == ("properties.colour: documented ('blue'), not answered",)
    assert "documented: 404" in found["another_status"].reasons[0]
    assert "userNamedIdentities" in found["no_such_type"].reasons[0]
    assert "listKittens" in found["no_such_action"].reasons[0]


def test_an_example_is_brought_to_local_azure_s_ids(tmp_path: Path):
    content = request(
        "get", "/scope/providers/Microsoft.Authorization/locks/l1", response200={"id": "/subscriptions/x/a"}
    )
    content["request"]["url"] += "&%24skiptoken=t&%24filter=a+eq+%27b%27&tags=string"
    example = read(written(tmp_path, {"one": content}) / "Microsoft.ManagedIdentity" / "one.json")
    assert example.method == "GET"
    assert (
        example.path
        == f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/replay/providers/Microsoft.Authorization/locks/l1"
    )
    assert example.query == {"api-version": "2023-01-31", "$filter": "a eq 'b'"}
    assert example.answer == {"id": f"/subscriptions/{SUBSCRIPTION_ID}/a"}


def test_a_placeholder_is_the_same_in_request_and_answer(tmp_path: Path):
    workspace = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    body = {
        "properties": {
            "environmentId": "string",
            "description": "string",
            "id": "/a/{b-c}",
            "expression": "@{d}",
        }
    }
    content = request("PUT", f"{workspace}/jobs/{{job}}", response200=body)
    content["request"]["body"] = body
    example = read(written(tmp_path, {"one": content}) / "Microsoft.ManagedIdentity" / "one.json")
    assert example.path == f"{workspace}/jobs/job"
    assert example.body == example.answer
    assert example.body["properties"] == {
        "environmentId": f"{workspace}/environments/replay/versions/1",
        "description": "string",
        "id": "/a/b-c",
        "expression": "@{d}",
    }


def test_a_body_of_an_answer_is_sent_without_what_azure_computes():
    writable = Writable([])
    vault = {
        "id": "/x",
        "location": "a",
        "properties": {"vaultUri": "b", "tenantId": "c", "provisioningState": "d"},
    }
    assert writable.of("Microsoft.KeyVault/vaults", vault) == {
        "location": "a",
        "properties": {"tenantId": "c"},
    }
    unknown = {"id": "/x", "location": "a", "properties": {"colour": "b", "provisioningState": "d"}}
    assert writable.of("Microsoft.Paint/pots", unknown) == {"location": "a", "properties": {"colour": "b"}}


def test_a_file_that_is_no_example_is_named(tmp_path: Path):
    with pytest.raises(ExampleError, match="There are no examples"):
        read_all(tmp_path)
    written(tmp_path, {"one": {"response200": {}}})
    with pytest.raises(ExampleError, match=r"one\.json is no example"):
        read_all(tmp_path)


def test_the_command_says_what_is_wrong_and_exits_with_1(tmp_path: Path):
    folder = written(tmp_path, {"good_put": GOOD, "another_key": variant(properties={"colour": "blue"})})
    result = CliRunner().invoke(app, ["replay", str(folder), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["ok"], document["unsupported"], document["wrong"]) == (1, 0, 1)
    result = CliRunner().invoke(app, ["replay", str(folder), "--only", "good_put"])
    assert result.exit_code == 0
    assert "Microsoft.ManagedIdentity" in result.stdout


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"the official examples aren't in {EXAMPLES}")
def test_the_official_examples_are_answered_as_documented_or_refused_by_name():
    verdicts = asyncio.run(replay_all(read_all(EXAMPLES)))
    wrong = [verdict for verdict in verdicts if verdict.judgement == "wrong"]
    ok = sum(verdict.judgement == "ok" for verdict in verdicts)
    # The second only rises.
    assert not wrong, [f"{verdict.example.title}: {verdict.reasons[0]}" for verdict in wrong[:20]]
    assert ok >= 770
