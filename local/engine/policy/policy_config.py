"""What `--policy-pack-config` says: levels and settings of a pack's policies. Pure.

{"all": "mandatory", "allowed-regions": {"enforcementLevel": "advisory", "regions": ["westeurope"]}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADVISORY, MANDATORY, REMEDIATE, DISABLED = "advisory", "mandatory", "remediate", "disabled"
LEVELS = (ADVISORY, MANDATORY, REMEDIATE, DISABLED)
ALL = "all"
RESOURCE, STACK = "resource", "stack"


@dataclass(frozen=True)
class PolicySetting:
    """How one policy is to be run; an empty level is the policy's own."""

    level: str = ""
    properties: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Policy:
    """What a pack says of one of its policies."""

    name: str
    level: str
    kind: str = ""  # RESOURCE, STACK, or empty where an old SDK doesn't say
    severity: str = ""
    schema: dict[str, Any] = field(default_factory=dict[str, Any])  # property → JSON schema
    required: tuple[str, ...] = ()


Settings = dict[str, PolicySetting]


def parse(text: str, file: str) -> Settings:
    """The settings of a configuration file; raises EngineError naming the file and the key that is wrong."""
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except ValueError as error:
        raise EngineError(
            f'{file} is not JSON ({error}), so no policy can be set by it; write an object such as {{"all": "mandatory"}}'
        ) from error
    if not isinstance(document, dict):
        raise EngineError(
            f'{file} must hold a JSON object such as {{"all": "mandatory"}}, not {_kind(document)}'
        )
    if "environments" in document:
        raise UnsupportedError(f"'environments' (Pulumi ESC) of {file}")
    return {name: _setting(name, value, file) for name, value in document.items()}


def _setting(name: str, value: Any, file: str) -> PolicySetting:
    if isinstance(value, str):
        return PolicySetting(_level(name, value, file))
    if isinstance(value, dict):
        properties = {key: item for key, item in value.items() if key != "enforcementLevel"}
        level = value.get("enforcementLevel")
        return PolicySetting("" if level is None else _level(name, level, file), properties)
    raise EngineError(
        f"'{name}' in {file} must be an enforcement level or an object with 'enforcementLevel' and the policy's "
        f"settings, not {_kind(value)}"
    )


def _level(name: str, level: Any, file: str) -> str:
    if level not in LEVELS:
        raise EngineError(
            f"'{name}' in {file}: {json.dumps(level)} is not a valid enforcement level; write one of {', '.join(LEVELS)}"
        )
    return level


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )


def reconcile(policies: Sequence[Policy], *layers: Mapping[str, PolicySetting]) -> Settings:
    """What each policy is run with: its own defaults, then each layer on top; a layer's `all` before its names."""
    found = {
        policy.name: PolicySetting(
            policy.level,
            {name: schema["default"] for name, schema in policy.schema.items() if "default" in schema},
        )
        for policy in policies
    }
    for layer in layers:
        everyone = layer.get(ALL, PolicySetting()).level
        for name, setting in found.items():
            own = layer.get(name, PolicySetting())
            found[name] = PolicySetting(
                own.level or everyone or setting.level, {**setting.properties, **own.properties}
            )
    return found


def problems(policies: Sequence[Policy], settings: Mapping[str, PolicySetting]) -> list[str]:
    """What is wrong with the settings by the policies' own schemas, as `policy: what`."""
    described = [policy for policy in policies if policy.schema or policy.required]
    if not described:
        return []
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only for policies with settings

    found: list[str] = []
    for policy in described:
        schema = {"type": "object", "properties": policy.schema, "required": list(policy.required)}
        for error in Draft202012Validator(schema).iter_errors(settings[policy.name].properties):  # pyright: ignore[reportUnknownMemberType]
            at = ".".join(str(part) for part in error.absolute_path)
            found.append(f"{policy.name}: {at + ': ' if at else ''}{error.message}")
    return sorted(found)


def unknown(policies: Sequence[Policy], settings: Mapping[str, PolicySetting]) -> list[str]:
    """Names that are set but belong to no policy: most likely misspelled."""
    known = {policy.name for policy in policies} | {ALL}
    return sorted(settings.keys() - known)
