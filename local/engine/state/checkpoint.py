"""Pulumi's checkpoint, version 3: what a stack's state file holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import resource_state
from local.engine.state.resource_state import ResourceState, compact, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

VERSION = "v3.260.0"  # the engine whose behaviour this one was checked against
VERSION_3, VERSION_4 = 3, 4  # the fourth is the third with a list of what its reader must know of
# Feature of a version 4 state → the key of the entries that need it; those of keys that aren't kept are refused.
_FEATURES = {
    "taint": "taint",
    "replaceWith": "replaceWith",
    "hooks": "resourceHooks",
    "refreshBeforeUpdate": "refreshBeforeUpdate",
}
FEATURES = {name: key for name, key in _FEATURES.items() if key in resource_state.FIELDS}
# A constant the official engine checks: SHA-256 of its version of the time it introduced it.
_MAGIC = "7dff0d166258e7f1d265e8e044021ea087795d58a0c6415ab6fe8b7c790e447f"


@dataclass(frozen=True)
class Operation:
    """Something that was under way: `creating`, `updating`, `deleting`, `reading` or `importing` a resource."""

    resource: ResourceState
    type: str


@dataclass(frozen=True)
class Deployment:
    """A stack's resources as the last operation left them."""

    resources: tuple[ResourceState, ...] = ()
    operations: tuple[Operation, ...] = ()
    salt: str = ""
    version: str = ""
    time: str = ""
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    def stack(self) -> ResourceState | None:
        """The root resource, whose outputs are the stack's."""
        return next((r for r in self.resources if r.type == "pulumi:pulumi:Stack" and not r.delete), None)


def manifest() -> dict[str, str]:
    """Who wrote it and when."""
    return {"time": now(), "magic": _MAGIC, "version": VERSION}


def secrets_provider(salt: str) -> dict[str, Any]:
    """The passphrase provider with its salt."""
    return {"type": "passphrase", "state": {"salt": salt}}


def features(resources: Iterable[ResourceState]) -> list[str]:
    """What readers of a state with these resources must know of, beyond version 3."""
    used: set[str] = set()
    for state in resources:
        used.update(name for name, key in FEATURES.items() if getattr(state, resource_state.FIELDS[key]))
    return sorted(used)


def versioned(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The head of a state file with these entries."""
    used = {name for row in rows for name, key in FEATURES.items() if row.get(key)}
    return {"version": VERSION_4, "features": sorted(used)} if used else {"version": VERSION_3}


def dump(
    stack: str,
    salt: str,
    resources: Sequence[str],
    operations: Sequence[tuple[str, str]],
    features: Sequence[str] = (),
) -> str:
    """A state file of entries that are JSON already; `operations` are (entry, type)."""
    version = f'{VERSION_4},"features":{compact(list(features))}' if features else str(VERSION_3)
    parts = [
        f'{{"version":{version},"checkpoint":{{"stack":{compact(stack)},"latest":{{"manifest":{compact(manifest())}',
        f',"secrets_providers":{compact(secrets_provider(salt))}' if salt else "",
        ',"resources":[' + ",".join(resources) + "]" if resources else "",
        ',"pending_operations":['
        + ",".join(f'{{"resource":{entry},"type":"{kind}"}}' for entry, kind in operations)
        + "]"
        if operations
        else "",
        ',"metadata":{}}}}\n',
    ]
    return "".join(parts)


def empty(stack: str, salt: str) -> str:
    """The state file of a stack that was made and never deployed."""
    return dump(stack, salt, (), ())


def unreadable(source: str, reason: str) -> EngineError:
    """What to say of a state file that is damaged."""
    return EngineError(
        f"{source} is damaged ({reason}); restore it: `cp {source}.bak {source}`, or take a copy of .pulumi/backups"
    )


def parse(text: str, *, source: str) -> dict[str, Any]:
    """The deployment of a state file as JSON; raises EngineError naming `source` if it is something else."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise unreadable(source, f"not JSON: {error}") from error
    version = document.get("version", 0) if isinstance(document, dict) else 0
    if version not in {VERSION_3, VERSION_4}:
        raise UnsupportedError(f"version {version} of the state in {source} (3 and 4 are)")
    if unknown := sorted(set(document.get("features") or ()) - set(FEATURES)):
        raise UnsupportedError(f"{', '.join(unknown)} (a feature of the state in {source})")
    if not isinstance(document.get("checkpoint"), dict):
        raise unreadable(source, "it has no checkpoint")
    return document["checkpoint"].get("latest") or {}


def salt_of(latest: dict[str, Any]) -> str:
    """The passphrase provider's salt; other providers are refused."""
    provider = latest.get("secrets_providers") or {}
    if provider and provider.get("type") != "passphrase":
        raise UnsupportedError(f"the secrets provider '{provider.get('type')}'")
    return (provider.get("state") or {}).get("salt", "")


def load(latest: dict[str, Any], decrypt: Callable[[str], str], *, keep: bool = True) -> Deployment:
    """The deployment of `parse`'s JSON with its secrets decrypted."""
    head = latest.get("manifest") or {}
    return Deployment(
        resources=tuple(
            resource_state.load(row, decrypt, keep=keep) for row in latest.get("resources") or ()
        ),
        operations=tuple(
            Operation(resource_state.load(row["resource"], decrypt, keep=keep), row["type"])
            for row in latest.get("pending_operations") or ()
        ),
        salt=salt_of(latest),
        version=head.get("version", ""),
        time=head.get("time", ""),
        metadata=latest.get("metadata") or {},
    )


def without_missing(resources: Sequence[ResourceState]) -> list[ResourceState]:
    """The resources without references to resources that are no more, or that come later under the same URN.

    Properties that depend on nothing aren't listed afterwards, either: the official engine's `rebuildBaseState`.
    """
    present: set[str] = set()
    rows: list[ResourceState] = []
    for resource in resources:
        listed = resource.property_dependencies
        if not all(listed.values()) or not resource.all_dependencies(provider=False) <= present:
            resource = _without(resource, present)  # noqa: PLW2901 - that is the resource from now on
        rows.append(resource)
        present.add(resource.urn)
    return rows


def _without(resource: ResourceState, present: set[str]) -> ResourceState:
    kept = {
        key: [urn for urn in deps if urn in present] for key, deps in resource.property_dependencies.items()
    }
    return replace(
        resource,
        dependencies=[urn for urn in resource.dependencies if urn in present],
        property_dependencies={key: deps for key, deps in kept.items() if deps},
        parent=resource.parent if resource.parent in present else "",
        deleted_with=resource.deleted_with if resource.deleted_with in present else "",
        replace_with=[urn for urn in resource.replace_with if urn in present],
    )
