"""Rollouts between two real deployments on local Azure, while requests keep coming, with runs that die on the way."""

import inspect
import json
from contextlib import suppress
from dataclasses import replace

import pytest
import tiny_model
from callers import Callers
from workspace_world import deployment_inputs, endpoint_inputs

from ml import lineage, observation, progress, resource_manager
from ml.client import AzureMLError, Door
from ml.online_deployment import OnlineDeploymentProvider
from ml.online_endpoint import OnlineEndpointProvider
from ml.progress import Progress
from ml.rollout import Phase
from ml.traffic import TrafficProvider

pytestmark = pytest.mark.usefixtures("azure_shell")
ENDPOINT, OLD, NEW = "moved-abc123", "m-aaaaaaaa", "m-bbbbbbbb"
SMOKE = json.dumps(tiny_model.SMOKE)
WRONG = json.dumps({**tiny_model.SMOKE, "answer": [{"above": False}]})
#: Like the tiny model's, but it fails for negative numbers.
FRAIL = tiny_model.SCORE.replace(
    "return [", "assert all(row['number'] >= 0 for row in json.loads(data)['data'])\n    return ["
)


@pytest.fixture(scope="module")
def served(world, trained, azure_shell, tmp_path_factory):
    """An endpoint with two deployments and no traffic."""
    frail = tmp_path_factory.mktemp("frail")
    (frail / "score.py").write_text(FRAIL)
    hashed = lineage.combined(lineage.files(frail))
    world.provider(OnlineEndpointProvider).create(endpoint_inputs(world, ENDPOINT))
    deployments = world.provider(OnlineDeploymentProvider)
    for name, more in ((OLD, {}), (NEW, {"code": str(frail), "code_hash": hashed})):
        deployments.create(deployment_inputs(world, trained, ENDPOINT, name, **more))
    return world


class Rollouts:
    """The traffic's provider at work on the endpoint; ``said`` are the lines of the last update."""

    def __init__(self, world):
        self.world = world
        self.said = []
        self.on_line = lambda _line: None
        settings = replace(world.door.settings, poll_interval=0.05)
        self.door = Door(settings, world.door.resource_group, world.door.workspace, self.say)

    def say(self, line):
        self.said.append(line)
        self.on_line(line)

    def inputs(self, shares, **more):
        place = {**self.world.place, "endpoint": ENDPOINT, "shares": shares}
        return {**place, "smoke": SMOKE, "steps": [10, 50, 100], "requests": 3, **more}

    def to(self, shares, **more):
        """Moves the traffic."""
        self.said = []
        TrafficProvider().change(self.door, {}, self.inputs(shares, **more))

    def stand(self, shares):
        """Gives the traffic a split by hand, as if nothing had ever been rolled out."""
        self.to(shares, smoke=None)
        Progress(self.door, ENDPOINT).read()
        path = self.door.arm_id("onlineEndpoints", ENDPOINT)
        resource_manager.request("PATCH", path, api_version="2024-10-01", body={"tags": {"team": "ml"}})

    @property
    def traffic(self):
        found = self.door.client.online_endpoints.get(ENDPOINT)
        return {name: share for name, share in found.traffic.items() if share}

    @property
    def progress(self):
        return progress.of(self.door, ENDPOINT)


@pytest.fixture
def rollouts(served):
    made = Rollouts(served)
    made.stand({OLD: 100})
    return made


def test_a_canary_gets_all_requests_step_by_step_and_no_caller_notices(rollouts):
    with Callers(rollouts.door, ENDPOINT) as callers:
        rollouts.to({NEW: 100})
    assert callers.answers > 10
    assert callers.failures == []
    assert rollouts.traffic == {NEW: 100}
    assert (rollouts.progress.phase, rollouts.progress.candidate) == (Phase.DONE, NEW)
    lines = [line.removeprefix(f"{ENDPOINT}: ") for line in rollouts.said]
    assert lines[:2] == [
        "m-bbbbbbbb is tested by name, the traffic stays as it is",
        "m-bbbbbbbb by name: 3/3 smoke requests right",
    ]
    assert [line for line in lines if " gets " in line] == [
        *(f"m-bbbbbbbb gets {share} % of the requests" for share in (10, 50, 100)),
        "m-bbbbbbbb gets all requests",
    ]
    assert "at 100 %: 3/3 smoke requests right, 0 of " in lines[-2]


