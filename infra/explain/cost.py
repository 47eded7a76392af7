"""What a stack costs while nobody uses it: what is charged by the hour or the month, whether or not anything runs.

Storage, logs, requests and jobs are charged by use, and aren't in it. Prices are in ``price.json``, with their sources;
a resource that is charged by the hour and has no price there is said to have none, never guessed. Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from infra.explain.running_time import hours_per_week

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.explain.rehearsal import Planned

TABLE: Mapping[str, Any] = json.loads((Path(__file__).parent / "price.json").read_text(encoding="utf-8"))
_HOURS = float(TABLE["hours_per_month"])
_WEEK = 168


@dataclass(frozen=True)
class Charge:
    """What one resource costs by itself."""

    resource: str
    meter: str  #: a key of the price table
    quantity: float  #: of what the meter counts, at a time
    share: float = 1.0  #: of the month
    note: str = ""

    @property
    def monthly(self) -> float | None:
        """US dollars a month; None without a price."""
        price = TABLE["meters"].get(self.meter)
        if price is None:
            return None
        per_month = {"hour": _HOURS, "day": _HOURS / 24, "month": 1.0}[price["unit"]]
        return price["usd"] * per_month * self.quantity * self.share


def charges(planned: Iterable[Planned]) -> list[Charge]:
    """What costs money while nothing happens, dearest first; what has no price comes first of all."""
    found = [
        Charge(one.name or one.label, meter, quantity, share, note)
        for one in planned
        for meter, quantity, share, note in _of(one)
    ]
    return sorted(found, key=lambda charge: (charge.monthly is not None, -(charge.monthly or 0.0)))


_Item = tuple[str, float, float, str]


def _of(planned: Planned) -> Iterable[_Item]:
    for ending, items in _RULES.items():
        if planned.type.endswith(ending):
            yield from items(planned.inputs)


def _in(inputs: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The input at a path; the default where there is none, or it isn't known yet."""
    value: Any = inputs
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return default
        value = cast("dict[str, Any]", value)[key]
    return value


def _always(meter: str) -> Callable[[Mapping[str, Any]], Iterable[_Item]]:
    return lambda _inputs: [(meter, 1, 1, "")]


def _by_tier(meter: str, path: str, default: str) -> Callable[[Mapping[str, Any]], Iterable[_Item]]:
    return lambda inputs: [(f"{meter}/{_in(inputs, path, default)}", 1, 1, "")]


def _service_bus(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    yield f"service-bus/{_in(inputs, 'sku.name', 'Standard')}", _in(inputs, "sku.capacity", 1) or 1, 1, ""


def _redis(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    sku = f"{_in(inputs, 'sku.name')}_{_in(inputs, 'sku.family', '')}{int(_in(inputs, 'sku.capacity', 0))}"
    yield f"redis/{sku}", 1, 1, ""


def _compute(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    inner = _in(inputs, "properties.properties", {})
    size = f"vm/{_in(inner, 'vmSize')}"
    if _in(inputs, "properties.computeType") == "AmlCompute":
        least = int(_in(inner, "scaleSettings.minNodeCount", 0))
        if least:
            yield size, least, 1, "nodes that are always there"
    elif _in(inputs, "properties.computeType") == "ComputeInstance":
        hours = hours_per_week(_in(inner, "schedules.computeStartStop", []))
        note = f"{hours:.0f} of {_WEEK} hours a week" if hours is not None else "if nobody stops it"
        if hours is None and _in(inner, "idleTimeBeforeShutdown"):
            note = "at most; it stops when it is idle"
        yield size, 1, 1 if hours is None else hours / _WEEK, note


def _deployment(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    count = int(_in(inputs, "instance_count", 1))
    yield f"vm/{_in(inputs, 'instance_type')}", count, 1, "answers" if count == 1 else f"{count} that answer"


def _metric_alert(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    yield "metric-alert", max(1, len(_in(inputs, "criteria.allOf", []))), 1, ""


def _log_alert(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    yield f"log-alert/{_in(inputs, 'evaluationFrequency')}", 1, 1, ""


def _managed_network(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    rules = _in(inputs, "managedNetwork.outboundRules", {})
    if any(_in(rule, "type") == "FQDN" for rule in rules.values()):
        tier = _in(inputs, "managedNetwork.firewallSku", "Standard")
        yield f"firewall/{tier}", 1, 1, "of the managed network, for its FQDN rules"


def _managed_rule(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    if _in(inputs, "properties.type") == "PrivateEndpoint":
        yield "private-endpoint", 1, 1, "of the managed network"


def _shared_registry(inputs: Mapping[str, Any]) -> Iterable[_Item]:
    """Azure ML makes a container registry in each of its regions, and charges for it."""
    for region in _in(inputs, "regionDetails", []):
        for details in _in(region, "acrDetails", []):
            tier = _in(details, "systemCreatedAcrAccount.acrAccountSku", "Premium")
            yield f"registry/{tier}", 1, 1, f"made by Azure ML in {_in(region, 'location', 'its region')}"


#: By the end of a resource's type.
_RULES: dict[str, Callable[[Mapping[str, Any]], Iterable[_Item]]] = {
    "network:NatGateway": _always("nat-gateway"),
    "network:PublicIPAddress": _always("public-ip"),
    "network:PrivateEndpoint": _always("private-endpoint"),
    "privatedns:PrivateZone": _always("private-dns-zone"),
    "network:BastionHost": _by_tier("bastion", "sku.name", "Basic"),
    "network:AzureFirewall": _by_tier("firewall", "sku.tier", "Standard"),
    "containerregistry:Registry": _by_tier("registry", "sku.name", "Standard"),
    "machinelearningservices:Registry": _shared_registry,
    "servicebus:Namespace": _service_bus,
    "redis:Redis": _redis,
    "machinelearningservices:Compute": _compute,
    "machinelearningservices:Workspace": _managed_network,
    "machinelearningservices:ManagedNetworkSettingsRule": _managed_rule,
    "ml:OnlineDeployment": _deployment,
    "MetricAlert": _metric_alert,
    "ScheduledQueryRule": _log_alert,
}
