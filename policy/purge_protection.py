"""A vault that somebody deletes can be brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, at, demanding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_demands = demanding(
    Demand(azure.VAULT, "properties.enablePurgeProtection", (True,)),
    Demand(azure.VAULT, "properties.enableSoftDelete", (True,), unset=True),
)
_DEFAULT_DAYS = 90


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Purge protection and soft delete are on, for long enough."""
    yield from _demands(resource, settings)
    if resource.type == azure.VAULT:
        days = at(resource.props, "properties.softDeleteRetentionInDays")
        days = _DEFAULT_DAYS if days is None else days
        if days is not UNKNOWN and days < settings["days"]:
            yield f"deleted secrets are kept for {days:g} days; {settings['days']:g} are asked for"


RULE = ResourceRule(
    name="purge-protection",
    title="Purge protection",
    reason="A purged vault is gone with every secret in it; with protection on, nobody can purge it before its days are over.",
    fix="Write `mlops:vault: {purgeProtection: true, softDeleteDays: 90}`; it can't be switched off again.",
    link="https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",
    settings={"days": {"type": "integer", "minimum": 7, "maximum": 90, "default": 7}},
    check=check,
)
