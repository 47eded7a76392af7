"""Compute that a workspace only knows of: Kubernetes clusters, virtual machines, Databricks, Synapse Spark and the like.

What is attached is somebody else's: its ``resourceId`` is checked for its type where Azure Resource Manager has one, not
whether it is there (local Azure has none of these services), and nothing runs on it. Secrets are kept and answered by
``listKeys`` alone. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.resource_type import Json


@dataclass(frozen=True)
class Kind:
    """One kind: what may be attached, which properties it needs and has by default, and which are secret."""

    name: str
    types: tuple[str, ...]
    needs: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()
    #: paths of secret properties
    secrets: tuple[tuple[str, ...], ...] = ()
    #: whether a resourceId must be given
    attached: bool = True


_CREDENTIALS = (("administratorAccount", "password"), ("administratorAccount", "privateKeyData"))
KINDS = {
    kind.name.lower(): kind
    for kind in (
        Kind(
            "AKS",
            ("Microsoft.ContainerService/managedClusters",),
            defaults=(("clusterPurpose", "FastProd"), ("loadBalancerType", "PublicIp")),
            attached=False,
        ),
        Kind(
            "Kubernetes",
            ("Microsoft.ContainerService/managedClusters", "Microsoft.Kubernetes/connectedClusters"),
            defaults=(("namespace", "default"), ("extensionInstanceReleaseTrain", "stable")),
            secrets=(("relayConnectionString",), ("serviceBusConnectionString",)),
        ),
        Kind(
            "VirtualMachine",
            ("Microsoft.Compute/virtualMachines",),
            defaults=(("sshPort", 22),),
            secrets=_CREDENTIALS,
        ),
        Kind(
            "HDInsight",
            ("Microsoft.HDInsight/clusters",),
            defaults=(("sshPort", 22),),
            secrets=_CREDENTIALS,
        ),
        Kind("DataFactory", ("Microsoft.DataFactory/factories",), attached=False),
        Kind("Databricks", ("Microsoft.Databricks/workspaces",), secrets=(("databricksAccessToken",),)),
        Kind("DataLakeAnalytics", ("Microsoft.DataLakeAnalytics/accounts",)),
        Kind("SynapseSpark", ("Microsoft.Synapse/workspaces/bigDataPools",)),
    )
}


def complete(
    kind: Kind, resource_id: str | None, given: Mapping[str, Any], before: Mapping[str, Any]
) -> Json:
    """The compute's own properties as they are stored, secrets included.

    Raises:
        ArmError: 400, nothing is attached, or something of another type.
    """
    if kind.attached and not resource_id:
        raise bad_request(f"Compute of type {kind.name} needs a resourceId.", target="properties.resourceId")
    if resource_id:
        try:
            found = parse(resource_id).type
        except ArmError:
            found = ""
        if found.lower() not in [one.lower() for one in kind.types]:
            raise bad_request(
                f"Compute of type {kind.name} attaches a {' or '.join(kind.types)}; resourceId is '{resource_id}'.",
                target="properties.resourceId",
            )
    wanted = {key: value for key, value in given.items() if value is not None}
    return {**dict(kind.defaults), **before, **wanted}


def apart(kind: Kind, properties: Mapping[str, Any]) -> tuple[Json, Json]:
    """The properties without the secret ones, and those by their last name."""
    shown: Json = dict(properties)
    hidden: Json = {}
    for path in kind.secrets:
        inner = shown
        for name in path[:-1]:
            if not isinstance(inner.get(name), dict):
                break
            inner[name] = dict(inner[name])
            inner = inner[name]
        else:
            if inner.get(path[-1]) is not None:
                hidden[path[-1]] = inner.pop(path[-1])
    return shown, hidden
