"""A cluster that jobs run on. It costs nothing while nothing runs, and SSH is closed.

What Azure can't change of a cluster (its size, priority, network) replaces it; scale, idle time, identity and tags are
updated in place (hashicorp/terraform-provider-azurerm#29859). Azure may keep the former size when a cluster comes back
under its name (Azure/azure-rest-api-specs#18889): what came of it is read back, and a difference is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pydantic import model_validator

from infra.compute import vm_size
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.compute.place import Place

#: Azure ML takes up to 24 characters of a cluster's name, its older parts 16.
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,14}[a-z0-9]$"
WRITE_NAME = "2 to 16 lowercase letters, digits and hyphens, a letter first and no hyphen last"
SUBNET_PATTERN = r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+$"
IDENTITY_PATTERN = r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+$"
#: What Azure refuses to change, as Pulumi names it.
FIXED = tuple(
    f"properties.properties.{name}"
    for name in (
        "vmSize",
        "vmPriority",
        "osType",
        "subnet",
        "enableNodePublicIp",
        "remoteLoginPortPublicAccess",
    )
)
#: Logical names that two clusters had before any number of them could be listed.
_FORMER = {"cpu-cluster": "cpu", "gpu-cluster": "gpu"}


class ClusterConfig(Section):
    """``mlops:compute.clusters[]``: machines that jobs share, and that are there while there are jobs."""

    name: str = setting(
        pattern=NAME_PATTERN,
        breaks="jobs name their cluster, and Azure refuses other names",
        write=WRITE_NAME,
    )
    vm_size: str = setting(
        pattern=vm_size.PATTERN,
        breaks="it decides what the nodes are, and the subscription needs quota for it",
        write="an Azure size such as Standard_DS3_v2 (`az ml compute list-sizes` lists them)",
    )
    min_nodes: int = setting(
        0,
        ge=0,
        le=1000,
        breaks="nodes that are always there cost money while nothing runs",
        write="0 to scale to nothing, else a whole number up to maxNodes",
    )
    max_nodes: int = setting(
        2,
        ge=1,
        le=1000,
        breaks="with no node allowed no job would ever start, and Azure allows 1000 at most",
        write="a whole number from 1 to 1000",
    )
    idle_seconds: int = setting(
        300,
        ge=60,
        le=86400,
        breaks="idle nodes cost money until they are released",
        write="a whole number of seconds from 60 to 86400",
    )
    low_priority: bool = setting(
        False,
        breaks="low-priority nodes are far cheaper and can be taken away in the middle of a job",
        write="true or false",
    )
    image_build: bool = setting(
        False,
        breaks="one cluster builds images where Azure's own builders can't reach the registry",
        write="true for one CPU cluster, or leave it out everywhere for the first of them",
    )
    subnet_id: str | None = setting(
        None,
        pattern=SUBNET_PATTERN,
        breaks="it is where the nodes get their addresses",
        write="the id of a subnet (`az network vnet subnet show`), or leave the key out for the platform's own",
    )
    identity_id: str | None = setting(
        None,
        pattern=IDENTITY_PATTERN,
        breaks="its jobs act as this identity, and have its roles",
        write="the id of a user-assigned identity (`az identity show`) with roles of its own, or leave the key out for training's",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(
                f"minNodes is {self.min_nodes} and maxNodes {self.max_nodes}, so it could never scale; write minNodes: 0"
            )
        if self.image_build and self.has_gpus:
            raise ValueError(
                f"imageBuild needs a CPU size, and {self.vm_size} has GPUs, which would be paid for every image that is "
                "built; write imageBuild: true on a CPU cluster"
            )
        return self

    @property
    def has_gpus(self) -> bool:
        """Whether its nodes have GPUs."""
        return vm_size.has_gpus(self.vm_size)


def cluster(
    name: str, config: ClusterConfig, place: Place, identity_id: pulumi.Input[str], parent: pulumi.Resource
) -> ml.Compute:
    """Registers a cluster whose jobs act as a user-assigned identity."""
    logical = f"{name}-{config.name}"
    former = _FORMER.get(config.name)
    subnet_id = config.subnet_id or place.subnet_id
    priority = ml.VmPriority.LOW_PRIORITY if config.low_priority else ml.VmPriority.DEDICATED
    made = ml.Compute(
        logical,
        resource_group_name=place.scope.resource_group_name,
        location=place.scope.location,
        workspace_name=place.workspace_name,
        compute_name=config.name,
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[config.identity_id or identity_id],
        ),
        properties=ml.AmlComputeArgs(
            compute_type="AmlCompute",
            compute_location=place.scope.location,
            disable_local_auth=True,
            properties=ml.AmlComputePropertiesArgs(
                os_type=ml.OsType.LINUX,
                vm_size=config.vm_size,
                vm_priority=priority,
                remote_login_port_public_access=ml.RemoteLoginPortPublicAccess.DISABLED,
                subnet=None if subnet_id is None else ml.ResourceIdArgs(id=subnet_id),
                enable_node_public_ip=place.public_addresses(subnet_id),
                scale_settings=ml.ScaleSettingsArgs(
                    min_node_count=config.min_nodes,
                    max_node_count=config.max_nodes,
                    node_idle_time_before_scale_down=f"PT{config.idle_seconds}S",
                ),
            ),
        ),
        tags=place.scope.tags,
        opts=pulumi.ResourceOptions(
            parent=parent,
            replace_on_changes=list(FIXED),
            delete_before_replace=True,
            aliases=[pulumi.Alias(name=f"{name}-{former}")] if former else None,
        ),
    )
    made.properties.apply(lambda found: _read_back(made, config, found))
    return made


def _read_back(made: ml.Compute, config: ClusterConfig, found: Mapping[str, Any]) -> None:
    size = str((found.get("properties") or {}).get("vmSize") or config.vm_size)
    if not pulumi.runtime.is_dry_run() and size.lower() != config.vm_size.lower():
        pulumi.log.warn(
            f"the cluster {config.name} has nodes of {size}, not of {config.vm_size}: Azure kept the size that it had "
            "under this name before; write another name",
            made,
        )
