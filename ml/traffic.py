"""How an endpoint's requests are shared out between its deployments: read, modify, write, read back.

Azure has no resource for this: the shares are a property of the endpoint that every PUT without them resets. Here they
are a resource, so that they change after a new deployment is up and before an old one goes. All of a rollout happens
within one update of it: ``ml.rollout`` decides, this writes; where it stands is kept on the endpoint (``ml.progress``).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pulumi.dynamic

from ml import observation, progress, rollout
from ml.client import AzureMLError
from ml.online_endpoint import writable
from ml.progress import OvertakenError, Progress
from ml.provider import Made, Props, Provider, known
from ml.rollout import Observation, Phase, Plan, Rollout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.dynamic import DiffResult

    from ml.client import Door


class TrafficProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | endpoint | another endpoint's traffic |
    | shares | 100 % for one deployment is rolled out to it; another split is written at once. Others get nothing |
    | smoke, steps, requests, bake_seconds, max_error_rate | ignored: how the next rollout is done |
    | unfinished | filled in by check: a rollout that an interrupted run has left is taken up, whatever else changed |

    A rollout that fails puts the traffic back as it was and fails the update: the state keeps the old shares. Deleting
    sets all shares to 0, so that the deployments can go; a missing endpoint has none.
    """

    replaces = frozenset({"endpoint"})
    ignored = frozenset({"smoke", "steps", "requests", "bake_seconds", "max_error_rate"})
    computed = frozenset({"unfinished"})

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Refuses what Azure would refuse, before anything is touched; says in ``unfinished`` what was left."""
        del olds
        shares, steps = news.get("shares"), news.get("steps")
        found: list[tuple[str, str | None]] = []
        if isinstance(shares, dict) and all(map(known, shares.values())):
            found.append(("shares", invalid(cast("dict[str, Any]", shares))))
        if isinstance(steps, list) and all(map(known, cast("list[Any]", steps))):
            found.append(("steps", rollout.invalid_steps(cast("list[Any]", steps))))
        news["unfinished"] = _unfinished(door, news.get("endpoint"))
        return [(key, wrong) for key, wrong in found if wrong]

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Compares property by property; a rollout that was left is a change of its own."""
        result = super().diff(_id, _olds, _news)
        if known(_news.get("unfinished")) and _news["unfinished"] != _olds.get("unfinished"):
            result.changes = True
        return result

    def make(self, door: Door, inputs: Props) -> Made:
        """Moves the traffic to where it should be."""
        _reach(door, inputs)
        return Made(inputs["endpoint"], {"unfinished": inputs.get("unfinished")})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """The shares as they are; our deployments show with 0 as well."""
        found = door.find(f"endpoint {resource_id}", lambda: door.client.online_endpoints.get(resource_id))
        if found is None:
            return None
        mine = {name: 0 for name, share in props["shares"].items() if share == 0}
        return {"shares": {**mine, **live(found.traffic)}}

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Moves the traffic to where it should be."""
        del olds
        _reach(door, news)
        return {"unfinished": news.get("unfinished")}  # dealt with: the same text is no change any more

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Sets all shares to 0."""
        del props
        found = door.find(f"endpoint {resource_id}", lambda: door.client.online_endpoints.get(resource_id))
        if found is None:
            return
        kept = Progress(door, resource_id)
        left = kept.read()
        if left is not None and not left.finished:
            kept.save(replace(left, phase=Phase.FAILED, stable={}, reason="all traffic was taken away"))
        if live(found.traffic) or live(found.mirror_traffic):
            _write(kept, {})


def live(traffic: Mapping[str, Any] | None) -> dict[str, int]:
    """The deployments that get requests, with their shares in percent."""
    return {name: int(share) for name, share in (traffic or {}).items() if int(share) > 0}


def invalid(shares: Mapping[str, Any]) -> str | None:
    """Why Azure would refuse these shares (percent by deployment); None if it wouldn't."""
    wrong = [name for name, share in shares.items() if not 0 <= float(share) <= 100 or float(share) % 1]
    if wrong:
        return (
            f"the shares of {', '.join(sorted(wrong))} aren't whole numbers from 0 to 100; write percentages"
        )
    total = sum(int(share) for share in shares.values())
    if total not in (0, 100):
        return f"the shares sum to {total}, and requests without a deployment would fail; make it 0 or 100"
    return None


def _unfinished(door: Door | None, endpoint: Any) -> str | None:
    """What an interrupted rollout was at; None if there is none or it can't be told."""
    if door is None or not known(endpoint):
        return None
    try:
        left = progress.of(door, str(endpoint))
    except AzureMLError as error:
        door.say(f"{endpoint}: whether a rollout was interrupted can't be told: {error}")
        return None
    if left is None or left.finished:
        return None
    return f"{left.candidate} at {left.share} %: {left.phase.sentence} (run {left.run})"


