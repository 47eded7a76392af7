"""Provisions the managed network of a workspace, which Azure otherwise leaves to the first compute.

Source: Microsoft's "Workspace managed virtual network isolation", manually provision a managed virtual network; REST
``Managed Network Provisions``. Azure keeps no resource for it: what there is to read is the network's status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.dynamic import Resource

from ml import resource_manager
from ml.client import AzureMLError, word
from ml.provider import Made, Props, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from ml.client import Door

_API = "2025-12-01"


class ProvisioningProvider(Provider):
    """Provisions. The state names this class: it must stay importable here.

    What a change of an input does:

    | input | when it changes |
    |---|---|
    | spark | false → true: provisioned for Spark too; true → false: nothing, as Azure takes it back from no network |
    | after | ignored: what must exist before |

    Provisioning twice is provisioning once, so a run that was killed meanwhile is repeated by the next.
    """

    ignored = frozenset({"after"})
    computed = frozenset({"status"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Provisions, unless that has been done; waits until the network is active."""
        return Made(door.workspace, _provision(door, spark=bool(inputs["spark"])))

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """Whether the network is active, and ready for Spark where the stack wants that; None: the next update provisions it."""
        del resource_id
        status = _status(door)
        if status is None or word(status.get("status")) != "active":
            return None
        return {"spark": bool(props.get("spark")) and bool(status.get("sparkReady")), "status": "Active"}

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Provisions for Spark too."""
        del olds
        return _provision(door, spark=bool(news["spark"]))

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Nothing: the network goes with its workspace."""

    def _open(self, props: Props) -> Door:
        # Without azure-ai-ml, whose import takes seconds.
        door = self._door(props)
        if door is None:
            raise AzureMLError("managed network: the workspace isn't known")
        return door


def _provision(door: Door, *, spark: bool) -> Props:
    what = f"managed network of {door.workspace}"
    if not _ready(_status(door), spark=spark):
        path = door.arm_id("provisionManagedNetwork")
        door.do(
            what,
            lambda: resource_manager.request("POST", path, api_version=_API, body={"includeSpark": spark}),
        )
        # The network is asked, not the operation: an interrupted run has lost that.
        door.until(what, lambda: _status(door), lambda seen: _ready(seen, spark=spark), door.settings.timeout)
    return {"status": "Active"}


def _status(door: Door) -> dict[str, Any] | None:
    """The status of the network; None: the workspace is gone.

    Raises:
        AzureMLError: the workspace has no managed network, or it failed.
    """
    what = f"managed network of {door.workspace}"
    found = door.find(what, lambda: resource_manager.request("GET", door.arm_id(), api_version=_API))
    if found is None:
        return None
    network = found["properties"].get("managedNetwork") or {}
    status: dict[str, Any] = network.get("status") or {}
    if word(status.get("status")) == "failed":
        raise AzureMLError(f"{what}: its provisioning failed; look at the workspace's activity log")
    return status


def _ready(status: dict[str, Any] | None, *, spark: bool) -> bool:
    return (
        status is not None
        and word(status.get("status")) == "active"
        and (bool(status.get("sparkReady")) or not spark)
    )


class Provisioning(Resource, module="infra", name="ManagedNetworkProvisioning"):
    """A provisioned managed network.

    Args:
        name: the resource's name.
        resource_group: the workspace's group.
        workspace: the workspace's name.
        spark: whether serverless Spark runs in it too.
        after: what must exist before, such as the rules.
        opts: the usual options.
    """

    status: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        spark: bool,
        after: Sequence[pulumi.Input[str]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "resource_group": resource_group,
            "workspace": workspace,
            "spark": spark,
            "after": list(after),
            "status": None,
        }
        super().__init__(ProvisioningProvider(), name, props, opts)
