"""Identity: everybody signs in with Microsoft Entra ID, what acts on its own as a managed identity, and has few rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import federation, plain_secret, role
from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, at, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEED_ONE = frozenset(
    {azure.WORKSPACE, azure.COMPUTE, azure.NATIVE_ONLINE_ENDPOINT, azure.SYSTEM_TOPIC, azure.WORKFLOW}
)
#: Whom events are delivered to without an identity, as the address itself is what lets them in.
_ADDRESSED = frozenset({"WebHook", "PartnerDestination"})
_KEYS = "Keys and local users are nobody's: they are copied, don't expire, and no log says who used them."


def _has_identity(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type in _NEED_ONE:
        kind = at(resource.props, "identity.type")
        if kind is not UNKNOWN and str(kind or "None").lower() == "none":
            yield "it has no managed identity"
    if resource.type == azure.ONLINE_ENDPOINT and not at(resource.props, "identity_id"):
        yield "it has no managed identity"


def _delivers(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type in (azure.EVENT_SUBSCRIPTION, azure.SYSTEM_TOPIC_SUBSCRIPTION):
        kind = at(resource.props, "destination.endpointType")
        if kind is not None and kind is not UNKNOWN and kind not in _ADDRESSED:
            yield f"it delivers to a {kind} without an identity (destination, not deliveryWithResourceIdentity)"


RULES = (
    ResourceRule(
        name="managed-identity",
        title="Managed identity",
        category="identity",
        controls=("IM-3",),
        reason="Without an identity of its own a service needs somebody's password or key, which leaks and expires.",
        fix="Give the resource an `identity` in the program; everything that the platform makes has one.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-setup-authentication",
        check=_has_identity,
    ),
    ResourceRule(
        name="event-delivery-identity",
        title="Events delivered by identity",
        category="identity",
        controls=("IM-3",),
        reason="Without an identity Event Grid delivers with a key of the queue's account, which has to be allowed then.",
        fix="Use `delivery_with_resource_identity` in place of `destination`.",
        link="https://learn.microsoft.com/azure/event-grid/managed-service-identity",
        check=_delivers,
    ),
    rule_of(
        "storage-shared-keys",
        "Storage without keys",
        "identity",
        Demand(azure.STORAGE_ACCOUNT, "allowSharedKeyAccess", (False,)),
        controls=("IM-1",),
        reason=_KEYS,
        fix="Write `mlops:storage: {sharedKeys: false}`.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-disable-local-auth-storage",
    ),
    rule_of(
        "registry-admin-user",
        "Registries without an admin user",
        "identity",
        Demand(azure.REGISTRY, "adminUserEnabled", (False,), unset=True),
        controls=("IM-1",),
        safe=True,
        reason=_KEYS,
        fix="Leave `admin_user_enabled` off; identities pull with the role AcrPull.",
        link="https://learn.microsoft.com/azure/container-registry/container-registry-authentication",
    ),
    rule_of(
        "vault-roles",
        "Vaults by roles",
        "identity",
        Demand(azure.VAULT, "properties.enableRbacAuthorization", (True,)),
        controls=("PA-7", "CIS 8.6"),
        reason="Access policies are the vault's own: who may change the vault may read all of it, and no review sees it.",
        fix="Set `enable_rbac_authorization=True`, and give roles such as Key Vault Secrets User.",
        link="https://learn.microsoft.com/azure/key-vault/general/rbac-guide",
    ),
    rule_of(
        "compute-local-authentication",
        "Computes without local users",
        "identity",
        Demand(azure.COMPUTE, "properties.disableLocalAuth", (True,)),
        controls=("IM-1",),
        reason=_KEYS,
        fix="Set `disable_local_auth=True`; the platform's computes have it.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-integrate-azure-policy",
    ),
    rule_of(
        "messaging-local-authentication",
        "Topics and queues without keys",
        "identity",
        Demand(azure.TOPIC, "disableLocalAuth", (True,)),
        Demand(azure.SERVICE_BUS, "disableLocalAuth", (True,)),
        controls=("IM-1",),
        reason=_KEYS,
        fix="Set `disable_local_auth=True`, and give roles such as Azure Service Bus Data Sender.",
        link="https://learn.microsoft.com/azure/service-bus-messaging/disable-local-authentication",
    ),
    rule_of(
        "datastore-credentials",
        "Datastores without keys",
        "identity",
        Demand(azure.DATASTORE, "properties.credentials.credentialsType", ("None",)),
        Demand(azure.WORKSPACE, "systemDatastoresAuthMode", ("identity", "userdelegationsas")),
        controls=("IM-3",),
        reason="A key in a datastore gives everybody in the workspace the whole account, whatever their own roles say.",
        fix="Leave the credentials out; jobs and people read data as themselves.",
        link="https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication",
    ),
    role.PRIVILEGED,
    role.BOUNDLESS,
    role.TYPED,
    role.NAMED,
    federation.RULE,
    plain_secret.RULE,
)
