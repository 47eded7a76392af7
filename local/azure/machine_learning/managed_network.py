"""The managed network of a workspace: its isolation, its outbound rules, its provisioning.

A workspace gets one while it has no computes. Isolation is raised, never lowered: Disabled → AllowInternetOutbound →
AllowOnlyApprovedOutbound. Rules are resources of their own, and the workspace shows them; FQDN and service tag rules need
AllowOnlyApprovedOutbound. The network is provisioned on request or by the first compute, at once. What its rules for
private endpoints lead to is reached from it (``access.vantage``). Omitted: filtering of everything else, the rules that
Azure adds by itself, and the private endpoints it makes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.record_type import given, nothing
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

RULE = f"{WORKSPACE}/outboundRules"
_COMPUTE = f"{WORKSPACE}/computes"
_ENDPOINT = f"{WORKSPACE}/onlineEndpoints"
#: Computes whose machines are Azure ML's own.
_OWN_COMPUTES = ("AmlCompute", "ComputeInstance")
DISABLED = "Disabled"
_ONLY_APPROVED = "AllowOnlyApprovedOutbound"
#: From the least isolation to the most.
_MODES = (DISABLED, "AllowInternetOutbound", _ONLY_APPROVED)
_FIREWALLS = ("Standard", "Basic")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_DOMAIN = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.IGNORECASE)
_PROTOCOLS = ("TCP", "UDP", "ICMP", "*")
_PORT = re.compile(r"\*|\d{1,5}(?:-\d{1,5})?")
_INACTIVE: Json = {"status": "Inactive", "sparkReady": False}
#: Where the rules of a workspace's body wait until they are resources.
GIVEN = "outboundRules"


def complete(wanted: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> Json:
    """The ``managedNetwork`` that is stored of a workspace, with the rules of the request.

    Raises:
        ArmError: 400, the mode is none, or less isolated than before.
    """
    asked = {key: value for key, value in (wanted or {}).items() if value is not None}
    old: Mapping[str, Any] = before or {}
    now = str(old.get("isolationMode") or DISABLED)
    mode = str(asked.get("isolationMode") or now)
    known = {one.lower(): one for one in _MODES}
    if mode.lower() not in known:
        raise bad_request(
            f"isolationMode is '{mode}'; it must be one of {', '.join(_MODES)}.",
            code="ValidationError",
            target="properties.managedNetwork.isolationMode",
        )
    mode = known[mode.lower()]
    if _MODES.index(mode) < _MODES.index(now):
        raise bad_request(
            f"The isolation of a managed network can be raised only: '{now}' can't become '{mode}'.",
            code="ValidationError",
            target="properties.managedNetwork.isolationMode",
        )
    network: Json = {**old, **asked, "isolationMode": mode}
    if mode == DISABLED:
        if asked.get(GIVEN):
            raise bad_request(
                "A workspace without a managed network has no outbound rules; set its isolationMode.",
                code="ValidationError",
                target="properties.managedNetwork.outboundRules",
            )
        return {"isolationMode": DISABLED}
    for name, rule in (asked.get(GIVEN) or {}).items():
        check_rule(name, rule, mode)
    network["status"] = old.get("status") or _INACTIVE
    sku = str(network.get("firewallSku") or "Standard")
    if sku not in _FIREWALLS:
        raise bad_request(
            f"firewallSku is '{sku}'; it must be one of {', '.join(_FIREWALLS)}.", code="ValidationError"
        )
    network["firewallSku"] = sku
    network["changeableIsolationModes"] = [
        one for one in _MODES[1:] if _MODES.index(one) >= _MODES.index(mode)
    ]
    return network


def check_empty(azure: Azure, workspace_id: str, wanted: Json, before: Mapping[str, Any] | None) -> None:
    """Refuses a managed network for a workspace that has computes outside of it.

    Source: learn.microsoft.com, "Workspace managed virtual network isolation": delete all computing resources first.

    Raises:
        ArmError: 400, naming them.
    """
    if (
        wanted["isolationMode"] == DISABLED
        or str((before or {}).get("isolationMode") or DISABLED) != DISABLED
    ):
        return
    found = [
        record.name
        for kind in (_COMPUTE, _ENDPOINT)
        for record in azure.store.below(workspace_id, kind)
        if record.type == _ENDPOINT or record.body["properties"].get("computeType") in _OWN_COMPUTES
    ]
    if found:
        raise bad_request(
            "A managed network can't be enabled while the workspace has computes or online endpoints, which would be outside of "
            f"it; delete these first: {', '.join(sorted(found))}.",
            code="ValidationError",
            target="properties.managedNetwork.isolationMode",
        )


def _host_name(destination: Any) -> str | None:
    if isinstance(destination, str) and _DOMAIN.fullmatch(destination):
        return None
    return f"its destination is '{destination}', and must be a host name such as *.contoso.com"


def _service_tag(destination: Any) -> str | None:
    tag: Mapping[str, Any] = destination if isinstance(destination, dict) else {}
    ports = [one.strip() for one in str(tag.get("portRanges") or "*").split(",")]
    if not tag.get("serviceTag") and not tag.get("addressPrefixes"):
        return "its destination needs a serviceTag"
    if str(tag.get("protocol") or "*").upper() not in _PROTOCOLS:
        return f"its protocol is '{tag.get('protocol')}', and must be one of {', '.join(_PROTOCOLS)}"
    if not all(_PORT.fullmatch(port) for port in ports):
        return f"its portRanges are '{tag.get('portRanges')}', and must be ports such as 80, 8080-8089"
    return None


def _endpoint(destination: Any) -> str | None:
    target: Mapping[str, Any] = destination if isinstance(destination, dict) else {}
    if target.get("serviceResourceId") and target.get("subresourceTarget"):
        return None
    return "its destination needs a serviceResourceId and a subresourceTarget"


#: What is wrong with a destination, by the rule's type; None: nothing.
_DESTINATIONS: dict[str, Callable[[Any], str | None]] = {
    "FQDN": _host_name,
    "ServiceTag": _service_tag,
    "PrivateEndpoint": _endpoint,
}


def check_rule(name: str, rule: Mapping[str, Any], mode: str) -> Json:
    """A rule as it is stored.

    Raises:
        ArmError: 400, its name, type or destination is none, or the network's mode has no such rules.
    """
    where = f"The outbound rule '{name}'"
    if _NAME.fullmatch(name) is None:
        raise bad_request(f"{where} has a name that isn't one.", code="ValidationError")
    kind = str(rule.get("type") or "")
    destination: Any = rule.get("destination")
    check = _DESTINATIONS.get(kind)
    problem = (
        check(destination)
        if check is not None
        else f"its type is '{kind}', and must be one of {', '.join(_DESTINATIONS)}"
    )
    if problem is None and kind != "PrivateEndpoint" and mode != _ONLY_APPROVED:
        problem = f"rules of type {kind} need the isolation mode {_ONLY_APPROVED}; it is {mode}"
    if problem:
        raise bad_request(f"{where} can't be used: {problem}.", code="ValidationError", target=name)
    stored: Json = {
        **rule,
        "category": rule.get("category") or "UserDefined",
        "status": rule.get("status") or "Active",
    }
    if kind == "PrivateEndpoint":
        stored["destination"] = {"sparkEnabled": False, **destination}
        stored["destination"]["sparkStatus"] = (
            "Active" if stored["destination"]["sparkEnabled"] else "Inactive"
        )
    return stored


def settle(azure: Azure, workspace: Record) -> Json:
    """Makes the rules of a workspace's body resources; returns the body without them."""
    properties: Json = workspace.body["properties"]
    network: Json = dict(properties["managedNetwork"])
    rules = network.pop(GIVEN, None)
    if rules is not None:
        for record in azure.store.below(workspace.id, RULE):
            if record.name not in rules and record.body["properties"]["category"] == "UserDefined":
                azure.store.delete(record.id)
        for name, rule in rules.items():
            stored = check_rule(name, rule, network["isolationMode"])
            azure.store.put(
                f"{workspace.id}/outboundRules/{name}", {"properties": stored}, by=workspace.created_by
            )
    return {**workspace.body, "properties": {**properties, "managedNetwork": network}}


