"""Compute: machines that nobody reaches from outside, in a network, each somebody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Resource, ResourceRule, StackRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INNER = "properties.properties"
_NODES = ("AmlCompute", "ComputeInstance")


def kind(resource: Resource) -> Any:
    """A compute's type; None for what isn't one."""
    return at(resource.props, "properties.computeType") if resource.type == azure.COMPUTE else None


def _ssh(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Port 22 is closed; left out, Azure closes it on instances, and on clusters in a network."""
    paths = {"AmlCompute": "remoteLoginPortPublicAccess", "ComputeInstance": "sshSettings.sshPublicAccess"}
    path = paths.get(kind(resource))
    value = at(resource.props, f"{_INNER}.{path}") if path else None
    if value is not UNKNOWN and value is not None and str(value).lower() != "disabled":
        yield f"{path} is {value}; it must be Disabled"


def _networked(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Nodes have a subnet, or their workspace has a managed network."""
    managed = {
        one.urn
        for one in resources
        if one.type == azure.WORKSPACE
        and (
            at(one.props, "managedNetwork") is UNKNOWN
            or _isolated(at(one.props, "managedNetwork.isolationMode"))
        )
    }
    for one in resources:
        alone = kind(one) in _NODES and at(one.props, f"{_INNER}.subnet") is None
        if alone and not managed & one.uses.get("workspaceName", frozenset()):
            yield one, "it has no subnet, and its workspace no managed network"


def _isolated(mode: Any) -> bool:
    return mode is UNKNOWN or (mode is not None and str(mode).lower() != "disabled")


def _owned(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if kind(resource) == "ComputeInstance":
        settings = f"{_INNER}.personalComputeInstanceSettings"
        if at(resource.props, f"{settings}.assignedUser") is None:
            yield "nobody is assigned to it, so it is its maker's, who is the pipeline"


def _personal(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Left out, Azure shares the applications of an instance."""
    path = f"{_INNER}.applicationSharingPolicy"
    value = at(resource.props, path) if kind(resource) == "ComputeInstance" else UNKNOWN
    if value is not UNKNOWN and str(value).lower() != "personal":
        yield f"applicationSharingPolicy is {'not set' if value is None else value}; it must be Personal"


RULES = (
    ResourceRule(
        name="closed-ssh",
        title="SSH closed",
        category="compute",
        controls=("NS-2", "CIS 6.2"),
        severity="critical",
        reason="An open port 22 is found within minutes, and its keys are tried for ever.",
        fix="Leave SSH closed; people use the studio's terminal, which signs them in.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        check=_ssh,
    ),
    StackRule(
        name="compute-networks",
        title="Computes in a network",
        category="compute",
        controls=("NS-2",),
        reason="Outside of a network nobody says what a job may reach, and private endpoints don't answer it.",
        fix="Write `mlops:network: {mode: private}` or `{mode: managed}`.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet",
        check=_networked,
    ),
    ResourceRule(
        name="instance-owners",
        title="Instances belong to a person",
        category="compute",
        controls=("PA-7",),
        reason="What runs on an instance has its owner's rights; one that a pipeline made has the pipeline's.",
        fix="Write the user's object id: `mlops:compute: {instances: [{name: …, vmSize: …, user: …}]}`.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        check=_owned,
    ),
    ResourceRule(
        name="instance-sharing",
        title="Instances aren't shared",
        category="compute",
        controls=("PA-7",),
        severity="medium",
        reason="Everybody in the workspace can open a shared instance's Jupyter, and act as its owner.",
        fix="Set `application_sharing_policy` to Personal; the platform's instances have it.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance",
        check=_personal,
    ),
)
