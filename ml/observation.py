"""What is seen of a deployment: its answers to smoke requests by name, and how its live requests went.

Live requests are read from Azure Monitor's metric ``RequestsPerMinute`` of the endpoint, which Azure splits by
``deployment`` and ``statusCodeClass``. An answer of 4xx counts as failed too: Azure answers 424 where the model fails and
408 where it is too slow, and what it refuses before a deployment is picked (401) has no deployment. The metric's grain
is a minute, and on Azure it lags by some minutes: splits should stand longer than that (``traffic.bakeSeconds``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ml import resource_manager
from ml.client import AzureMLError
from ml.rollout import Asked, Observation, Plan
from ml.smoke import mismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

METRIC = "RequestsPerMinute"
_METRICS_API = "2023-10-01"
#: What a router may say while a new deployment becomes known to it.
_NOT_YET = frozenset({404, 424, 429, 502, 503, 504})
_PATIENCE = 120.0
_TRIES = 10
_SHOWN = 300


@dataclass(frozen=True)
class Target:
    """Where requests to one deployment go, whatever the traffic is. ``headers`` hold a key: they are for requests only."""

    endpoint: str
    deployment: str
    url: str
    headers: Mapping[str, str]


def target(door: Door, endpoint: str, deployment: str) -> Target:
    """The address of a deployment, with a key of its endpoint."""
    what = f"deployment {endpoint}/{deployment}"
    endpoints = door.client.online_endpoints
    url = str(door.do(what, lambda: endpoints.get(endpoint)).scoring_uri)
    keys: Any = door.do(what, lambda: endpoints.get_keys(endpoint))
    key = getattr(keys, "primary_key", None) or getattr(keys, "access_token", None)
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": deployment}
    return Target(endpoint, deployment, url, headers)


def ask_until_known(door: Door, to: Target, body: Any) -> tuple[int, str]:
    """One request, again while the router may not know a new deployment yet; status and text of the answer."""
    left = _TRIES

    def final(answer: tuple[int, str]) -> bool:
        nonlocal left
        left -= 1
        return answer[0] not in _NOT_YET or left <= 0

    what = f"deployment {to.endpoint}/{to.deployment}: smoke test"
    with door.caller(to.url) as post:
        return door.until(what, lambda: door.do(what, lambda: post(body, to.headers)), final, _PATIENCE)


def failure(status: int, text: str, template: Any) -> str | None:
    """What is wrong with the answer to a smoke request; None if nothing is."""
    shown = " ".join(text.split())[:_SHOWN]
    if status != 200:
        return f"was answered with {status}: {shown}"
    try:
        wrong = mismatch(json.loads(text), template)
    except ValueError:
        wrong = "the answer isn't JSON"
    return f"failed: {wrong}; it answered {shown}" if wrong else None


def observe(
    door: Door,
    endpoint: str,
    deployment: str,
    test: Mapping[str, Any],
    plan: Plan,
    *,
    since: int,
    before: Asked,
) -> Observation:
    """Sends the plan's smoke requests to a deployment, then reads how its live requests went.

    Args:
        door: the workspace.
        endpoint: the endpoint's name.
        deployment: the deployment's name.
        test: ``request`` and ``answer`` of the smoke test.
        plan: how many requests, and how many may fail.
        since: when the rollout began, seconds since 1970.
        before: the smoke requests that the rollout has sent so far.

    What can't be found out is said in ``unreadable``.
    """
    asked, right, wrong = Asked(), 0, ""
    what = f"deployment {endpoint}/{deployment}"
    try:
        to = target(door, endpoint, deployment)
        with door.caller(to.url) as post:
            while asked.sent < plan.requests and asked.sent - right <= plan.max_error_rate * plan.requests:
                status, text = door.do(what, lambda: post(test["request"], to.headers))
                problem = failure(status, text, test["answer"])
                asked += Asked(1, int(status != 200))
                right += problem is None
                wrong = wrong or problem or ""
        live, failed = _live(door, endpoint, deployment, since, before + asked)
    except AzureMLError as error:
        return Observation(asked, right, wrong, unreadable=str(error))
    return Observation(asked, right, wrong, live, failed)


def _live(door: Door, endpoint: str, deployment: str, since: int, own: Asked) -> tuple[int, int]:
    """Live requests to a deployment and how many of them failed; ours, which the metric counts too, are taken off."""
    seen = requests_by_class(door, endpoint, deployment, since)
    served = max(0, seen.pop("2xx", 0) - (own.sent - own.refused))
    failed = max(0, sum(seen.values()) - own.refused)
    return served + failed, failed


def requests_by_class(door: Door, endpoint: str, deployment: str, since: int) -> dict[str, int]:
    """The requests that a deployment answered since a time (seconds since 1970), by class of status: ``2xx``, ``4xx``.

    Raises:
        AzureMLError: Azure Monitor doesn't tell.
    """
    what = f"metric {METRIC} of {endpoint}"
    # Azure cuts spans to whole minutes; an empty one would be refused.
    start = datetime.fromtimestamp(since, UTC).replace(second=0)
    end = max(datetime.now(UTC), start + timedelta(minutes=1))
    query = {
        "metricnames": METRIC,
        "timespan": f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        "interval": "PT1M",
        # The documented aggregation: the requests of a minute.
        "aggregation": "Average",
        "$filter": f"deployment eq '{deployment}' and statusCodeClass eq '*'",
    }
    path = f"{door.arm_id('onlineEndpoints', endpoint)}/providers/Microsoft.Insights/metrics"
    answer = door.do(
        what, lambda: resource_manager.request("GET", path, api_version=_METRICS_API, query=query)
    )
    try:
        return _by_class(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AzureMLError(f"{what}: Azure Monitor's answer can't be read ({type(error).__name__})") from None


def _by_class(answer: Any) -> dict[str, int]:
    counts: dict[str, float] = {}
    for metric in cast("list[dict[str, Any]]", answer["value"]):
        if metric.get("errorCode", "Success") != "Success":
            raise ValueError(metric["errorCode"])
        for series in metric["timeseries"]:
            names = {one["name"]["value"].lower(): str(one["value"]) for one in series["metadatavalues"]}
            kind = names["statuscodeclass"].lower()
            total = sum(float(point.get("average") or 0) for point in series["data"])
            counts[kind] = counts.get(kind, 0) + total
    return {kind: round(count) for kind, count in counts.items()}
