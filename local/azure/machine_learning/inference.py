"""The inference route: ``https://{endpoint}.{location}.inference.ml.azure.com/score``.

Answers as managed online endpoints do (Azure docs, "HTTP status codes for online endpoints"): 401 without the right
key or token, 404 where no deployment has traffic, 408 where the model takes longer than its request time-out, and 424
where the model answers with an error, whose own status is in ``ms-azureml-model-error-statuscode``. 429 never comes:
requests beyond what a deployment works on wait. ``MLOPS_LOCAL_TRAFFIC_SEED`` makes the split of traffic repeatable.
Requests are counted: ``request_metric.py``.
"""

from __future__ import annotations

import hmac
import logging
import os
import random
import re
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from local.azure.access import vantage
from local.azure.errors import ArmError
from local.azure.logs import sink
from local.azure.machine_learning import endpoint_key, request_metric, serving
from local.azure.machine_learning.duration import seconds
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Record

ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_DEPLOYMENT_HEADER = "azureml-model-deployment"
_MODEL_STATUS_HEADER = "ms-azureml-model-error-statuscode"
#: Azure's default of a request. Time that a request waits for a server that is being started doesn't count.
_DEFAULT_TIMEOUT = "PT5S"
_PASSED_ON = frozenset({"accept", "content-type", "traceid", "user-agent", "x-ms-client-request-id"})
_NOT_RETURNED = frozenset(
    {"connection", "content-length", "date", "server", "transfer-encoding", "x-request-id"}
)

#: Whom a Microsoft Entra token for scoring must be for.
_AUDIENCES = ("https://ml.azure.com",)

#: A private endpoint of the workspace leads to its endpoints, whether the workspace itself is public or not.
_CLOSED = {"publicNetworkAccess": "Disabled"}

_log = logging.getLogger(__name__)
_sessions: dict[int, ClientSession] = {}
#: Picks deployments by their traffic; with a seed the same requests go the same ways again.
_choice = random.Random(os.environ.get("MLOPS_LOCAL_TRAFFIC_SEED"))  # noqa: S311 # a traffic split, not a secret


def pick(traffic: Mapping[str, int], draw: float) -> str | None:
    """The deployment that a draw from [0, 1) falls on, by shares of traffic; None where nothing has traffic."""
    shares = [(name, share) for name, share in traffic.items() if share > 0]
    mark = draw * sum(share for _, share in shares)
    for name, share in shares:
        if mark < share:
            return name
        mark -= share
    return shares[-1][0] if shares else None


def _text(status: int, text: str, request: str) -> Answer:
    return Answer(
        status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", "x-request-id": request}
    )


def _endpoint(azure: Azure, name: str, location: str) -> Record | None:
    for record in azure.store.named(ENDPOINT, name):
        where = str(record.body.get("location", "")).replace(" ", "").lower()
        if where == location.lower():
            return record
    return None


async def _score(azure: Azure, call: Call) -> Answer:
    # Azure replaces this header, so that it is always a GUID.
    request = str(uuid.uuid4())
    endpoint = _endpoint(azure, call.captured["endpoint"], call.captured["location"])
    if endpoint is None:
        return _text(404, "Not found: there is no such endpoint.", request)
    properties: Mapping[str, Any] = endpoint.body.get("properties") or {}
    named = call.headers.get(_DEPLOYMENT_HEADER)
    name = named or pick(properties.get("traffic") or {}, _choice.random())
    deployment = azure.store.get(f"{endpoint.id}/deployments/{name}") if name is not None else None
    if _kept_out(azure, endpoint, call):
        return _text(403, "Public network access is disabled for this endpoint.", request)
    refusal = _refusal(azure, endpoint, call)
    if refusal is not None:
        answer = _text(401, refusal, request)
    elif name is None:
        answer = _text(404, "Not found: the endpoint has no deployment with traffic.", request)
    elif deployment is None:
        answer = _text(404, f"Not found: the endpoint has no deployment '{name}'.", request)
    else:
        if named is None:
            _mirror(azure, call, endpoint, properties.get("mirrorTraffic") or {})
        began = time.monotonic()
        answer = await _forward(azure, call, deployment, request)
        sink.request(azure, endpoint, call, answer, (time.monotonic() - began) * 1000)
        return answer
    sink.request(azure, endpoint, call, answer, 0.0)
    request_metric.of(azure).count(endpoint.id, azure.now(), 0.0, status=answer.status)
    return answer


def _mirror(azure: Azure, call: Call, endpoint: Record, shares: Mapping[str, int]) -> None:
    """Sends copies of a share of the requests to a deployment whose answers nobody gets."""
    for name, share in shares.items():
        deployment = azure.store.get(f"{endpoint.id}/deployments/{name}")
        if deployment is not None and _choice.random() * 100 < share:
            azure.spawn(f"mirror to {name}", _forward(azure, call, deployment, str(uuid.uuid4())))


