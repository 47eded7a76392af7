"""Every resource says whose it is, who pays for it and what it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy.rule import UNKNOWN, Resource, ResourceRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What costs money or is asked about in a cost report, and takes tags.
_TAGGED = frozenset(
    f"azure-native:{name}"
    for name in (
        "applicationinsights:Component",
        "containerregistry:Registry",
        "containerservice:ManagedCluster",
        "eventgrid:SystemTopic",
        "eventgrid:Topic",
        "keyvault:Vault",
        "logic:Workflow",
        "machinelearningservices:BatchEndpoint",
        "machinelearningservices:Compute",
        "machinelearningservices:OnlineEndpoint",
        "machinelearningservices:Workspace",
        "managedidentity:UserAssignedIdentity",
        "network:NatGateway",
        "network:NetworkSecurityGroup",
        "network:PrivateEndpoint",
        "network:PublicIPAddress",
        "network:VirtualNetwork",
        "operationalinsights:Workspace",
        "privatedns:PrivateZone",
        "resources:ResourceGroup",
        "storage:StorageAccount",
    )
) | frozenset(
    f"pulumi-python:dynamic/ml:{name}"
    for name in ("BatchDeployment", "BatchEndpoint", "OnlineDeployment", "OnlineEndpoint")
)


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """The required tags are there and say something."""
    if resource.type not in _TAGGED:
        return
    tags = at(resource.props, "tags")
    if tags is UNKNOWN:
        return
    missing = [tag for tag in settings["required"] if at(tags, tag) in (None, "")]
    if missing:
        yield f"it isn't tagged with {', '.join(missing)}"


RULE = ResourceRule(
    name="tags",
    title="Tags",
    category="governance",
    controls=("AM-1",),
    production={"required": ["project", "environment", "owner", "cost-center"]},
    reason="Without them nobody can say whose a resource is, nor whose costs they are.",
    fix="Write `mlops:environment`, `mlops:owner` and `mlops:costCenter`; further tags go under `mlops:tags`.",
    link="https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources",
    severity="medium",
    settings={
        "required": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["environment", "owner", "cost-center"],
        }
    },
    check=check,
)
