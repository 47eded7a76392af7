"""The clusters that jobs run on. Both cost nothing while nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.section import Section, inherited, setting

if TYPE_CHECKING:
    from infra.scope import Scope

#: Names within a workspace: 2-16 characters.
CPU_CLUSTER = "cpu-cluster"
GPU_CLUSTER = "gpu-cluster"


class ClusterConfig(Section):
    """What both clusters have."""

    vm_size: str = setting(
        pattern=r"^Standard_[A-Za-z0-9_-]+$",
        breaks="it decides what the nodes are, and the subscription needs quota for it",
        write="an Azure size such as Standard_DS3_v2 (`az ml compute list-sizes` lists them)",
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


class CpuConfig(ClusterConfig):
    """``mlops:compute.cpu``."""

    vm_size: str = inherited(ClusterConfig, "vm_size", "Standard_DS3_v2")


class GpuConfig(ClusterConfig):
    """``mlops:compute.gpu``: low-priority unless told otherwise, since it is what costs."""

    vm_size: str = inherited(ClusterConfig, "vm_size", "Standard_NC4as_T4_v3")
    max_nodes: int = inherited(ClusterConfig, "max_nodes", 1)
    low_priority: bool = inherited(ClusterConfig, "low_priority", True)


class ComputeConfig(Section):
    """``mlops:compute``."""

    cpu: CpuConfig = CpuConfig()
    gpu: GpuConfig = GpuConfig()


class Compute(pulumi.ComponentResource):
    """A CPU cluster and a GPU cluster, both scaling to zero."""

    cpu_cluster_name: pulumi.Output[str]
    gpu_cluster_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: ComputeConfig,
        *,
        scope: Scope,
        workspace_name: pulumi.Input[str],
        identity_id: pulumi.Input[str],
        subnet_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``subnet_id``: where the nodes get their addresses, and then no public ones; None: a network of Azure's."""
        super().__init__("mlops:infra:Compute", name, None, opts)
        self._scope, self._workspace_name, self._identity_id = scope, workspace_name, identity_id
        self._subnet_id = subnet_id
        self.cpu_cluster_name = self._cluster(f"{name}-cpu", CPU_CLUSTER, config.cpu).name
        self.gpu_cluster_name = self._cluster(f"{name}-gpu", GPU_CLUSTER, config.gpu).name
        self.register_outputs(
            {"cpuClusterName": self.cpu_cluster_name, "gpuClusterName": self.gpu_cluster_name}
        )

    def _cluster(self, name: str, compute_name: str, config: ClusterConfig) -> ml.Compute:
        priority = ml.VmPriority.LOW_PRIORITY if config.low_priority else ml.VmPriority.DEDICATED
        return ml.Compute(
            name,
            resource_group_name=self._scope.resource_group_name,
            location=self._scope.location,
            workspace_name=self._workspace_name,
            compute_name=compute_name,
            identity=ml.ManagedServiceIdentityArgs(
                type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[self._identity_id],
            ),
            properties=ml.AmlComputeArgs(
                compute_type="AmlCompute",
                compute_location=self._scope.location,
                disable_local_auth=True,
                properties=ml.AmlComputePropertiesArgs(
                    os_type=ml.OsType.LINUX,
                    vm_size=config.vm_size,
                    vm_priority=priority,
                    remote_login_port_public_access=ml.RemoteLoginPortPublicAccess.DISABLED,
                    subnet=None if self._subnet_id is None else ml.ResourceIdArgs(id=self._subnet_id),
                    enable_node_public_ip=None if self._subnet_id is None else False,
                    scale_settings=ml.ScaleSettingsArgs(
                        min_node_count=0,
                        max_node_count=config.max_nodes,
                        node_idle_time_before_scale_down=f"PT{config.idle_seconds}S",
                    ),
                ),
            ),
            tags=self._scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