def _refusal(azure: Azure, endpoint: Record, call: Call) -> str | None:
    """Why a caller may not score; None where it may. The texts are Azure's."""
    kind, _, value = call.headers.get("authorization", "").partition(" ")
    mode = str((endpoint.body.get("properties") or {}).get("authMode", "Key")).lower()
    prefix = "key" if mode == "key" else "token"
    if kind.lower() != "bearer" or not value:
        return f"{prefix}_auth_bad_header_forbidden"
    if mode == "key":
        keys = endpoint_key.keys(azure, endpoint)
        allowed = any(hmac.compare_digest(value.encode(), key.encode()) for key in keys)
    elif mode == "amltoken":
        allowed = endpoint_key.is_token(azure, endpoint, value)
    else:
        allowed = _may_score(azure, endpoint, call)
    return None if allowed else f"{prefix}_auth_access_denied"


def _kept_out(azure: Azure, endpoint: Record, call: Call) -> bool:
    """Whether the endpoint is private and the call comes from where the workspace has no private endpoint."""
    workspace = azure.store.get(azure.parse(endpoint.id).parent)
    if workspace is None or (endpoint.body.get("properties") or {}).get("publicNetworkAccess") != "Disabled":
        return False
    closed = replace(workspace, body={"properties": {**workspace.body["properties"], **_CLOSED}})
    return bool(vantage.refused(azure.store, call.vantage, closed))


def _may_score(azure: Azure, endpoint: Record, call: Call) -> bool:
    """Whether a Microsoft Entra token is valid and its principal's roles permit to score."""
    try:
        claims = azure.identity.check(call.headers.get("authorization"), _AUDIENCES)
    except ArmError:
        return False
    return azure.access.permits(claims["oid"], f"{ENDPOINT}/score/action", endpoint.id)


async def _forward(azure: Azure, call: Call, deployment: Record, request: str) -> Answer:
    """A deployment's answer, counted in the metrics of its endpoint."""
    came, began = azure.now(), time.monotonic()
    answer = await _answer(azure, call, deployment, request)
    if call.captured["path"].lower() == "score":
        own = str(answer.status) if _DEPLOYMENT_HEADER in answer.headers else ""
        request_metric.of(azure).count(
            azure.parse(deployment.id).parent,
            came,
            (time.monotonic() - began) * 1000,
            deployment=deployment.name,
            status=answer.status,
            model_status=answer.headers.get(_MODEL_STATUS_HEADER, own),
        )
    return answer


async def _answer(azure: Azure, call: Call, deployment: Record, request: str) -> Answer:
    running = serving.of(azure)
    async with running.lease(deployment.id) as address:
        if address is None:
            return _text(
                503, "Service unavailable: the deployment's server is not running; see its log.", request
            )
        running.record(deployment.id, "request", request, "text/plain", call.content)
        answer = await _ask(azure, call, deployment, address, request)
    if isinstance(answer.body, bytes):
        running.record(deployment.id, "response", request, "text/plain", answer.body)
    return answer


async def _ask(azure: Azure, call: Call, deployment: Record, address: str, request: str) -> Answer:
    settings: Mapping[str, Any] = (deployment.body.get("properties") or {}).get("requestSettings") or {}
    limit = seconds(settings.get("requestTimeout") or _DEFAULT_TIMEOUT)
    sent = {name: value for name, value in call.headers.items() if name.lower() in _PASSED_ON}
    sent["x-request-id"] = request
    try:
        async with _session(azure).request(
            call.method,
            f"{address}/{call.captured['path']}",
            params=dict(call.query),
            data=call.content or None,
            headers=sent,
            timeout=ClientTimeout(total=limit),
        ) as answer:
            content = await answer.read()
            returned = {
                name: value for name, value in answer.headers.items() if name.lower() not in _NOT_RETURNED
            }
            status, reason = answer.status, answer.reason or ""
    except TimeoutError:
        return _text(408, f"Request timeout: the model took longer than {limit:g} s.", request)
    except ClientError as error:
        _log.warning("%s did not answer: %s", deployment.id, error)
        return _text(
            503, "Service unavailable: the deployment's server ended; it is being started again.", request
        )
    returned |= {"x-request-id": request, _DEPLOYMENT_HEADER: deployment.name}
    if status >= 400:
        returned |= {
            _MODEL_STATUS_HEADER: str(status),
            "ms-azureml-model-error-reason": reason,
        }
        status = 424
    return Answer(status, content, returned)


def _session(azure: Azure) -> ClientSession:
    if id(azure) not in _sessions:
        _sessions[id(azure)] = ClientSession()
    return _sessions[id(azure)]


async def stop(azure: Azure) -> None:
    """Closes the connections to servers."""
    session = _sessions.pop(id(azure), None)
    if session is not None:
        await session.close()


ROUTES = (
    Route(
        re.compile(r"(?P<endpoint>[^.]+)\.(?P<location>[^.]+)\.inference\.ml\.azure\.com", re.IGNORECASE),
        re.compile(r"/(?P<path>score|swagger\.json)", re.IGNORECASE),
        _score,
        methods=("GET", "POST", "OPTIONS"),
        authenticated=False,
    ),
)
