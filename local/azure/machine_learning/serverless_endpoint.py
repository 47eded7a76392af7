"""Serverless endpoints of models as a service, and the marketplace subscriptions that some of those models need.

Both are records: names, keys, states and defaults as Azure has them. No model answers behind an endpoint: its address is
refused with 501. A subscription's plan is named after the model; nothing is bought.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import endpoint_key, resource_identity
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.online_endpoint import location_of
from local.azure.machine_learning.record_type import given, merge_top, nothing
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

ENDPOINT = f"{WORKSPACE}/serverlessEndpoints"
SUBSCRIPTION = f"{WORKSPACE}/marketplaceSubscriptions"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,51}")
_AUTH_MODES = ("Key", "AAD", "KeyAndAAD")
_MODEL = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/models/(?P<model>[^/]+)(?:/.*)?", re.IGNORECASE
)


def _check_name(resource_id: ResourceId, what: str) -> None:
    if _NAME.fullmatch(resource_id.name) is None:
        raise bad_request(
            f"'{resource_id.name}' is no name of a {what}: 1 to 52 letters, digits and hyphens, no hyphen first.",
            code="BadArgument",
            target="name",
        )


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_name(resource_id, "serverless endpoint")
    properties = given(body)
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    location = location_of(azure, resource_id, body, old)
    mode = str(properties.get("authMode") or before.get("authMode") or "Key")
    known = {one.lower(): one for one in _AUTH_MODES}
    if mode.lower() not in known:
        raise bad_request(
            f"authMode is '{mode}'; it must be one of {', '.join(_AUTH_MODES)}.", target="properties.authMode"
        )
    model = (properties.get("modelSettings") or before.get("modelSettings") or {}).get("modelId")
    if not model:
        raise bad_request(
            "A serverless endpoint needs modelSettings.modelId.", target="properties.modelSettings.modelId"
        )
    if before and before["modelSettings"]["modelId"] != model:
        raise bad_request(
            "The model of a serverless endpoint can't be changed; make another endpoint.",
            target="properties.modelSettings.modelId",
        )
    return {
        "location": location,
        "kind": body.get("kind"),
        "tags": body.get("tags") or {},
        "sku": body.get("sku") or {"name": "Consumption", "tier": "Free"},
        "identity": resource_identity.complete(azure, resource_id, body.get("identity"), old),
        "properties": {
            "contentSafety": {"contentSafetyStatus": "Enabled"},
            **properties,
            "authMode": known[mode.lower()],
            "modelSettings": {"modelId": model},
            "endpointState": "Online",
            "inferenceEndpoint": {
                "uri": f"https://{resource_id.name.lower()}.{location}.models.ai.azure.com",
                "headers": {},
            },
            "marketplaceSubscriptionId": _subscription(azure, resource_id.parent, model),
        },
    }


def _subscription(azure: Azure, workspace: str, model: str) -> str | None:
    """The workspace's subscription to a model, if it has one."""
    for record in azure.store.below(workspace, SUBSCRIPTION):
        if str(record.body["properties"]["modelId"]).lower() == model.lower():
            return record.id
    return None


async def _vanish(azure: Azure, record: Record) -> None:
    endpoint_key.forget(azure, record)


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    primary, secondary = endpoint_key.keys(azure, record)
    return Answer(200, {"primaryKey": primary, "secondaryKey": secondary})


async def _regenerate_keys(azure: Azure, call: Call, record: Record) -> Answer:
    wanted: Json = call.body or {}
    which = {"primary": endpoint_key.PRIMARY, "secondary": endpoint_key.SECONDARY}.get(
        str(wanted.get("keyType", "")).lower()
    )
    if which is None:
        raise bad_request("keyType must be Primary or Secondary.", code="BadArgument", target="keyType")
    endpoint_key.regenerate(azure, record, which, wanted.get("keyValue"))
    return await _list_keys(azure, call, record)


def _prepare_subscription(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    _check_name(resource_id, "marketplace subscription")
    model = str(given(body).get("modelId") or "")
    if not model:
        raise bad_request("A marketplace subscription needs a modelId.", target="properties.modelId")
    if old is not None and old.body["properties"]["modelId"] != model:
        raise bad_request(
            "The model of a marketplace subscription can't be changed.", target="properties.modelId"
        )
    named = _MODEL.fullmatch(model)
    plan = named["model"] if named else model
    return {
        "properties": {
            "modelId": model,
            "marketplacePlan": {
                "publisherId": named["registry"] if named else model,
                "offerId": plan,
                "planId": plan,
            },
            "marketplaceSubscriptionStatus": "Subscribed",
        }
    }


TYPES = (
    ResourceType(
        ENDPOINT,
        prepare=_prepare,
        settle=nothing,
        vanish=_vanish,
        merge=merge_top("tags", "identity", "sku"),
        operation=("mfeOperationsStatus", "se"),
        actions={"listKeys": _list_keys, "regenerateKeys": _regenerate_keys},
    ),
    ResourceType(
        SUBSCRIPTION,
        prepare=_prepare_subscription,
        settle=nothing,
        vanish=nothing,
        patch=False,
        operation=("mfeOperationsStatus", "ms"),
    ),
)
