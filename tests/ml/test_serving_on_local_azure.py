"""Endpoints, deployments, traffic, batch and monitors with the real MLClient against local Azure."""

import json

import pytest
import tiny_model
import workspace_world
from workspace_world import COMPUTE

from ml import observation
from ml.batch_endpoint import BatchDeploymentProvider, BatchEndpointProvider
from ml.client import AzureMLError
from ml.monitor import MonitorProvider
from ml.online_deployment import OnlineDeploymentProvider
from ml.online_endpoint import OnlineEndpointProvider
from ml.traffic import TrafficProvider

pytestmark = pytest.mark.usefixtures("azure_shell")
ENDPOINT, BATCH, FIRST, SECOND = "tiny-abc123", "tiny-b-abc123", "m-aaaaaaaa", "m-bbbbbbbb"


def endpoint_inputs(world, **changed):
    return {**workspace_world.endpoint_inputs(world, ENDPOINT), **changed}


def deployment_inputs(world, trained, **changed):
    return {**workspace_world.deployment_inputs(world, trained, ENDPOINT, FIRST), **changed}


def batch_inputs(world, trained, **changed):
    return {
        **world.place,
        "endpoint": BATCH,
        "name": "main",
        "model_id": trained.outs["model_id"],
        "environment": trained.environment,
        "compute": COMPUTE,
        "code": str(trained.folder / "src"),
        "code_hash": "0",
        "script": "score.py",
        "instance_count": 1,
        "mini_batch_size": 1,
        "error_threshold": 0,
        "output_file": "predictions.csv",
        "tags": {"team": "ml"},
        **changed,
    }


def monitor_inputs(world, trained, **changed):
    return {
        **world.place,
        "name": "tiny-monitor",
        "endpoint": ENDPOINT,
        "deployment": FIRST,
        "reference": trained.outs["reference"],
        "hour": 6,
        "numeric": ["number"],
        "categorical": [],
        "normalized_wasserstein": 0.1,
        "jensen_shannon": 0.1,
        "description": "Drift.",
        "tags": {"team": "ml"},
        "enabled": True,
        **changed,
    }


@pytest.fixture(scope="module")
def served(world, trained, azure_shell):
    """The whole chain, made by hand: kind → (inputs, what create returned)."""
    chain = {
        OnlineEndpointProvider: endpoint_inputs(world),
        OnlineDeploymentProvider: deployment_inputs(world, trained),
        TrafficProvider: {**world.place, "endpoint": ENDPOINT, "shares": {FIRST: 100}},
        BatchEndpointProvider: {**world.place, "name": BATCH, "description": "", "tags": {"team": "ml"}},
        BatchDeploymentProvider: batch_inputs(world, trained),
        MonitorProvider: monitor_inputs(world, trained),
    }
    return {kind: (inputs, world.provider(kind).create(inputs)) for kind, inputs in chain.items()}


