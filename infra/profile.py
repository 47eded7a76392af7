"""Profiles: what a stack has unless its file says otherwise, in one word.

A setting's value is the stack file's, else its profile's, else the model's own default; ``origins`` tells which. The
defaults of the models are those of ``standard``. Profiles are laid under the file's values before anything is checked,
so whatever they lead to is checked like the rest. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from infra.section import Section, section_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Profile = Literal["sandbox", "standard", "regulated"]
Origin = Literal["default", "profile", "file"]


def _clusters(*, cpu: int, gpu: int) -> list[dict[str, Any]]:
    """The clusters of the model's own default, with so many nodes at most."""
    return [
        {"name": "cpu-cluster", "vmSize": "Standard_DS3_v2", "maxNodes": cpu},
        {"name": "gpu-cluster", "vmSize": "Standard_NC4as_T4_v3", "maxNodes": gpu, "lowPriority": True},
    ]


#: By profile and key path.
PROFILES: Mapping[Profile, Mapping[str, Any]] = {
    # One person tries something: small, cheap, and gone with one command.
    "sandbox": {
        "registry.sku": "Basic",
        "workspace.purgeOnDestroy": True,
        "compute.clusters": _clusters(cpu=1, gpu=1),
    },
    # A team's development environment: what the models say.
    "standard": {},
    # Production where others audit: nothing answers on the internet, no keys, everything is kept and logged.
    "regulated": {
        "protect": True,
        "network.mode": "private",
        "encryption.keys": "customer",
        "vault.purgeProtection": True,
        "vault.softDeleteDays": 90,
        "storage.redundancy": "ZRS",
        "storage.softDeleteDays": 30,
        "storage.sharedKeys": False,
        "registry.sku": "Premium",
        "observability.retentionDays": 90,
        "observability.diagnostics": True,
        "governance.locks": True,
        "governance.policies": "deny",
        "endpointAuth": "aad_token",
        "compute.clusters": _clusters(cpu=8, gpu=4),
    },
}


def profile_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The defaults of the profile that ``values`` name; none where there is no such profile, which is refused later."""
    named = values.get("profile", "standard")
    return next((defaults for profile, defaults in PROFILES.items() if profile == named), {})


def filled(values: Mapping[str, Any], model: type[Section]) -> dict[str, Any]:
    """``values`` with their profile's defaults under them.

    Sections are filled key by key. A list, or a mapping with names of the stack's own, is taken as the file has it.
    """
    result = dict(values)
    for path, default in profile_of(values).items():
        _put(result, path.split("."), default, model)
    return result


def _put(into: dict[str, Any], path: list[str], default: Any, model: type[Section] | None) -> None:
    key, *rest = path
    inner = section_in(model, key) if model else None
    if not rest or inner is None:
        if key not in into:
            into[key] = _nested(rest, default)
        return
    known = into.get(key, {})
    if isinstance(known, dict):  # else it is refused later
        into[key] = dict(cast("dict[str, Any]", known))
        _put(into[key], rest, default, inner)


def _nested(path: list[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def leaves(config: Section, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting of a configuration with its value; what isn't a section is one setting."""
    for name, field in type(config).model_fields.items():
        value, here = getattr(config, name), (*path, field.alias or name)
        if isinstance(value, Section):
            yield from leaves(value, here)
        else:
            yield here, value


def origins(config: Section, values: Mapping[str, Any]) -> dict[str, Origin]:
    """Where each setting of a configuration has its value from, by key path.

    Args:
        config: what ``values`` became.
        values: what the stack's file says.
    """
    by_profile = profile_of(values)
    return {".".join(path): _origin(path, values, by_profile) for path, _ in leaves(config)}


def _origin(path: tuple[str, ...], values: Mapping[str, Any], by_profile: Mapping[str, Any]) -> Origin:
    if _says(values, path):
        return "file"
    prefixes = (".".join(path[: length + 1]) for length in range(len(path)))
    return "profile" if any(prefix in by_profile for prefix in prefixes) else "default"


def _says(values: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    inner: Any = values
    for key in path:
        if not isinstance(inner, dict) or key not in inner:
            return False
        inner = cast("dict[str, Any]", inner)[key]
    return True
