"""Everything is in the regions that are agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy.rule import Resource, ResourceRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where Azure asks for it: private DNS zones and the like are nowhere in particular.
_NOWHERE = "global"


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Locations, however they are spelled, are in the list."""
    if not resource.type.startswith("azure-native:"):
        return
    allowed = {_short(region) for region in settings["allowed"]} | {_NOWHERE}
    for path in ("location", "properties.computeLocation"):
        value = at(resource.props, path)
        if isinstance(value, str) and _short(value) not in allowed:
            yield f"{path} is {value}; allowed are {', '.join(sorted(settings['allowed']))}"


def _short(region: str) -> str:
    return region.replace(" ", "").lower()


RULE = ResourceRule(
    name="regions",
    title="Regions",
    category="governance",
    production={"allowed": ["westeurope", "northeurope"]},
    reason="Data that leaves the agreed regions may break the law or a contract, and moving it back means a new platform.",
    fix="Write an allowed region in `mlops:location`, or add yours to `allowed` of this policy in policy/prod.json.",
    link="https://learn.microsoft.com/azure/governance/policy/samples/built-in-policies#general",
    settings={
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["westeurope", "northeurope"],
        }
    },
    check=check,
)