def _reach(door: Door, inputs: Props) -> None:
    """Takes up what was left, then gives the traffic what the inputs ask for."""
    endpoint, wanted = str(inputs["endpoint"]), live(inputs["shares"])
    what = f"traffic of {endpoint}"
    if wrong := invalid(inputs["shares"]):
        raise AzureMLError(f"{what}: {wrong}")
    kept, run = Progress(door, endpoint), os.urandom(2).hex()
    left = kept.read()
    now, existing = _now(door, endpoint)
    if missing := [name for name in wanted if name not in existing]:
        raise AzureMLError(f"{what}: there is no deployment {', '.join(missing)}; deploy it first")
    candidate = next(iter(wanted)) if len(wanted) == 1 else None
    if found := rollout.resume(left, candidate, now, existing, run=run):
        door.say(
            f"{endpoint}: a rollout was interrupted: {found.candidate} at {found.share} %, it is taken up"
        )
        left = _drive(kept, inputs, found)
        if left.phase is Phase.FAILED and left.candidate == candidate and not found.finished:
            raise AzureMLError(_failed(endpoint, left))
        now, _ = _now(door, endpoint)
    if now != wanted and candidate is not None and known(inputs.get("smoke")):
        try:
            begun = rollout.begin(candidate, now, since=int(time.time()), run=run)
        except ValueError as error:
            raise AzureMLError(f"{what}: {error}") from None
        left = _drive(kept, inputs, begun)
        if left.phase is Phase.FAILED:
            raise AzureMLError(_failed(endpoint, left))
        return
    _write(kept, wanted)
    if left is not None and left.candidate == candidate and left.phase is Phase.FAILED:
        kept.save(replace(left, phase=Phase.DONE, reason="", run=run))


def _drive(kept: Progress, inputs: Props, begun: Rollout) -> Rollout:
    """Does a rollout to its end: the progress is kept before the traffic is written. Any error puts the traffic back."""
    door, plan, test = kept.door, _plan(inputs), json.loads(inputs.get("smoke") or "null")
    state = begun
    while not state.finished:
        try:
            kept.save(state)
            _write(kept, rollout.split(state))
            door.say(f"{kept.endpoint}: {rollout.headline(state)}")
            seen = _watched(kept, plan, test, state) if state.judged else None
        except OvertakenError:
            raise
        except AzureMLError as error:
            if state.phase is Phase.ROLLING_BACK:
                why = f"{error}; it is not certain that the traffic is as it was before: run `up` again"
                raise AzureMLError(why) from None
            state = replace(state, phase=Phase.ROLLING_BACK, reason=str(error))
            continue
        state = rollout.advance(state, plan, seen)
    kept.save(state)
    if state.phase is Phase.DONE:
        door.say(f"{kept.endpoint}: {rollout.headline(state)}")
    return state


def _watched(kept: Progress, plan: Plan, test: Any, state: Rollout) -> Observation:
    if state.phase is Phase.SHIFTING and plan.bake_seconds:
        time.sleep(plan.bake_seconds)
    seen = observation.observe(
        kept.door, kept.endpoint, state.candidate, test, plan, since=state.since, before=state.asked
    )
    kept.door.say(f"{kept.endpoint}: {rollout.progress(state, seen)}")
    return seen


def _plan(inputs: Props) -> Plan:
    def given(key: str, default: Any) -> Any:
        return default if inputs.get(key) is None else inputs[key]

    return Plan(
        steps=tuple(int(step) for step in given("steps", Plan.steps)),
        requests=int(given("requests", Plan.requests)),
        bake_seconds=float(given("bake_seconds", Plan.bake_seconds)),
        max_error_rate=float(given("max_error_rate", Plan.max_error_rate)),
    )


def _failed(endpoint: str, ended: Rollout) -> str:
    back = " and ".join(f"{share} % to {name}" for name, share in ended.stable.items()) or "nowhere"
    return (
        f"traffic of {endpoint}: {ended.candidate} was rolled back at {ended.share} %: {ended.reason}; the requests go "
        f"as before: {back}. Take the change back or correct it, then run `up` again"
    )


def _now(door: Door, endpoint: str) -> tuple[dict[str, int], frozenset[str]]:
    """The live split, and the deployments that there are."""
    entity: Any = door.do(f"endpoint {endpoint}", lambda: door.client.online_endpoints.get(endpoint))
    # azure-ai-ml lists those without traffic with 0.
    return live(entity.traffic), frozenset({**entity.traffic, **entity.mirror_traffic})


def _write(kept: Progress, wanted: Mapping[str, int]) -> None:
    """Writes a split unless it is there, and reads it back."""
    door, endpoint = kept.door, kept.endpoint
    what = f"traffic of {endpoint}"
    endpoints = door.client.online_endpoints
    entity: Any = writable(door.do(what, lambda: endpoints.get(endpoint)))
    kept.check(entity.tags)
    if live(entity.traffic) == dict(wanted):
        return
    entity.traffic = dict(wanted)
    # A deployment with live traffic can't be mirrored to; with no traffic there is nothing to mirror.
    mirrored = live(entity.mirror_traffic)
    entity.mirror_traffic = {name: share for name, share in mirrored.items() if wanted and name not in wanted}
    seen = door.settle(
        what, lambda: endpoints.begin_create_or_update(entity), lambda: endpoints.get(endpoint)
    )
    if live(seen.traffic) != dict(wanted):
        raise AzureMLError(
            f"{what}: is {live(seen.traffic)} after {dict(wanted)} was written; someone else is changing it: run `up` again"
        )


class Traffic(pulumi.dynamic.Resource, module="ml", name="Traffic"):
    """An endpoint's traffic; ``shares`` in percent by deployment, summing to 100 (or 0: none)."""

    shares: pulumi.Output[dict[str, int]]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        shares: pulumi.Input[Mapping[str, pulumi.Input[int]]],
        smoke: str | None = None,
        plan: Plan | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``smoke`` is the smoke test as JSON; without one there are no rollouts: shares are written at once."""
        plan = plan or Plan()
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "endpoint": endpoint,
            "shares": shares,
            "smoke": smoke,
            "steps": list(plan.steps),
            "requests": plan.requests,
            "bake_seconds": plan.bake_seconds,
            "max_error_rate": plan.max_error_rate,
            "unfinished": None,
        }
        super().__init__(TrafficProvider(), resource_name, props, opts)
