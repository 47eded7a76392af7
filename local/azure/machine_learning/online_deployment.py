"""Online deployments: what is checked and filled in before ``serving.py`` brings one up.

One that can't come up shows Failed, with the reason in its operation and its log. One that has live or mirrored traffic
can't be deleted. PATCH changes tags and the number of instances, autoscale
settings (``autoscale``) the latter. Kubernetes deployments are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure import event_grid
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import asset_location, quota, resource_identity, vm_size
from local.azure.machine_learning.asset import workspace_of
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.online_endpoint import ENDPOINT, location_of
from local.azure.resource_type import Answer, ResourceType, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

DEPLOYMENT = f"{ENDPOINT}/deployments"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{1,30})[A-Za-z0-9]")
#: Azure docs, "Manage and increase quotas": deployments per endpoint.
_LIMIT = 20
#: Azure docs, examples of the REST API; the quota page says 180 s for what the portal lets one set.
_LONGEST_REQUEST = 300.0
_LOG_LINES = 500
_PROBE = {
    "failureThreshold": 30,
    "successThreshold": 1,
    "timeout": "PT2S",
    "period": "PT10S",
    "initialDelay": "PT10S",
}
_REQUESTS: Json = {"maxQueueWait": "PT0.5S", "requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1}


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a deployment: 3 to 32 letters, digits and hyphens, a letter first, no "
            "hyphen last.",
            code="BadArgument",
            target="name",
        )
    siblings = azure.store.below(resource_id.parent, DEPLOYMENT)
    if old is None and len(siblings) >= _LIMIT:
        raise bad_request(f"An endpoint has {_LIMIT} deployments at most.", code="BadArgument")
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    kind = str(given.get("endpointComputeType") or "Managed")
    if kind.lower() != "managed":
        raise unsupported(f"An online deployment of type '{kind}'")
    size = given.get("instanceType") or before.get("instanceType")
    if not size:
        raise bad_request("A managed deployment needs an instanceType.", target="properties.instanceType")
    vm_size.check(size, "properties.instanceType")
    properties: Json = {
        "description": None,
        "properties": {},
        "environmentVariables": {},
        "modelMountPath": None,
        "appInsightsEnabled": False,
        "privateNetworkConnection": False,
        "egressPublicNetworkAccess": "Enabled",
        **given,
        "endpointComputeType": "Managed",
        "instanceType": size,
        "dataCollector": _collector(given.get("dataCollector")),
        "scaleSettings": _scale(given.get("scaleSettings")),
        "requestSettings": _requests(given.get("requestSettings")),
        "livenessProbe": {**_PROBE, **_present(given.get("livenessProbe"))},
        "readinessProbe": {**_PROBE, **_present(given.get("readinessProbe"))},
    }
    check_assets(azure, resource_id, properties)
    location = location_of(azure, resource_id, body, old)
    sku = _sku(body.get("sku") or (old.body.get("sku") if old else None))
    quota.check_deployment(azure, location, size, sku["capacity"], of=resource_id.text)
    return {
        "location": location,
        "kind": body.get("kind") or "Managed",
        "tags": body.get("tags") or {},
        "identity": resource_identity.complete(azure, resource_id, body.get("identity"), old),
        "sku": sku,
        "properties": properties,
    }


def check_assets(azure: Azure, resource_id: ResourceId, properties: Json) -> None:
    """Writes the ARM ids of model, environment and code into a deployment's properties.

    Raises:
        ArmError: 400, one of them doesn't exist.
    """
    workspace = workspace_of(resource_id.text)
    if properties.get("environmentId"):
        properties["environmentId"] = existing(azure, workspace, properties["environmentId"], "environments")
    model = properties.get("model")
    if isinstance(model, dict):
        # A batch deployment's reference to its model.
        if model.get("assetId"):
            properties["model"] = {**model, "assetId": existing(azure, workspace, model["assetId"], "models")}
    elif model:
        properties["model"] = existing(azure, workspace, model, "models")
    code = properties.get("codeConfiguration")
    if code and code.get("codeId"):
        properties["codeConfiguration"] = {
            **code,
            "codeId": existing(azure, workspace, code["codeId"], "codes"),
        }


def existing(azure: Azure, workspace: str, reference: str, kind: str) -> str:
    """The ARM id of an asset that exists; 400 if it doesn't."""
    found = azure.store.get(asset_location.asset_id(azure, workspace, reference, kind))
    if found is None:
        raise bad_request(f"The asset '{reference}' does not exist.", code="BadArgument")
    return found.id


def _present(given: Mapping[str, Any] | None) -> Json:
    return {key: value for key, value in (given or {}).items() if value is not None}


def _scale(given: Mapping[str, Any] | None) -> Json:
    kind = str((given or {}).get("scaleType") or "Default")
    if kind.lower() != "default":
        raise bad_request(
            f"scaleType is '{kind}'; a managed deployment's is Default (Azure Monitor scales it).",
            code="BadArgument",
            target="properties.scaleSettings",
        )
    return {"scaleType": "Default"}


def _collector(given: Mapping[str, Any] | None) -> Json | None:
    """The collector with its modes as Azure writes them; clients write them in lower case."""
    if given is None:
        return None
    collections: Json = {}
    for name, one in (given.get("collections") or {}).items():
        mode = str(one.get("dataCollectionMode") or "Disabled").capitalize()
        rate = one.get("samplingRate")
        if mode not in ("Enabled", "Disabled") or (rate is not None and not 0 < rate <= 1):
            raise bad_request(
                f"The collection '{name}' has mode '{mode}' and sampling rate {rate}: the mode must be Enabled or "
                "Disabled, the rate more than 0 and at most 1.",
                code="BadArgument",
                target="properties.dataCollector.collections",
            )
        collections[name] = {"samplingRate": 1.0, **_present(one), "dataCollectionMode": mode}
    return {"rollingRate": "Hour", **_present(given), "collections": collections}


