"""All that is known of a stack before it is deployed: settings with their origins, resources by room, what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.config import parse
from infra.explain.cost import TABLE, charges
from infra.explain.rehearsal import rehearse
from infra.profile import leaves, origins
from infra.section import Section

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.explain.cost import Charge
    from infra.explain.rehearsal import Planned
    from infra.explain.stack_file import StackFile
    from infra.profile import Origin

#: Where a resource's size is, the first that is there.
_SIZES = (
    "sku.tier",
    "sku.name",
    "properties.sku.name",
    "properties.properties.vmSize",
    "addressPrefix",
    "addressSpace.addressPrefixes",
    "retentionInDays",
    "kind",
    "instance_type",
)


@dataclass(frozen=True)
class Setting:
    """A setting, and why it holds its value."""

    path: str
    value: Any
    origin: Origin
    secret: bool = False  #: encrypted in the file, so not known here


@dataclass(frozen=True)
class Explanation:
    """Of one stack."""

    stack: str
    profile: str
    settings: list[Setting]
    resources: list[Planned]
    charges: list[Charge]
    quota: dict[str, str] = field(
        default_factory=dict[str, str]
    )  #: by compute: what the subscription must allow for it

    @property
    def monthly(self) -> float:
        """US dollars a month, of what has a price."""
        return sum(charge.monthly or 0.0 for charge in self.charges)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "stack": self.stack,
            "profile": self.profile,
            "settings": {
                one.path: {"value": None if one.secret else one.value, "origin": one.origin}
                | ({"secret": True} if one.secret else {})
                for one in self.settings
            },
            "resources": [
                {
                    "room": one.room,
                    "type": one.type,
                    "name": one.name,
                    "label": one.label,
                    "size": size(one),
                    "protect": one.protect,
                }
                for one in self.resources
            ],
            "quota": self.quota,
            "cost": {
                "about": TABLE["about"],
                "currency": "USD",
                "monthly": round(self.monthly, 2),
                "charges": [
                    {
                        "resource": one.resource,
                        "meter": one.meter,
                        "quantity": one.quantity,
                        "monthly": None if one.monthly is None else round(one.monthly, 2),
                        "note": one.note,
                        **TABLE["meters"].get(one.meter, {}),
                    }
                    for one in self.charges
                ],
                "sources": TABLE["sources"],
            },
        }


def explain(file: StackFile, program: Callable[[], None], profile: str | None = None) -> Explanation:
    """What is known of a stack.

    Args:
        file: what its file says.
        program: what makes its resources.
        profile: the profile to take instead of the file's own.

    Raises:
        ConfigError: the configuration can't be used.
    """
    values = file.values if profile is None else {**file.values, "profile": profile}
    config = parse(values)
    planned = rehearse(program, values, file.name)
    known = origins(config, values)
    settings = [
        Setting(".".join(path), _plain(value), known[".".join(path)]) for path, value in leaves(config)
    ]
    settings = [
        Setting(one.path, None, "file", secret=True) if one.path in file.secrets else one for one in settings
    ]
    return Explanation(
        file.name, config.profile, settings, planned, charges(planned), config.compute.quota_hints
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


def size(planned: Planned) -> str:
    """A resource's size in a few words, as far as it has one."""
    for path in _SIZES:
        value: Any = planned.inputs
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str | float | int) and not isinstance(value, bool):
            return f"{_told(path, value)}{_count(planned.inputs)}"
    return ""


def _told(path: str, value: str | float) -> str:
    return f"{value:.0f} days" if path == "retentionInDays" else str(value)


def _count(inputs: dict[str, Any]) -> str:
    scale = inputs.get("properties", {})
    for key in ("properties", "scaleSettings"):
        scale = scale.get(key, {}) if isinstance(scale, dict) else {}
    if scale:
        return f" x {scale.get('minNodeCount', 0):.0f}-{scale.get('maxNodeCount', 0):.0f}"
    return f" x {inputs['instance_count']:.0f}" if "instance_count" in inputs else ""
