"""Governance: everything says whose it is and where it may be, is logged, and can't be deleted by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import diagnostic, region, tag
from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, StackRule, at, items, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LOCKS = frozenset({azure.LOCK, azure.GROUP_LOCK})
#: Abbreviations of Microsoft's Cloud Adoption Framework, and the property with the name.
_PREFIXES: Mapping[str, tuple[str, str]] = {
    azure.RESOURCE_GROUP: ("resourceGroupName", "rg-"),
    azure.WORKSPACE: ("workspaceName", "mlw-"),
    azure.VAULT: ("vaultName", "kv"),
    azure.REGISTRY: ("registryName", "cr"),
    azure.LOG_ANALYTICS: ("workspaceName", "log-"),
    azure.APPLICATION_INSIGHTS: ("resourceName", "appi-"),
    azure.VIRTUAL_NETWORK: ("virtualNetworkName", "vnet-"),
    azure.SECURITY_GROUP: ("networkSecurityGroupName", "nsg-"),
    azure.PRIVATE_ENDPOINT: ("privateEndpointName", "pep-"),
    azure.SYSTEM_TOPIC: ("systemTopicName", "evgt-"),
    azure.WORKFLOW: ("workflowName", "logic-"),
}
_RECEIVERS = (
    "emailReceivers",
    "webhookReceivers",
    "logicAppReceivers",
    "azureFunctionReceivers",
    "eventHubReceivers",
    "armRoleReceivers",
    "smsReceivers",
    "azureAppPushReceivers",
    "automationRunbookReceivers",
    "voiceReceivers",
    "itsmReceivers",
)


def _named(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Names begin with their kind's abbreviation; projects and hubs have one of their own."""
    if resource.type not in _PREFIXES:
        return
    path, prefix = _PREFIXES[resource.type]
    name = at(resource.props, path)
    allowed = (prefix, *settings["prefixes"])
    if name is None:
        yield f"{path} is not set, so its name is drawn by lot"
    elif isinstance(name, str) and not name.startswith(allowed):
        yield f"{path} is {name}; it begins with {' or '.join(allowed)}"


def _locked(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every account and vault is what some lock of the stack is on, itself or with its group."""
    locked: set[str] = set()
    for lock in (one for one in resources if one.type in _LOCKS):
        if at(lock.props, "level") in ("CanNotDelete", "ReadOnly", UNKNOWN):
            locked |= lock.uses.get("scope", frozenset()) | lock.uses.get("resourceGroupName", frozenset())
    for one in resources:
        held = {one.urn} | one.uses.get("resourceGroupName", frozenset())
        if one.type in (azure.STORAGE_ACCOUNT, azure.VAULT) and not held & locked:
            yield one, "no lock keeps it from being deleted"


def _governed(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Every resource group of the stack has an Azure Policy assignment of it."""
    governed = {
        urn
        for one in resources
        if one.type == azure.POLICY_ASSIGNMENT
        for urn in one.uses.get("scope", frozenset())
    }
    for one in resources:
        if one.type == azure.RESOURCE_GROUP and one.urn not in governed:
            yield one, "no Azure Policy is assigned to it"


def _told(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Somebody hears of alerts."""
    groups = [one for one in resources if one.type == azure.ACTION_GROUP]
    for group in groups:
        if at(group.props, "enabled") is False:
            yield group, "it is switched off"
        elif not any(at(group.props, key) is UNKNOWN or items(group.props, key) for key in _RECEIVERS):
            yield group, "nobody is told by it"
    if not groups:
        for one in resources:
            if one.type == azure.WORKSPACE:
                yield one, "no action group of the stack tells anybody of alerts"


def _kept(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    days = at(resource.props, "retentionInDays") if resource.type == azure.LOG_ANALYTICS else UNKNOWN
    if days is not UNKNOWN and (days or 30) < settings["days"]:
        yield f"logs are kept for {days or 30:g} days; {settings['days']:g} are asked for"


def _central(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    path = "workspaceResourceId"
    if resource.type == azure.APPLICATION_INSIGHTS and at(resource.props, path) is None:
        yield f"{path} is not set, so its logs are kept by themselves"


RULES = (
    tag.RULE,
    region.RULE,
    ResourceRule(
        name="names",
        title="Names say what they name",
        category="governance",
        severity="low",
        reason="Whoever reads an alert at night has to know what it is about.",
        fix="Use Microsoft's abbreviations, as `infra/names.py` does.",
        link="https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-abbreviations",
        settings={
            "prefixes": {"type": "array", "items": {"type": "string"}, "default": ["hub-", "proj-", "mlfs-"]}
        },
        check=_named,
    ),
    diagnostic.RULE,
    ResourceRule(
        name="log-retention",
        title="Logs are kept",
        category="governance",
        controls=("LT-6",),
        severity="medium",
        reason="Break-ins are found after months; by then the logs are gone.",
        fix="Write `mlops:observability: {retentionDays: 90}`.",
        link="https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure",
        settings={"days": {"type": "integer", "minimum": 30, "maximum": 730, "default": 30}},
        production={"days": 90},
        check=_kept,
    ),
    ResourceRule(
        name="central-logs",
        title="Logs in one place",
        category="governance",
        controls=("LT-5",),
        severity="low",
        reason="A question that spans two resources needs their logs in one workspace; and each deployment shows a change.",
        fix="Give Application Insights a `workspace_resource_id`.",
        link="https://learn.microsoft.com/azure/azure-monitor/app/create-workspace-resource",
        check=_central,
    ),
    StackRule(
        name="alert-recipients",
        title="Somebody hears of alerts",
        category="governance",
        controls=("IR-2",),
        severity="medium",
        # Whom to tell is the one thing that no profile can know.
        levels={"dev": "advisory", "prod": "advisory"},
        reason="An alert that nobody hears is a log.",
        fix="Write `mlops:alerts: {…}` with a mail address, a web hook or a Teams channel.",
        link="https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups",
        check=_told,
    ),
    StackRule(
        name="delete-locks",
        title="Delete locks",
        category="governance",
        controls=("AM-3", "CIS 10.1"),
        reason="One command deletes what holds the data, with all that is in it.",
        fix="Write `mlops:governance: {locks: true}`.",
        link="https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
        check=_locked,
    ),
    StackRule(
        name="azure-policies",
        title="Azure Policy assignments",
        category="governance",
        controls=("AM-2",),
        severity="medium",
        reason="This pack sees what this program makes; what people make beside it, only Azure Policy sees.",
        fix="Write `mlops:governance: {policies: deny}` or `audit`.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-integrate-azure-policy",
        check=_governed,
    ),
    rule_of(
        "legacy-mode",
        "No legacy mode",
        "governance",
        Demand(azure.WORKSPACE, "v1LegacyMode", (False,)),
        controls=("AM-2",),
        severity="medium",
        safe=True,
        reason="Left out, Azure decides by the subscription's age; in legacy mode endpoints and jobs of v2 are refused.",
        fix="Set `v1_legacy_mode=False`.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-configure-network-isolation-with-v2",
    ),
)
