"""Online endpoints: traffic, mirror, keys and tokens. ``inference.py`` answers at their scoring URIs.

Traffic sums to 0 or 100 and goes to deployments that exist; a PUT that leaves it out resets it. A mirror goes to one
deployment without live traffic, at most 50 %. PATCH changes tags and identity. Kubernetes endpoints are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.machine_learning import endpoint_key, resource_identity
from local.azure.machine_learning.asset import WORKSPACE, has
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

ENDPOINT = f"{WORKSPACE}/onlineEndpoints"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{1,30})[A-Za-z0-9]")
AUTH_MODES = ("Key", "AMLToken", "AADToken")
_MIRROR_LIMIT = 50
_GIVEN_KEYS = "keys"


def check_name(resource_id: ResourceId, azure: Azure, location: str, resource_type: str) -> None:
    """400 for what is no name of an endpoint, or is taken by another one of the region."""
    name = resource_id.name
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"'{name}' is no name of an endpoint: 3 to 32 letters, digits and hyphens, a letter first, no hyphen last.",
            code="BadArgument",
            target="name",
        )
    for other in azure.store.named(resource_type, name):
        if other.id.lower() != resource_id.key and other.body.get("location") == location:
            raise bad_request(
                f"There is already an endpoint with the name '{name}' in {location}; names are unique in a region.",
                code="BadArgument",
                target="name",
            )


def merge_tags(stored: Json, patch: Json) -> Json:
    """PATCH of an endpoint: tags and identity, nothing else."""
    return {**stored, **{key: patch[key] for key in ("tags", "identity") if patch.get(key) is not None}}


def location_of(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> str:
    """The request's location, which Azure wants; that of what exists or is above stands in for it."""
    if body.get("location"):
        return str(body["location"])
    if old is not None:
        return str(old.body["location"])
    parent = azure.store.get(resource_id.parent)
    return str(parent.body["location"]) if parent else ""


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    location = location_of(azure, resource_id, body, old)
    check_name(resource_id, azure, location, ENDPOINT)
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    if given.get("compute"):
        raise unsupported("A Kubernetes online endpoint")
    mode = str(given.get("authMode") or before.get("authMode") or "")
    known = {one.lower(): one for one in AUTH_MODES}
    if mode.lower() not in known:
        raise bad_request(
            f"authMode is '{mode}'; it must be one of {', '.join(AUTH_MODES)}.", target="properties.authMode"
        )
    deployments = {one.name: one for one in azure.store.below(resource_id.text, f"{ENDPOINT}/deployments")}
    traffic = check_traffic(given.get("traffic") or {}, list(deployments))
    mirror = check_mirror(given.get("mirrorTraffic") or {}, traffic, list(deployments))
    keys = given.get("keys") or {}
    prepared: Json = {
        "location": location,
        "kind": body.get("kind") or (old.body["kind"] if old else "Managed"),
        "tags": body.get("tags") or {},
        **({"sku": body["sku"]} if body.get("sku") else {}),
        "identity": resource_identity.complete(
            azure,
            resource_id,
            body.get("identity") or (old.body["identity"] if old else {"type": "SystemAssigned"}),
            old,
        ),
        "properties": {
            "description": given.get("description"),
            # Properties can be added, not removed.
            "properties": {
                **(before.get("properties") or {}),
                **(given.get("properties") or {}),
                "azureml.onlineendpointid": resource_id.key,
            },
            "authMode": known[mode.lower()],
            "compute": None,
            "keys": None,
            "traffic": traffic,
            "mirrorTraffic": mirror,
            "publicNetworkAccess": given.get("publicNetworkAccess") or "Enabled",
            "scoringUri": before.get("scoringUri"),
            "swaggerUri": before.get("swaggerUri"),
        },
    }
    if keys and old is None:
        prepared[_GIVEN_KEYS] = {key: value for key, value in keys.items() if value}
    return prepared


def check_traffic(traffic: Mapping[str, Any], deployments: list[str]) -> dict[str, int]:
    """The shares by deployment, in percent.

    Raises:
        ArmError: 400, they aren't whole numbers that sum to 0 or 100, or name a deployment that doesn't exist.
    """
    shares = _shares(traffic, deployments, "traffic")
    total = sum(shares.values())
    if total not in (0, 100):
        raise bad_request(
            f"The traffic sums to {total}; it must sum to 0 or 100.",
            code="BadArgument",
            target="properties.traffic",
        )
    return shares