def test_live_requests_that_fail_put_the_traffic_back_and_no_other_caller_notices(rollouts):
    broken = observation.target(rollouts.door, ENDPOINT, NEW)

    def break_it(line):
        if "gets 50 %" in line:
            for _ in range(20):
                status, _ = rollouts.door.post(broken.url, {"data": [{"number": -1}]}, broken.headers)
                assert status == 424

    rollouts.on_line = break_it
    with Callers(rollouts.door, ENDPOINT) as callers, pytest.raises(AzureMLError) as error:
        rollouts.to({NEW: 100})
    assert callers.failures == []
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(f"traffic of {ENDPOINT}: m-bbbbbbbb was rolled back at 50 %: 20 of ")
    assert (
        "live requests failed; the requests go as before: 100 % to m-aaaaaaaa. Take the change back" in text
    )
    assert rollouts.traffic == {OLD: 100}
    left = rollouts.progress
    assert (left.phase, left.candidate, left.share) == (Phase.FAILED, NEW, 50)
    assert "live requests failed" in left.reason


def test_the_same_candidate_is_tried_again_from_the_start(rollouts):
    with pytest.raises(
        AzureMLError, match=r"back at 0 %: 1 of 1 smoke requests failed: failed: answer\[0\].above"
    ):
        rollouts.to({NEW: 100}, smoke=WRONG)
    assert rollouts.traffic == {OLD: 100}
    rollouts.to({NEW: 100}, steps=[100])
    assert rollouts.traffic == {NEW: 100}
    assert rollouts.progress.phase is Phase.DONE


def test_a_candidate_that_can_not_be_judged_is_rolled_back_with_the_reason(rollouts, monkeypatch):
    monkeypatch.setattr(observation, "METRIC", "RequestsPerHour")
    with pytest.raises(AzureMLError, match=r"m-bbbbbbbb was rolled back at 0 %: it can't be judged: metric"):
        rollouts.to({NEW: 100})
    assert rollouts.traffic == {OLD: 100}
    assert rollouts.progress.phase is Phase.FAILED


def test_the_first_deployment_gets_all_requests_after_its_smoke_test(rollouts):
    rollouts.stand({})
    rollouts.to({NEW: 100})
    assert rollouts.traffic == {NEW: 100}
    assert [line for line in rollouts.said if "%" in line] == [
        f"{ENDPOINT}: m-bbbbbbbb gets 100 % of the requests"
    ]


def test_a_split_over_several_deployments_is_written_at_once(rollouts):
    rollouts.to({NEW: 25, OLD: 75})
    assert rollouts.traffic == {NEW: 25, OLD: 75}
    rollouts.to({NEW: 100}, steps=[50, 100])
    assert [line for line in rollouts.said if "gets 50 %" in line]
    assert rollouts.traffic == {NEW: 100}


def test_no_look_at_an_endpoint_reads_the_source_of_the_call_stack(rollouts, monkeypatch):
    monkeypatch.setattr(inspect, "stack", lambda: pytest.fail("azure-ai-ml wants to know who calls it"))
    assert rollouts.traffic == {OLD: 100}


class Killed(BaseException):
    """A run that ends here and now, like one that was killed."""


@pytest.fixture
def kill(monkeypatch):
    """Kills a run before its n-th write to Azure; says whether there was one."""
    request, settle = resource_manager.request, Door.settle
    state = {"left": 0}

    def dying(call, writes):
        def wrapped(*arguments, **options):
            state["left"] -= writes(arguments)
            if writes(arguments) and state["left"] == 0:
                raise Killed
            return call(*arguments, **options)

        return wrapped

    monkeypatch.setattr(resource_manager, "request", dying(request, lambda given: given[0] == "PATCH"))
    monkeypatch.setattr(Door, "settle", dying(settle, lambda _given: True))

    def at(number, run):
        state["left"] = number
        try:
            run()
        except Killed:
            return True
        finally:
            state["left"] = 0
        return False

    return at


