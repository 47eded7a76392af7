"""Quotas of cores by family of sizes and region, and what of them is in use.

A subscription has 100 cores of each family in a region; of families with GPUs 24 in local Azure's own region and none
elsewhere, as a new subscription on Azure has none. ``updateQuotas`` changes a subscription's limit (on Azure a request to
support does) and shares it out among workspaces. Clusters count with the nodes they always keep, running instances with
one; what makes a workspace exceed its limit is refused. An online deployment must fit the limit by itself. Families that ``vm_size`` doesn't know are without limit.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.machine_learning import vm_size
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.resource_type import Answer, Route
from local.settings import LOCATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json

_COMPUTE = f"{WORKSPACE}/computes"
#: Where limits that differ from the default are kept, below the subscription.
_LIMIT = "Microsoft.MachineLearningServices/quotaLimits"
_CORES, _GPU_CORES, _TOTAL = 100, 24, 350
_UNALLOCATED = -1
#: Azure docs, "Manage and increase quotas": what online deployments reserve for upgrades.
_RESERVE = 0.2


def _families() -> dict[str, bool]:
    """The families, and whether their sizes have GPUs."""
    return {size.family: size.gpus > 0 for size in vm_size.SIZES}


def _title(family: str) -> str:
    """``standardDSv2Family`` as Azure writes it in lists of quotas."""
    plain = family if " " in family else re.sub(r"^standard(.*)Family$", r"Standard \1 Family", family)
    return f"{plain} Cluster Dedicated vCPUs"


def _key(subscription: str, location: str, scope: str, title: str) -> str:
    name = "~".join(one.strip("/").replace("/", "~") for one in (location, scope, title.replace(" ", "_")))
    return f"/subscriptions/{subscription}/providers/{_LIMIT}/{name}"


def _limit(azure: Azure, location: str, scope: str, family: str, gpu: bool) -> int:
    subscription = scope.split("/")[2]
    record = azure.store.get(_key(subscription, location, scope, _title(family)))
    if record is not None:
        return int(record.body["limit"])
    if scope.count("/") > 2:
        return _UNALLOCATED
    if not gpu:
        return _CORES
    return _GPU_CORES if location == LOCATION else 0


def _used(azure: Azure, location: str, family: str, workspace: str = "", but: str = "") -> int:
    """Cores of a family that compute of a region, or of one workspace, keeps busy."""
    total = 0
    for record in azure.store.of_type(_COMPUTE):
        if record.body["location"] != location or record.id.lower() == but.lower():
            continue
        if workspace and not record.id.lower().startswith(f"{workspace.lower()}/"):
            continue
        inner: Json = record.body["properties"].get("properties") or {}
        size = vm_size.find(str(inner.get("vmSize") or ""))
        if size is None or size.family != family:
            continue
        total += size.cores * _nodes(inner)
    return total


def _nodes(inner: Json) -> int:
    if "scaleSettings" in inner:
        return int(inner["scaleSettings"].get("minNodeCount") or 0)
    return 0 if inner.get("state") == "Stopped" else 1


def check_deployment(azure: Azure, location: str, size: str, instances: int, *, of: str) -> None:
    """Refuses an online deployment that no quota would ever do for: Azure reserves a fifth more than is asked for.

    Raises:
        ArmError: 400, the subscription's limit is too low.
    """
    found = vm_size.find(size)
    if found is None:
        return
    reserved = math.ceil(instances * (1 + _RESERVE)) * found.cores
    scope = f"/subscriptions/{azure.parse(of).subscription_id}"
    limit = _limit(azure, location, scope, found.family, found.gpus > 0)
    if reserved > limit:
        raise ArmError(
            400,
            "OutOfQuota",
            f"{instances} instances of {found.name} need {reserved} cores, a fifth in reserve; the subscription has a "
            f"quota of {limit} cores of {found.family} in {location}. Ask for more (updateQuotas) or take another size.",
        )


def check(azure: Azure, location: str, size: str, nodes: int, *, but: str) -> None:
    """Refuses compute that the quota has no cores for; ``but`` is the compute itself, and its workspace's.

    Raises:
        ArmError: 400, the subscription's or the workspace's limit is too low.
    """
    found = vm_size.find(size)
    if found is None:
        return
    parsed = azure.parse(but)
    for scope, name in (
        (f"/subscriptions/{parsed.subscription_id}", "subscription"),
        (parsed.parent, "workspace"),
    ):
        limit = _limit(azure, location, scope, found.family, found.gpus > 0)
        used = _used(azure, location, found.family, parsed.parent if name == "workspace" else "", but)
        wanted = found.cores * nodes
        if limit != _UNALLOCATED and used + wanted > limit:
            raise ArmError(
                400,
                "ClusterMinNodesExceedCoreQuota",
                f"The {name} has a quota of {limit} cores of {found.family} in {location}, {used} of them in use; "
                f"{nodes} of {found.name} need {wanted}. Ask for more (updateQuotas) or take another size.",
            )


def _scopes(azure: Azure, subscription: str, location: str) -> Iterator[tuple[str, str]]:
    """The subscription, and the workspaces of a region: id and the provider's path of its quotas."""
    yield f"/subscriptions/{subscription}", "vmFamily"
    for record in azure.store.of_type(WORKSPACE):
        if record.body.get("location") == location:
            yield record.id, "workspaces"


