"""What is known of a fleet's workspaces without running anything: the backend's states and histories."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.fleet.stack import FleetWorkspace

_STACK = "pulumi:pulumi:Stack"
_CIPHER = "4dabf18193072939515e22adb298388d"  # the key by which Pulumi's state marks what is encrypted


@dataclass(frozen=True)
class Status:
    """A workspace as its backend knows it."""

    name: str
    listed: bool  #: whether the fleet still has it
    state: str  #: not deployed, deployed, destroyed, failed, interrupted or in progress
    resources: int = 0
    last_command: str = ""
    last_result: str = ""
    last_update: str = ""  #: ISO 8601, UTC
    workspace: str = ""
    resource_group: str = ""
    endpoints: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()  #: operations that an engine began and didn't end
    locked_by: tuple[str, ...] = ()
    error: str = ""


def of_stack(home: FleetWorkspace, name: str, *, listed: bool, project: str, backend: str) -> Status:
    """The status of a stack that is there."""
    deployment = json.loads(home.ask("stack", "export", "--stack", name)).get("deployment") or {}
    rows = json.loads(
        home.ask("stack", "history", "--json", "--page-size", "1", "--page", "1", "--stack", name)
    )
    return summarise(
        name, deployment, rows[0] if rows else {}, listed=listed, locks=locks(backend, project, name)
    )


def summarise(
    name: str,
    deployment: Mapping[str, Any],
    last: Mapping[str, Any],
    *,
    listed: bool = True,
    locks: tuple[str, ...] = (),
) -> Status:
    """The status that a state and the last row of a history amount to. Pure."""
    resources = [
        row for row in deployment.get("resources") or [] if not row["type"].startswith("pulumi:providers:")
    ]
    root = next((row for row in resources if row["type"] == _STACK), {})
    outputs = root.get("outputs") or {}
    pending = tuple(
        f"{row.get('type', '')} {row.get('resource', {}).get('urn', '').rsplit('::', 1)[-1]}".strip()
        for row in deployment.get("pending_operations") or []
    )
    command, result = str(last.get("kind", "")), str(last.get("result", ""))
    models = outputs.get("models")
    uris = (
        [one.get("scoringUri") for one in models.values()]
        if isinstance(models, dict) and _CIPHER not in models
        else []
    )
    return Status(
        name,
        listed,
        _state(len(resources), command, result, pending, locks),
        resources=len(resources),
        last_command=command,
        last_result=result,
        last_update=str(last.get("endTime") or last.get("startTime") or ""),
        workspace=_text(outputs.get("workspace")),
        resource_group=_text(outputs.get("resourceGroup")),
        endpoints=tuple(uri for uri in uris if isinstance(uri, str)),
        pending=pending,
        locked_by=locks,
    )


def _state(
    resources: int, command: str, result: str, pending: tuple[str, ...], locks: tuple[str, ...]
) -> str:
    if locks:
        return "in progress"
    # Resources that no finished command accounts for are those of one that was killed.
    if pending or (resources and (not command or (command == "destroy" and result == "succeeded"))):
        return "interrupted"
    if result == "failed":
        return "failed"
    if resources:
        return "deployed"
    return "destroyed" if command == "destroy" else "not deployed"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def locks(backend: str, project: str, name: str) -> tuple[str, ...]:
    """Who holds a stack. Only the file backend shows it, in files; the engine has no command that asks."""
    parts = urlsplit(backend)
    if parts.scheme != "file":
        return ()
    root = Path(unquote(parts.netloc + parts.path)).expanduser()
    found: list[str] = []
    for file in sorted((root / ".pulumi" / "locks" / "organization" / project / name).glob("*.json")):
        try:
            lock = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # it was let go just now
        found.append(f"{lock.get('username')}@{lock.get('hostname')} (pid {lock.get('pid')})")
    return tuple(found)