@pytest.mark.parametrize(
    ("smoke", "wanted", "end"),
    [
        (SMOKE, {NEW: 100}, [{NEW: 100}, "done"]),
        (SMOKE, {OLD: 100}, [{OLD: 100}, "failed"]),
        (WRONG, {NEW: 100}, [{OLD: 100}, "failed"]),
    ],
    ids=["goes on", "is rolled back where the change is taken back", "fails for a bad candidate"],
)
def test_a_rollout_killed_before_any_write_is_brought_to_its_end_by_the_next(
    rollouts, kill, smoke, wanted, end
):
    def up(shares):
        with suppress(AzureMLError):
            rollouts.to(shares, steps=[50, 100], requests=1, smoke=smoke)

    for number in range(1, 20):
        rollouts.stand({OLD: 100})
        if not kill(number, lambda: up({NEW: 100})):
            break
        assert sum(rollouts.traffic.values()) == 100
        news = rollouts.inputs({OLD: 100})
        TrafficProvider().inspect(rollouts.door, {}, news)
        # Only before its first write there is nothing to go on with.
        assert bool(news["unfinished"]) == (number > 1)
        up(wanted)
        ended = rollouts.progress
        assert [rollouts.traffic, ended.phase.value if ended else "failed"] == end
    assert number == (4 if smoke == WRONG else 7), "each write of the rollout was one to be killed before"


def test_a_run_that_was_overtaken_writes_nothing_more(rollouts):
    """Engines leave providers behind that go on: the first notices that a second run drives the rollout."""

    def overtake(line):
        if "gets 10 %" in line:
            rollouts.on_line = lambda _line: None
            second = Rollouts(rollouts.world)
            second.to({NEW: 100}, steps=[50, 100])

    rollouts.on_line = overtake
    with pytest.raises(AzureMLError, match=r"another run has taken the rollout over; wait for it, then run"):
        rollouts.to({NEW: 100})
    assert rollouts.traffic == {NEW: 100}
    assert rollouts.progress.phase is Phase.DONE


def test_what_someone_changed_by_hand_during_an_interruption_is_where_the_next_run_begins(rollouts, kill):
    assert kill(4, lambda: rollouts.to({NEW: 100}))
    unfinished = rollouts.progress
    rollouts.stand({OLD: 80, NEW: 20})
    Progress(rollouts.door, ENDPOINT).save(unfinished)
    rollouts.to({NEW: 100})
    lines = [line.removeprefix(f"{ENDPOINT}: ") for line in rollouts.said]
    assert [line for line in lines if "% of" in line] == [
        f"{NEW} gets {share} % of the requests" for share in (50, 100)
    ]
    assert rollouts.traffic == {NEW: 100}


def test_the_endpoint_keeps_the_progress_when_it_is_updated_and_does_not_show_it(rollouts):
    rollouts.to({NEW: 100}, steps=[100])
    provider = rollouts.world.provider(OnlineEndpointProvider)
    inputs = endpoint_inputs(rollouts.world, ENDPOINT)
    provider.update(ENDPOINT, inputs, {**inputs, "tags": {"team": "other"}})
    assert rollouts.progress.phase is Phase.DONE
    assert provider.read(ENDPOINT, inputs).outs["tags"] == {"team": "other"}
    provider.update(ENDPOINT, inputs, inputs)


def test_deleting_the_traffic_ends_an_interrupted_rollout(rollouts, kill):
    assert kill(4, lambda: rollouts.to({NEW: 100}))
    TrafficProvider().remove(rollouts.door, ENDPOINT, {})
    assert rollouts.traffic == {}
    assert (rollouts.progress.phase, rollouts.progress.reason) == (Phase.FAILED, "all traffic was taken away")
