"""A Kubernetes cluster of somebody else's, attached to the workspace so that jobs and endpoints may run on it.

The cluster needs the extension ``Microsoft.AzureML.Kubernetes`` first, which its owner installs (`az k8s-extension create`):
it decides what runs in the cluster, so it isn't made here. Nor is a cluster ever deleted from here: what the stack no
longer lists stays attached until `az ml compute detach`, or until the workspace goes.

Source: Microsoft Learn, "Attach a Kubernetes cluster to Azure Machine Learning workspace".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.compute.cluster import NAME_PATTERN, WRITE_NAME
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.compute.place import Place

_CLUSTER = (
    r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/"
    r"(Microsoft\.ContainerService/managedClusters|Microsoft\.Kubernetes/connectedClusters)/[^/]+$"
)


class KubernetesConfig(Section):
    """``mlops:compute.kubernetes[]``: a cluster of somebody else's that the workspace may use."""

    name: str = setting(
        pattern=NAME_PATTERN,
        breaks="jobs and deployments name their compute, and Azure refuses other names",
        write=WRITE_NAME,
    )
    cluster_id: str = setting(
        pattern=_CLUSTER,
        breaks="it is the cluster that is attached, one of AKS or of Arc",
        write="the id that `az aks show` or `az connectedk8s show` prints",
    )
    namespace: str = setting(
        "default",
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        breaks="the workspace's jobs and deployments run in one namespace of the cluster",
        write="a namespace's name: 1 to 63 lowercase letters, digits and hyphens",
    )


def kubernetes(
    name: str, config: KubernetesConfig, place: Place, identity_id: pulumi.Input[str], parent: pulumi.Resource
) -> ml.Compute:
    """Registers an attached cluster."""
    return ml.Compute(
        f"{name}-{config.name}",
        resource_group_name=place.scope.resource_group_name,
        location=place.scope.location,
        workspace_name=place.workspace_name,
        compute_name=config.name,
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity_id]
        ),
        properties=ml.KubernetesArgs(
            compute_type="Kubernetes",
            compute_location=place.scope.location,
            disable_local_auth=True,
            resource_id=config.cluster_id,
            properties=ml.KubernetesPropertiesArgs(namespace=config.namespace),
        ),
        tags=place.scope.tags,
        opts=pulumi.ResourceOptions(
            parent=parent,
            replace_on_changes=["properties.resourceId", "properties.properties.namespace"],
            # Azure's DELETE can mean the cluster itself, and azure-native doesn't say that it only detaches.
            retain_on_delete=True,
        ),
    )
