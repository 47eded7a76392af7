"""Everybody signs in with Microsoft Entra ID; no keys, no local users."""

from __future__ import annotations

from policy import resource_type as azure
from policy.rule import Demand, ResourceRule, demanding

RULE = ResourceRule(
    name="local-authentication",
    title="Local authentication",
    reason="Keys and local users are nobody's: they are copied, don't expire, and no log says who used them.",
    fix="Write `mlops:storage: {sharedKeys: false}`; nothing else that the platform makes takes keys.",
    link="https://learn.microsoft.com/azure/machine-learning/how-to-disable-local-auth-storage",
    check=demanding(
        Demand(azure.STORAGE_ACCOUNT, "allowSharedKeyAccess", (False,)),
        Demand(azure.REGISTRY, "adminUserEnabled", (False,), unset=True),
        Demand(azure.VAULT, "properties.enableRbacAuthorization", (True,)),
        Demand(azure.COMPUTE, "properties.disableLocalAuth", (True,)),
        Demand(azure.TOPIC, "disableLocalAuth", (True,)),
        Demand(azure.WORKSPACE, "systemDatastoresAuthMode", ("identity", "userdelegationsas")),
        Demand(azure.DATASTORE, "properties.credentials.credentialsType", ("None",)),
    ),
)