def _named(title: str) -> Json:
    return {"value": title, "localizedValue": title}


async def _quotas(azure: Azure, call: Call) -> Answer:
    subscription, location = call.captured["subscription"], call.captured["location"].lower()
    value: list[Json] = []
    for family, gpu in _families().items():
        title = _title(family)
        for scope, kind in _scopes(azure, subscription, location):
            quota: Json = {
                "id": f"{scope}/quotas/{title.replace(' ', '_')}",
                "type": f"Microsoft.MachineLearningServices/{kind}/quotas",
                "limit": _limit(azure, location, scope, family, gpu),
                "unit": "Count",
                "name": _named(title),
            }
            value.append({**quota, "amlWorkspaceLocation": location} if kind == "workspaces" else quota)
    return Answer(200, {"value": value})


async def _usages(azure: Azure, call: Call) -> Answer:
    subscription, location = call.captured["subscription"], call.captured["location"].lower()
    scope = f"/subscriptions/{subscription}"
    value: list[Json] = []
    total = 0
    for family, gpu in _families().items():
        title, used = _title(family), _used(azure, location, family)
        total += used
        value.append(_usage(scope, title, "vmFamily", used, _limit(azure, location, scope, family, gpu)))
        for workspace, kind in _scopes(azure, subscription, location):
            if kind == "workspaces":
                own = _used(azure, location, family, workspace)
                limit = _limit(azure, location, workspace, family, gpu)
                value.append({**_usage(workspace, title, kind, own, limit), "amlWorkspaceLocation": location})
    everything = "Total Cluster Dedicated Regional vCPUs"
    return Answer(200, {"value": [_usage(scope, everything, "totalCores", total, _TOTAL), *value]})


def _usage(scope: str, title: str, kind: str, used: int, limit: int) -> Json:
    return {
        "id": f"{scope}/usages/{title.replace(' ', '_')}",
        "type": f"Microsoft.MachineLearningServices/{kind}/usages",
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": _named(title),
    }


async def _update(azure: Azure, call: Call) -> Answer:
    """Sets limits; each is answered with how that went."""
    subscription, location = call.captured["subscription"], call.captured["location"].lower()
    titles = {_title(family).replace(" ", "_").lower(): (family, gpu) for family, gpu in _families().items()}
    value: list[Json] = []
    for wanted in (call.body or {}).get("value") or []:
        scope, _, name = str(wanted.get("id") or "").rpartition("/quotas/")
        status = "Success"
        family = titles.get(name.lower())
        limit: Any = wanted.get("limit")
        if family is None:
            status = "InvalidVMFamilyName"
        elif not isinstance(limit, int) or limit < _UNALLOCATED:
            status = "Failure"
        else:
            subscribed = _limit(azure, location, f"/subscriptions/{subscription}", *family)
            if scope.count("/") > 2 and limit > subscribed:
                status = "InvalidQuotaExceedsSubscriptionLimit"
            elif limit != _UNALLOCATED and limit < _used(
                azure, location, family[0], scope if scope.count("/") > 2 else ""
            ):
                status = "InvalidQuotaBelowClusterMinimum"
            else:
                key = _key(subscription, location, scope, _title(family[0]))
                azure.store.put(key, {"limit": limit}, by=call.principal_id or "")
        value.append({**{key: wanted.get(key) for key in ("id", "type", "limit", "unit")}, "status": status})
    return Answer(200, {"value": value})


def _route(path: str, handle: Any, method: str) -> Route:
    return Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"/subscriptions/(?P<subscription>[^/]+)/providers/Microsoft\.MachineLearningServices"
            r"/locations/(?P<location>[^/]+)/" + path,
            re.IGNORECASE,
        ),
        handle,
        methods=(method,),
    )


ROUTES = (
    _route("quotas", _quotas, "GET"),
    _route("usages", _usages, "GET"),
    _route("updateQuotas", _update, "POST"),
)
