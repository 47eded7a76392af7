"""Locks on what holds data: nobody deletes it, whatever their role, until the lock is taken off.

On the accounts, the vault, the registry and the log workspace, and not on the whole group or the workspace: a lock is
inherited, and a rollout deletes deployments, a stack that changes deletes computes. A locked resource keeps its role
assignments as well: whoever takes somebody's access to it away sets ``locks: false`` first (docs/guides/governance.md).

Source: Microsoft Learn, "Lock your resources to protect your infrastructure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import authorization

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOTES = "It holds data that the platform can't make again. Set mlops:governance.locks to false before deleting it."


class Locks(pulumi.ComponentResource):
    """A lock against deletion on each of some resources.

    Made last, so that they come off first: nothing below a locked resource can be deleted, its role assignments included.
    """

    def __init__(
        self,
        name: str,
        targets: Mapping[str, pulumi.Input[str]],
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``targets``: ARM ids, by a label for resource names; ``after``: all that is ever deleted below those."""
        super().__init__("mlops:infra:Locks", name, None, opts)
        # The others wait for the first: each would otherwise depend on everything by itself.
        first: authorization.ManagementLockByScope | None = None
        for label, target in targets.items():
            lock = authorization.ManagementLockByScope(
                f"{name}-{label}",
                scope=target,
                lock_name="keep",
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes=_NOTES,
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=list(after) if first is None else [first]
                ),
            )
            first = first or lock
        self.register_outputs({})
