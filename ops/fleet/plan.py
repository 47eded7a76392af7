"""What a command is about to do: which workspaces, with which settings and ranges. Nothing is touched here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.config import ConfigError, parse
from infra.network.address import DOCKER_BRIDGE
from ops.fleet import spec
from ops.fleet.address import AddressError, allot
from ops.fleet.lock import Entry, Lock
from ops.fleet.spec import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Network
    from pathlib import Path

    from ops.fleet.spec import Fleet, Workspace


@dataclass(frozen=True)
class Plan:
    """A fleet with every range decided."""

    fleet: Fleet
    lock: Lock
    ranges: Mapping[str, IPv4Network]

    @property
    def names(self) -> tuple[str, ...]:
        """The workspaces of the file, in its order."""
        return tuple(workspace.name for workspace in self.fleet.workspaces)

    @property
    def left(self) -> tuple[str, ...]:
        """Workspaces that were taken out of the file and not destroyed yet."""
        return tuple(sorted(self.lock.entries.keys() - set(self.names)))

    def chosen(self, only: Sequence[str], *, left_too: bool = False) -> tuple[str, ...]:
        """The workspaces of a command: all of the file, or those that were asked for.

        Raises:
            FleetError: there is none of that name.
        """
        known = (*self.names, *self.left) if left_too else self.names
        for name in only:
            if name not in known:
                raise FleetError(
                    f"--only {name}: {self.fleet.path.name} has no workspace of this name; it has {', '.join(known)}"
                )
        return tuple(dict.fromkeys(only)) or self.names

    def stack_config(self, name: str, project: str) -> dict[str, Any]:
        """The configuration of a workspace's stack; of one that was taken out, what its providers need."""
        for workspace in self.fleet.workspaces:
            if workspace.name == name:
                return workspace.stack_config(project, self.ranges.get(name))
        subscription = self.lock.entry(name).subscriptionId
        return {"azure-native:subscriptionId": subscription} if subscription else {}

    def hold(self, names: Sequence[str]) -> None:
        """Writes down what is decided for these workspaces, before anything is made by it."""
        by_name = {workspace.name: workspace for workspace in self.fleet.workspaces}
        self.lock.hold({name: self._entry(by_name[name]) for name in names})

    def _entry(self, workspace: Workspace) -> Entry:
        decided = {
            "addressSpace": self.ranges.get(workspace.name),
            "subscriptionId": workspace.subscription_id,
        }
        return self.lock.entry(workspace.name).model_copy(update=decided)


def plan(file: Path) -> Plan:
    """Reads and checks everything.

    Raises:
        FleetError: one line per mistake.
    """
    fleet = spec.load(file)
    lock = Lock(file)
    wishes = {workspace.name: workspace.wish for workspace in fleet.workspaces}
    try:
        ranges = allot(fleet.pool, wishes, lock.ranges, [DOCKER_BRIDGE])
    except AddressError as error:
        raise FleetError(f"{file.name}: {error}") from None
    mistakes: list[str] = []
    for workspace in fleet.workspaces:
        network = ranges.get(workspace.name)
        if network is None:
            continue
        section = {**(workspace.settings.get("network") or {}), "addressSpace": str(network)}
        try:
            parse({**workspace.settings, "network": section}, namespace=f"workspaces.{workspace.name}.")
        except ConfigError as error:
            mistakes += [f"{file.name}: {line}" for line in str(error).splitlines()]
    if mistakes:
        raise FleetError("\n".join(mistakes))
    return Plan(fleet, lock, ranges)
