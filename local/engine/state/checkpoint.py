"""Pulumi's checkpoint, version 3: what a stack's state file holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.state import resource_state
from local.engine.state.resource_state import ResourceState, compact, now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERSION = "v3.260.0"  # the engine whose behaviour this one was checked against
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


def dump(stack: str, salt: str, resources: Sequence[str], operations: Sequence[tuple[str, str]]) -> str:
    """A state file of entries that are JSON already; `operations` are (entry, type)."""
    head = compact(stack)
    parts = [
        f'{{"version":3,"checkpoint":{{"stack":{head},"latest":{{"manifest":{compact(manifest())}',
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


def empty(stack: str) -> str:
    """The state file of a stack that was made and never deployed."""
    return compact({"version": 3, "checkpoint": {"stack": stack}}) + "\n"


def parse(text: str, *, source: str) -> dict[str, Any]:
    """The deployment of a state file as JSON; raises EngineError naming `source` if it is something else."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise EngineError(
            f"{source} is not JSON ({error}); restore it from its .bak or from .pulumi/backups"
        ) from error
    if not isinstance(document, dict) or document.get("version") not in {3, 4}:
        raise UnsupportedError(f"the state format of {source} (version 3 is)")
    if document["version"] == 4 and document.get("features"):
        raise UnsupportedError(f"features {document['features']} of the state in {source}")
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
    """The resources without references to resources that are no more."""
    urns = {resource.urn for resource in resources}
    return [
        resource
        if resource.all_dependencies() <= urns
        else replace(
            resource,
            dependencies=[urn for urn in resource.dependencies if urn in urns],
            property_dependencies={
                key: [urn for urn in deps if urn in urns]
                for key, deps in resource.property_dependencies.items()
            },
            parent=resource.parent if resource.parent in urns else "",
            deleted_with=resource.deleted_with if resource.deleted_with in urns else "",
            replace_with=[urn for urn in resource.replace_with if urn in urns],
        )
        for resource in resources
    ]