def view(azure: Azure, workspace: Record, network: Mapping[str, Any]) -> Json:
    """The managed network as the workspace shows it, with its rules."""
    if network["isolationMode"] == DISABLED:
        return dict(network)
    rules = azure.store.below(workspace.id, RULE)
    return {**network, GIVEN: {one.name: _shown(one.body["properties"]) for one in rules}}


def activate(azure: Azure, workspace: Record, *, spark: bool) -> Json:
    """Provisions the network; the status it has then. Once is enough."""
    properties: Json = workspace.body["properties"]
    network: Json = properties["managedNetwork"]
    before: Json = network.get("status") or _INACTIVE
    status = {"status": "Active", "sparkReady": spark or bool(before["sparkReady"])}
    if status != before:
        network = {**network, "status": status}
        azure.store.put(
            workspace.id, {**workspace.body, "properties": {**properties, "managedNetwork": network}}
        )
    return status


def on_compute(azure: Azure, workspace_id: str) -> None:
    """The first compute provisions the network."""
    workspace = azure.store.get(workspace_id)
    network: Json = (workspace.body["properties"].get("managedNetwork") or {}) if workspace else {}
    if workspace is not None and network.get("isolationMode", DISABLED) != DISABLED:
        activate(azure, workspace, spark=False)


async def provision(azure: Azure, call: Call, record: Record) -> Answer:
    """``provisionManagedNetwork``."""
    if (record.body["properties"].get("managedNetwork") or {}).get("isolationMode", DISABLED) == DISABLED:
        raise ArmError(
            400,
            "ValidationError",
            f"The workspace '{record.name}' has no managed network; set its isolationMode first.",
        )
    return Answer(200, activate(azure, record, spark=bool((call.body or {}).get("includeSpark"))))


def _prepare_rule(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    workspace = azure.store.get(resource_id.parent)
    network: Json = (workspace.body["properties"].get("managedNetwork") or {}) if workspace else {}
    mode = str(network.get("isolationMode") or DISABLED)
    if mode == DISABLED:
        raise bad_request(
            "The workspace has no managed network, so it can't have outbound rules; set its isolationMode first.",
            code="ValidationError",
        )
    return {"properties": check_rule(resource_id.name, given(body), mode)}


def _shown(properties: Mapping[str, Any]) -> Json:
    """A rule has a status of its own, and no ``provisioningState``."""
    return {key: value for key, value in properties.items() if key != "provisioningState"}


def _view_rule(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {**body, "properties": _shown(body["properties"])}


def _guard_delete(_azure: Azure, record: Record) -> None:
    if record.body["properties"]["category"] == "Required":
        raise bad_request(f"The outbound rule '{record.name}' is required; it can't be deleted.")


TYPES = (
    ResourceType(
        RULE,
        prepare=_prepare_rule,
        settle=nothing,
        vanish=nothing,
        view=_view_rule,
        guard_delete=_guard_delete,
        created=200,
        operation=("managedNetworkOperationsStatus", "op"),
        patch=False,
    ),
)