KINDS = (
    OnlineEndpointProvider,
    OnlineDeploymentProvider,
    TrafficProvider,
    BatchEndpointProvider,
    BatchDeploymentProvider,
    MonitorProvider,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refresh_after_create_shows_no_difference(world, served, kind):
    inputs, made = served[kind]
    provider = world.provider(kind)
    read = provider.read(made.id, made.outs)
    assert read.outs == made.outs
    assert provider.diff(made.id, read.outs, inputs).changes is False


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_interrupted_run_has_left_is_adopted(world, served, kind):
    inputs, made = served[kind]
    again = world.provider(kind).create(inputs)
    # Each creation of a deployment has a stamp of its own: the entry of an earlier one doesn't delete it.
    stamp = {"incarnation": again.outs.get("incarnation")} if kind is OnlineDeploymentProvider else {}
    assert (again.id, again.outs) == (made.id, {**made.outs, **stamp})
    served[kind] = (inputs, again)


def test_a_deployment_that_was_taken_up_again_is_not_deleted_by_its_old_entry(world, served):
    _, made = served[OnlineDeploymentProvider]
    before = {**made.outs, "incarnation": "0" * 16}
    world.provider(OnlineDeploymentProvider).delete(made.id, before)
    found = world.door.client.online_deployments.get(FIRST, ENDPOINT)
    assert found.tags == {"team": "ml", "Incarnation": made.outs["incarnation"]}


def test_no_key_is_in_what_the_state_holds(world, served):
    keys = world.door.client.online_endpoints.get_keys(ENDPOINT)
    shown = json.dumps([made.outs for _, made in served.values()]) + "".join(world.said)
    assert keys.primary_key
    assert keys.primary_key not in shown
    assert keys.secondary_key not in shown


def test_an_update_of_the_endpoint_keeps_its_traffic(world, served):
    inputs, made = served[OnlineEndpointProvider]
    provider = world.provider(OnlineEndpointProvider)
    news = {**inputs, "tags": {"team": "other"}}
    provider.update(made.id, made.outs, news)
    found = world.door.client.online_endpoints.get(ENDPOINT)
    assert (found.tags, found.traffic) == ({"team": "other"}, {FIRST: 100})
    assert not {"createdBy", "lastModifiedAt"} & set(_raw_properties(world))
    provider.update(made.id, made.outs, inputs)


def _raw_properties(world):
    operations = world.door.client.online_endpoints
    raw = operations._online_operation.get(world.door.resource_group, world.door.workspace, ENDPOINT)
    return raw.properties.properties or {}


@pytest.mark.parametrize("auth", ["aad_token", "aml_token"])
def test_an_endpoint_without_keys_is_smoke_tested_with_a_token(world, served, auth):
    inputs, made = served[OnlineEndpointProvider]
    provider = world.provider(OnlineEndpointProvider)
    closed = {**inputs, "auth": auth, "public_access": False}
    outs = provider.update(made.id, made.outs, closed).outs
    read = provider.read(made.id, outs)
    assert read.outs == outs
    assert provider.diff(made.id, read.outs, closed).changes is False
    to = observation.target(world.door, ENDPOINT, FIRST)
    assert observation.ask_until_known(world.door, to, tiny_model.SMOKE["request"])[0] == 200
    provider.update(made.id, outs, inputs)


def test_a_deployment_that_still_gets_requests_is_not_deleted(world, served):
    _, made = served[OnlineDeploymentProvider]
    with pytest.raises(
        AzureMLError, match=r"m-aaaaaaaa still gets 100 % of the requests: give them to another"
    ):
        world.provider(OnlineDeploymentProvider).delete(made.id, made.outs)


def test_traffic_to_a_deployment_that_is_not_there_is_refused(world, served):
    inputs, made = served[TrafficProvider]
    with pytest.raises(AzureMLError, match=r"there is no deployment m-cccccccc; deploy it first"):
        world.provider(TrafficProvider).update(made.id, made.outs, {**inputs, "shares": {"m-cccccccc": 100}})
    assert world.door.client.online_endpoints.get(ENDPOINT).traffic == {FIRST: 100}


def test_a_new_deployment_that_fails_its_smoke_test_is_removed_again(world, trained, served):
    wrong = {**tiny_model.SMOKE, "answer": [{"above": False}]}
    inputs = deployment_inputs(world, trained, name="m-cccccccc", smoke=json.dumps(wrong))
    with pytest.raises(AzureMLError) as error:
        world.provider(OnlineDeploymentProvider).create(inputs)
    text = str(error.value)
    assert "\n" not in text
    assert 'its smoke test failed: answer[0].above is True, not False; it answered [{"above": true' in text
    assert text.endswith("it was removed again")
    assert {one.name for one in world.door.client.online_deployments.list(ENDPOINT)} == {FIRST}


def test_a_deployment_whose_code_does_not_start_is_removed_with_its_last_words(
    world, trained, served, tmp_path
):
    (tmp_path / "score.py").write_text(
        "def init():\n    raise ValueError('no such feature')\n\ndef run(data): ...\n"
    )
    inputs = deployment_inputs(world, trained, name="m-dddddddd", code=str(tmp_path), code_hash="1")
    with pytest.raises(AzureMLError) as error:
        world.provider(OnlineDeploymentProvider).create(inputs)
    assert "\n" not in str(error.value)
    assert "no such feature" in str(error.value)
    assert {one.name for one in world.door.client.online_deployments.list(ENDPOINT)} == {FIRST}


def test_a_rollout_moves_the_traffic_before_the_old_deployment_goes(world, trained, served):
    deployments, traffic = world.provider(OnlineDeploymentProvider), world.provider(TrafficProvider)
    monitor = world.provider(MonitorProvider)
    old_inputs, old = served[OnlineDeploymentProvider]
    traffic_inputs, shares = served[TrafficProvider]
    monitor_old, watched = served[MonitorProvider]
    new = deployments.create({**old_inputs, "name": SECOND})
    traffic.update(shares.id, shares.outs, {**traffic_inputs, "shares": {SECOND: 100}})
    monitor.update(watched.id, watched.outs, {**monitor_old, "deployment": SECOND})
    deployments.delete(old.id, old.outs)
    deployments.delete(old.id, old.outs)
    assert world.door.client.online_endpoints.get(ENDPOINT).traffic == {SECOND: 100}
    target = world.door.client.schedules.get("tiny-monitor").create_monitor.monitoring_target
    assert target.endpoint_deployment_id.endswith(f"/deployments/{SECOND}")

    # and everything goes, in the order of a destroy, twice
    _, batch_deployment = served[BatchDeploymentProvider]
    _, batch = served[BatchEndpointProvider]
    _, endpoint = served[OnlineEndpointProvider]
    for _ in range(2):
        monitor.delete(watched.id, watched.outs)
        world.provider(BatchDeploymentProvider).delete(batch_deployment.id, batch_deployment.outs)
        world.provider(BatchEndpointProvider).delete(batch.id, batch.outs)
        traffic.delete(shares.id, shares.outs)
        deployments.delete(new.id, new.outs)
        world.provider(OnlineEndpointProvider).delete(endpoint.id, endpoint.outs)
    for kind, (_, made) in served.items():
        assert world.provider(kind).read(made.id, made.outs).id == ""