def check_mirror(
    mirror: Mapping[str, Any], traffic: Mapping[str, int], deployments: list[str]
) -> dict[str, int]:
    """The mirrored share by deployment, in percent.

    Raises:
        ArmError: 400, it is more than one deployment or 50 %, or one that has live traffic.
    """
    shares = _shares(mirror, deployments, "mirrorTraffic")
    live = [name for name, share in shares.items() if share > 0]
    problem = None
    if len(live) > 1:
        problem = "Traffic can be mirrored to one deployment only."
    elif any(shares[name] > _MIRROR_LIMIT for name in live):
        problem = f"At most {_MIRROR_LIMIT} % of the traffic can be mirrored."
    elif any(traffic.get(name, 0) > 0 for name in live):
        problem = f"Traffic can't be mirrored to '{live[0]}', which has live traffic."
    if problem:
        raise bad_request(problem, code="BadArgument", target="properties.mirrorTraffic")
    return shares


def _shares(given: Mapping[str, Any], deployments: list[str], what: str) -> dict[str, int]:
    known = {name.lower(): name for name in deployments}
    shares: dict[str, int] = {}
    for name, share in given.items():
        if (
            isinstance(share, bool)
            or not isinstance(share, (int, float))
            or share % 1
            or not 0 <= share <= 100
        ):
            raise bad_request(
                f"The share of '{name}' is {share}; it must be a whole number from 0 to 100.",
                code="BadArgument",
                target=f"properties.{what}",
            )
        if name.lower() not in known:
            raise bad_request(
                f"There is no deployment '{name}' in this endpoint: {what} can name existing deployments only.",
                code="BadArgument",
                target=f"properties.{what}",
            )
        shares[known[name.lower()]] = int(share)
    return shares


async def _settle(azure: Azure, record: Record) -> Json:
    given = record.body.get(_GIVEN_KEYS) or {}
    for field, which in (("primaryKey", endpoint_key.PRIMARY), ("secondaryKey", endpoint_key.SECONDARY)):
        if given.get(field):
            endpoint_key.regenerate(azure, record, which, given[field])
    host = f"https://{record.name.lower()}.{record.body['location']}.inference.ml.azure.com"
    current = azure.store.get(record.id) or record
    properties = {
        **current.body["properties"],
        "scoringUri": f"{host}/score",
        "swaggerUri": f"{host}/swagger.json",
    }
    body = {key: value for key, value in current.body.items() if key != _GIVEN_KEYS}
    return {**body, "properties": properties}


async def _vanish(azure: Azure, record: Record) -> None:
    endpoint_key.forget(azure, record)


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {key: value for key, value in body.items() if key != _GIVEN_KEYS}


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    if record.body["properties"]["authMode"] == "AADToken":
        raise ArmError(
            400, "BadArgument", f"The endpoint '{record.name}' has no keys: its authMode is AADToken."
        )
    primary, secondary = endpoint_key.keys(azure, record)
    return Answer(200, {"primaryKey": primary, "secondaryKey": secondary})


async def _regenerate_keys(azure: Azure, call: Call, record: Record) -> Answer:
    given: Json = call.body or {}
    which = {"primary": endpoint_key.PRIMARY, "secondary": endpoint_key.SECONDARY}.get(
        str(given.get("keyType", "")).lower()
    )
    if which is None:
        raise bad_request("keyType must be Primary or Secondary.", code="BadArgument", target="keyType")
    endpoint_key.regenerate(azure, record, which, given.get("keyValue"))
    return Answer(200)


async def _token(azure: Azure, call: Call, record: Record) -> Answer:
    if record.body["properties"]["authMode"] != "AMLToken":
        raise ArmError(
            400, "BadArgument", f"The endpoint '{record.name}' gives no tokens: its authMode isn't AMLToken."
        )
    return Answer(200, endpoint_key.token(azure, record, call.principal_id))


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    query = {name.lower(): value for name, value in call.query.items()}
    name, kind = query.get("name"), query.get("computetype")
    found = [
        record
        for record in records
        if name in (None, record.name)
        and (kind is None or kind.lower() == "managed")
        and has(record.body.get("tags"), query.get("tags"))
        and has(record.body["properties"].get("properties"), query.get("properties"))
    ]
    order = query.get("orderby", "").lower()
    if order:
        field = "modified_at" if order.startswith("updatedat") else "created_at"
        found.sort(key=lambda record: str(getattr(record, field)), reverse=order.endswith("desc"))
    return found


TYPES = (
    ResourceType(
        ENDPOINT,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        view=_view,
        merge=merge_tags,
        operation=("mfeOperationsStatus", "oe"),
        listing=_listing,
        actions={"listKeys": _list_keys, "regenerateKeys": _regenerate_keys, "token": _token},
    ),
)
