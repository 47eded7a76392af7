"""All computes of the workspace: clusters, people's instances, attached Kubernetes.

``ml/`` and the images that are built need one CPU cluster each: the first of the list, and the one with ``imageBuild``.
Monitors run on serverless Spark, which needs no compute of the workspace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import pulumi
from pydantic import model_validator

from infra.compute.cluster import ClusterConfig, cluster
from infra.compute.instance import InstanceConfig, instance
from infra.compute.kubernetes import KubernetesConfig, kubernetes
from infra.compute.vm_size import quota_hint
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.compute.place import Place

_DEFAULT = tuple(
    ClusterConfig.model_validate(values)
    for values in (
        {"name": "cpu-cluster", "vmSize": "Standard_DS3_v2", "maxNodes": 4},
        # Low-priority: it is what costs.
        {"name": "gpu-cluster", "vmSize": "Standard_NC4as_T4_v3", "maxNodes": 1, "lowPriority": True},
    )
)


class ComputeConfig(Section):
    """``mlops:compute``: what jobs and people run on."""

    moved: ClassVar[Mapping[str, str]] = {
        "cpu": "clusters: [{name: cpu-cluster, vmSize: Standard_DS3_v2}]",
        "gpu": "clusters: [{name: gpu-cluster, vmSize: Standard_NC4as_T4_v3, lowPriority: true}]",
    }

    clusters: tuple[ClusterConfig, ...] = setting(
        _DEFAULT,
        breaks="jobs run on them, and images are built on one",
        write="a list of mappings with a name and a vmSize, a CPU size among them",
    )
    instances: tuple[InstanceConfig, ...] = setting(
        (), breaks="they are the machines people work on", write="a list of mappings with a name and a user"
    )
    kubernetes: tuple[KubernetesConfig, ...] = setting(
        (),
        breaks="they are clusters of others that the workspace may use",
        write="a list of mappings with a name and a clusterId",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        first: dict[str, str] = {}
        for kind in ("clusters", "instances", "kubernetes"):
            computes: tuple[ClusterConfig | InstanceConfig | KubernetesConfig, ...] = getattr(self, kind)
            for number, one in enumerate(computes):
                where = f"{kind}[{number}]"
                if one.name.lower() in first:
                    raise ValueError(
                        f"{where} is called {one.name}, as {first[one.name.lower()]} is, and a workspace has each name "
                        "once; write another name"
                    )
                first[one.name.lower()] = where
        if all(one.has_gpus for one in self.clusters):
            raise ValueError(
                "no cluster has a CPU size, so jobs without GPUs and image builds would have nowhere to run; "
                "add one such as {name: cpu-cluster, vmSize: Standard_DS3_v2}"
            )
        builders = [one.name for one in self.clusters if one.image_build]
        if len(builders) > 1:
            raise ValueError(
                f"{' and '.join(builders)} have imageBuild, and a workspace builds its images on one; write it once"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All computes."""
        return tuple(one.name for one in (*self.clusters, *self.instances, *self.kubernetes))

    @property
    def nodes_inside(self) -> int:
        """How many nodes there may be at a time in the platform's own subnet."""
        clusters = sum(one.max_nodes for one in self.clusters if one.subnet_id is None)
        return clusters + sum(one.subnet_id is None for one in self.instances)

    @property
    def cpu_cluster(self) -> str:
        """The cluster that models' jobs run on: the first with a CPU size."""
        return next(one.name for one in self.clusters if not one.has_gpus)

    @property
    def gpu_cluster(self) -> str | None:
        """The first cluster with GPUs, if there is one."""
        return next((one.name for one in self.clusters if one.has_gpus), None)

    @property
    def image_build_cluster(self) -> str:
        """The cluster that builds images."""
        return next((one.name for one in self.clusters if one.image_build), self.cpu_cluster)

    @property
    def quota_hints(self) -> dict[str, str]:
        """By compute: what the subscription must allow for it."""
        clusters = {
            one.name: quota_hint(one.vm_size, one.max_nodes, low_priority=one.low_priority)
            for one in self.clusters
        }
        return clusters | {one.name: quota_hint(one.vm_size, 1, low_priority=False) for one in self.instances}


def mistakes(config: ComputeConfig, network_mode: str) -> list[str]:
    """What doesn't go with the network that the workspace is in."""
    if network_mode != "managed":
        return []
    return [
        f"compute.{kind}[{number}].subnetId: machines of a workspace with a managed network are in that network, and Azure "
        "refuses a subnet; remove it, or write network.mode: private"
        for kind, computes in (("clusters", config.clusters), ("instances", config.instances))
        for number, one in enumerate(computes)
        if one.subnet_id is not None
    ]


class Compute(pulumi.ComponentResource):
    """The computes of a workspace."""

    names: dict[str, pulumi.Output[str]]  #: what Azure calls each, by its name in the stack's YAML
    ids: dict[str, pulumi.Output[str]]
    cpu_cluster_name: pulumi.Output[str]
    gpu_cluster_name: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        config: ComputeConfig,
        *,
        place: Place,
        identity_id: pulumi.Input[str],
        tenant_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``identity_id``: whom jobs act as, once it has its roles."""
        super().__init__("mlops:infra:Compute", name, None, opts)
        made = {one.name: cluster(name, one, place, identity_id, self) for one in config.clusters}
        made |= {
            one.name: instance(name, one, place, identity_id=identity_id, tenant_id=tenant_id, parent=self)
            for one in config.instances
        }
        made |= {one.name: kubernetes(name, one, place, identity_id, self) for one in config.kubernetes}
        self.names = {key: compute.name for key, compute in made.items()}
        self.ids = {key: compute.id for key, compute in made.items()}
        self.cpu_cluster_name = self.names[config.cpu_cluster]
        self.gpu_cluster_name = None if config.gpu_cluster is None else self.names[config.gpu_cluster]
        self.register_outputs(
            {
                "cpuClusterName": self.cpu_cluster_name,
                "gpuClusterName": self.gpu_cluster_name,
                "names": self.names,
            }
        )
