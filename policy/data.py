"""Data: encrypted on its way and at rest, nobody's but its owner's, and there again when somebody deletes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import recovery
from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, at, items, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_https = (
    Demand(azure.STORAGE_ACCOUNT, "enableHttpsTrafficOnly", (True,), unset=True),
    Demand(azure.DATASTORE, "properties.protocol", ("https", "abfss"), unset=True),
    Demand(azure.REDIS, "enableNonSslPort", (False,), unset=True),
)
_REDUNDANT = ("ZRS", "GRS", "GZRS", "RAGRS", "RAGZRS")


def _encrypted_traffic(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """HTTPS only, and no web hook over plain HTTP."""
    for demand in _https:
        if resource.type == demand.type and (failure := demand.failure(resource)):
            yield failure
    if resource.type in (azure.EVENT_SUBSCRIPTION, azure.SYSTEM_TOPIC_SUBSCRIPTION):
        url = at(resource.props, "destination.endpointUrl")
        if isinstance(url, str) and url.lower().startswith("http:"):
            yield "it delivers events over plain HTTP"


def _customer_keys(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """Storage, registry and workspace are encrypted with a key of the vault."""
    if resource.type == azure.STORAGE_ACCOUNT:
        source = at(resource.props, "encryption.keySource")
        if source is not UNKNOWN and str(source).lower() != "microsoft.keyvault":
            yield "it is encrypted with Microsoft's key (encryption.keySource)"
    if resource.type == azure.REGISTRY:
        status = at(resource.props, "encryption.status")
        if status is not UNKNOWN and str(status).lower() != "enabled":
            yield "it is encrypted with Microsoft's key (encryption.status)"
    # A project has the key of its hub.
    if resource.type == azure.WORKSPACE and at(resource.props, "hubResourceId") is None:
        status = at(resource.props, "encryption.status")
        if status is not UNKNOWN and str(status).lower() != "enabled":
            yield "it is encrypted with Microsoft's key (encryption.status)"


def _rotates(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type != azure.KEY:
        return
    path = "properties.rotationPolicy.lifetimeActions"
    if at(resource.props, path) is UNKNOWN or at(resource.props, "properties.rotationPolicy") is UNKNOWN:
        return
    kinds = [at(action, "action.type") for action in items(resource.props, path)]
    if not any(kind is UNKNOWN or str(kind).lower() == "rotate" for kind in kinds):
        yield "nothing rotates it (rotationPolicy)"


def _redundancy(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type != azure.STORAGE_ACCOUNT:
        return
    name = at(resource.props, "sku.name")
    if isinstance(name, str) and name.rpartition("_")[2].upper() not in settings["allowed"]:
        yield f"sku.name is {name}; allowed are {', '.join(settings['allowed'])}"


RULES = (
    rule_of(
        "tls",
        "TLS 1.2",
        "data",
        # Left out, Azure takes TLS 1.0.
        Demand(azure.STORAGE_ACCOUNT, "minimumTlsVersion", ("TLS1_2", "TLS1_3")),
        Demand(azure.TOPIC, "minimumTlsVersionAllowed", ("1.2",), unset=True),
        Demand(azure.SERVICE_BUS, "minimumTlsVersion", ("1.2", "1.3"), unset=True),
        Demand(azure.REDIS, "minimumTlsVersion", ("1.2", "1.3")),
        controls=("DP-3", "CIS 3.15"),
        safe=True,
        reason="Older versions of TLS can be broken.",
        fix="Leave `minimumTlsVersion: TLS1_2` as the platform sets it.",
        link="https://learn.microsoft.com/azure/storage/common/transport-layer-security-configure-minimum-version",
    ),
    ResourceRule(
        name="encrypted-traffic",
        title="HTTPS only",
        category="data",
        controls=("DP-3", "CIS 3.1"),
        reason="Plain HTTP is read by everybody on the way.",
        fix="Leave HTTPS only as the platform sets it, and write https:// in web hooks.",
        link="https://learn.microsoft.com/azure/storage/common/storage-require-secure-transfer",
        check=_encrypted_traffic,
    ),
    rule_of(
        "anonymous-blobs",
        "No anonymous blobs",
        "data",
        Demand(azure.STORAGE_ACCOUNT, "allowBlobPublicAccess", (False,), unset=True),
        Demand(azure.BLOB_CONTAINER, "publicAccess", ("None",), unset=True),
        controls=("NS-2", "CIS 3.7"),
        severity="critical",
        safe=True,
        reason="Whoever guesses an address reads the data.",
        fix="Leave `allow_blob_public_access=False`; give roles, or a user delegation SAS for a while.",
        link="https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent",
    ),
    rule_of(
        "anonymous-pull",
        "No anonymous pulls",
        "data",
        Demand(azure.REGISTRY, "anonymousPullEnabled", (False,), unset=True),
        controls=("IM-1",),
        safe=True,
        reason="Images hold the code, and often more than was meant to be in them.",
        fix="Leave `anonymous_pull_enabled` off; identities pull with the role AcrPull.",
        link="https://learn.microsoft.com/azure/container-registry/anonymous-pull-access",
    ),
    rule_of(
        "cross-tenant-replication",
        "No replication to other tenants",
        "data",
        Demand(azure.STORAGE_ACCOUNT, "allowCrossTenantReplication", (False,)),
        controls=("DP-2",),
        severity="medium",
        safe=True,
        reason="A replication rule copies every new blob to a stranger's account, and nobody sees it leave.",
        fix="Leave `allow_cross_tenant_replication=False`.",
        link="https://learn.microsoft.com/azure/storage/blobs/object-replication-prevent-cross-tenant-policies",
    ),
    ResourceRule(
        name="customer-managed-keys",
        title="Customer-managed keys",
        category="data",
        controls=("DP-5", "CIS 3.12"),
        reason="Whoever has to prove that they can take the key away needs one of their own.",
        fix="Write `mlops:encryption: {keys: customer}` before the first `pulumi up`: a workspace can't change later.",
        link="https://learn.microsoft.com/azure/machine-learning/concept-customer-managed-keys",
        check=_customer_keys,
    ),
    ResourceRule(
        name="key-rotation",
        title="Keys rotate",
        category="data",
        controls=("DP-6", "CIS 8.8"),
        severity="medium",
        reason="The longer one key is used, the more is lost with it.",
        fix="Give the key a `rotation_policy`; the platform's rotates once a year.",
        link="https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation",
        check=_rotates,
    ),
    ResourceRule(
        name="storage-redundancy",
        title="Data survives a data centre",
        category="data",
        controls=("BR-1",),
        severity="medium",
        reason="Locally redundant storage is in one building.",
        fix="Write `mlops:storage: {redundancy: ZRS}`, or GZRS to survive the region.",
        link="https://learn.microsoft.com/azure/storage/common/storage-redundancy",
        settings={"allowed": {"type": "array", "items": {"type": "string"}, "default": list(_REDUNDANT)}},
        check=_redundancy,
    ),
    recovery.BLOBS,
    recovery.VERSIONS,
    recovery.PURGE,
    recovery.PROTECTED,
)