def _requests(given: Mapping[str, Any] | None) -> Json:
    settings: Json = {**_REQUESTS, **_present(given)}
    if seconds(settings["requestTimeout"]) > _LONGEST_REQUEST:
        raise bad_request(
            f"requestTimeout is {settings['requestTimeout']}; a managed endpoint's requests take "
            f"{_LONGEST_REQUEST:g} s at most.",
            code="BadArgument",
            target="properties.requestSettings.requestTimeout",
        )
    return settings


def _sku(given: Mapping[str, Any] | None) -> Json:
    sku = {"name": "Default", "tier": "Standard", "capacity": 1, **_present(given)}
    if not isinstance(sku["capacity"], int) or sku["capacity"] < 1:
        raise bad_request(f"A deployment can't have {sku['capacity']} instances.", target="sku.capacity")
    return sku


def merge(stored: Json, patch: Json) -> Json:
    """PATCH: tags, and the sku's capacity."""
    tags = {"tags": patch["tags"]} if patch.get("tags") is not None else {}
    sku = {**(stored.get("sku") or {}), **_present(patch.get("sku"))}
    return {**stored, **tags, "sku": sku}


async def _settle(azure: Azure, record: Record) -> None:
    from local.azure.machine_learning import serving  # noqa: PLC0415 (it imports what runs servers)

    await serving.deploy(azure, record)
    _, endpoint, _ = azure.parse(record.id).names
    model = str(record.body["properties"].get("model") or "").split("/")
    # A failed deployment publishes nothing (Azure docs, "Azure Machine Learning as an Event Grid source").
    event_grid.publish(
        azure,
        workspace_of(record.id),
        "Microsoft.MachineLearningServices.ModelDeployed",
        f"endpoints/{endpoint}",
        {
            "ServiceName": endpoint,
            "ServiceComputeType": "Managed",
            "ModelIds": f"{model[-3]}:{model[-1]}" if len(model) > 2 else "",
            "ServiceTags": record.body.get("tags") or {},
            "ServiceProperties": {"deployment": record.name},
        },
    )


async def _vanish(azure: Azure, record: Record) -> None:
    from local.azure.machine_learning import serving  # noqa: PLC0415 (it imports what runs servers)

    await serving.remove(azure, record)
    endpoint = azure.store.get(azure.parse(record.id).parent)
    if endpoint is None:
        return
    # A deployment goes from traffic and mirror with its share of 0.
    properties: Mapping[str, Any] = endpoint.body["properties"]
    shares = {
        what: {name: share for name, share in properties[what].items() if name != record.name}
        for what in ("traffic", "mirrorTraffic")
    }
    if any(shares[what] != properties[what] for what in shares):
        azure.store.put(endpoint.id, {**endpoint.body, "properties": {**properties, **shares}})


def _guard_delete(azure: Azure, record: Record) -> None:
    endpoint = azure.store.get(azure.parse(record.id).parent)
    properties: Mapping[str, Any] = endpoint.body["properties"] if endpoint else {}
    for what, said in (("traffic", "live"), ("mirrorTraffic", "mirrored")):
        share = (properties.get(what) or {}).get(record.name, 0)
        if share > 0:
            raise bad_request(
                f"The deployment '{record.name}' gets {share} % of the endpoint's {said} traffic. Set its traffic to 0 "
                "before deleting it.",
                code="BadArgument",
                target="properties.traffic",
            )


async def _get_logs(azure: Azure, call: Call, record: Record) -> Answer:
    from local.azure.machine_learning import serving  # noqa: PLC0415 (it imports what runs servers)

    given: Json = call.body or {}
    tail = given.get("tail")
    lines = int(tail) if isinstance(tail, int) else _LOG_LINES
    if str(given.get("containerType") or "InferenceServer").lower() == "storageinitializer":
        raise unsupported("The storage initializer's log")
    endpoint = azure.parse(record.id).names[1]
    return Answer(200, {"content": serving.logs(azure, endpoint, record.name, lines)})


async def _list_skus(azure: Azure, call: Call) -> Answer:
    record = azure.store.get(call.captured["deployment"])
    if record is None:
        raise ArmError(
            404, "ResourceNotFound", f"The resource '{call.captured['deployment']}' was not found."
        )
    capacity = {"default": 1, "minimum": 1, "maximum": 20, "scaleType": "Manual"}
    sku = {"resourceType": DEPLOYMENT, "sku": {"name": "Default", "tier": "Standard"}, "capacity": capacity}
    return Answer(200, {"value": [sku]})


TYPES = (
    ResourceType(
        DEPLOYMENT,
        prepare=_prepare,
        settle=_settle,
        guard_delete=_guard_delete,
        vanish=_vanish,
        merge=merge,
        operation=("mfeOperationsStatus", "od"),
        actions={"getLogs": _get_logs},
    ),
)
ROUTES = (
    Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"(?P<deployment>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
            r"/workspaces/[^/]+/onlineEndpoints/[^/]+/deployments/[^/]+)/skus",
            re.IGNORECASE,
        ),
        _list_skus,
        methods=("GET",),
    ),
)
