"""Microsoft.ContainerService: managed Kubernetes clusters and their agent pools, as targets for Azure Machine Learning.

Scope: clusters and pools as records with Azure's defaults, names and rules; pools written with the cluster or by themselves.
Omitted: there are no nodes and no Kubernetes API. Whatever leads there is 501: credentials (``listClusterUserCredential``…),
``runCommand``, starting and stopping, upgrades, node images, maintenance, extensions; so is the group of a cluster's nodes.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, conflict
from local.azure.network.name import CLUSTER, POOL
from local.azure.network.record import etag_of, given
from local.azure.network.reference import exists
from local.azure.resource_id import parse
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location
from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_POOL_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
_WINDOWS_POOL_NAME = re.compile(r"[a-z][a-z0-9]{0,5}")
_DNS_PREFIX = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,52}[A-Za-z0-9])?")
#: the version of a cluster that asks for none
_VERSION = "1.32"
_MOST_POOLS = 100
_NETWORK = {
    "networkPlugin": "kubenet",
    "loadBalancerSku": "standard",
    "outboundType": "loadBalancer",
    "podCidr": "10.244.0.0/16",
    "serviceCidr": "10.0.0.0/16",
    "dnsServiceIP": "10.0.0.10",
    "ipFamilies": ["IPv4"],
}
_POOL_DEFAULTS = {
    "count": 1,
    "vmSize": "Standard_DS2_v2",
    "osDiskSizeGB": 128,
    "osDiskType": "Managed",
    "kubeletDiskType": "OS",
    "maxPods": 110,
    "type": "VirtualMachineScaleSets",
    "enableAutoScaling": False,
    "scaleDownMode": "Delete",
    "osType": "Linux",
    "enableNodePublicIP": False,
    "enableFIPS": False,
    "mode": "User",
}
#: what can't be changed after creation, of a cluster and of a pool
_FIXED = ("dnsPrefix", "fqdnSubdomain", "nodeResourceGroup")
_FIXED_OF_POOL = ("vmSize", "osType", "osDiskSizeGB", "osDiskType", "vnetSubnetID", "podSubnetID", "maxPods")


def _invalid(what: str, target: str) -> Any:
    return bad_request(what, code="InvalidParameter", target=target)


def _check_fixed(fixed: tuple[str, ...], properties: Json, old: Record | None, prefix: str) -> None:
    known: Json = old.body["properties"] if old is not None else {}
    for key in fixed:
        if key in known and properties.get(key, known[key]) != known[key]:
            raise conflict(
                f"Changing property '{prefix}.{key}' is not allowed.", code="PropertyChangeNotAllowed"
            )


def _pool(azure: Azure, name: str, properties: Json, old: Record | None, version: str) -> Json:
    """A pool's properties, checked and completed."""
    known: Json = old.body["properties"] if old is not None else {}
    pattern = _WINDOWS_POOL_NAME if properties.get("osType") == "Windows" else _POOL_NAME
    if not pattern.fullmatch(name):
        raise _invalid(
            f"The pool name '{name}' is invalid: it starts with a lower-case letter and has up to 12 (Windows: 6) lower-case "
            "letters and digits.",
            "agentPoolProfile.name",
        )
    _check_fixed(_FIXED_OF_POOL, properties, old, "properties")
    for key in ("vnetSubnetID", "podSubnetID"):
        if properties.get(key) and not exists(azure, str(properties[key])):
            raise _invalid(f"The subnet {properties[key]} was not found.", f"agentPoolProfile.{key}")
    shown: Json = {**_POOL_DEFAULTS, **known, **properties}
    if shown["enableAutoScaling"] and not 0 <= int(shown.get("minCount") or 0) <= int(
        shown.get("maxCount") or 0
    ):
        raise _invalid(
            f"Pool '{name}' scales from {shown.get('minCount')} to {shown.get('maxCount')}: both are needed, in this order.",
            "agentPoolProfile.minCount",
        )
    if shown["mode"] == "System" and (shown["osType"] != "Linux" or int(shown["count"]) < 1):
        raise _invalid(f"The system pool '{name}' needs Linux and one node or more.", "agentPoolProfile.mode")
    asked = str(shown.get("orchestratorVersion") or version)
    return {
        **shown,
        "orchestratorVersion": asked,
        "currentOrchestratorVersion": asked if asked.count(".") > 1 else f"{asked}.0",
        "powerState": {"code": "Running"},
        "provisioningState": "Succeeded",
    }


def _prepare_cluster(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_location(body)
    if not _NAME.fullmatch(resource_id.name):
        raise _invalid(
            f"The cluster name '{resource_id.name}' is invalid: 1 to 63 letters, digits, '-' and '_', with a letter or digit at "
            "both ends.",
            "name",
        )
    properties = given(body)
    if not (body.get("identity") or properties.get("servicePrincipalProfile")):
        raise _invalid("A managed cluster needs an identity or a servicePrincipalProfile.", "identity")
    _check_fixed(_FIXED, properties, old, "properties")
    known: Json = old.body["properties"] if old is not None else {}
    prefix = str(
        properties.get("dnsPrefix") or known.get("dnsPrefix") or properties.get("fqdnSubdomain") or ""
    )
    if not _DNS_PREFIX.fullmatch(prefix):
        raise _invalid(
            f"The dnsPrefix '{prefix}' is invalid: 1 to 54 letters, digits and '-', with a letter or digit at both ends.",
            "properties.dnsPrefix",
        )
    version = str(properties.get("kubernetesVersion") or known.get("kubernetesVersion") or _VERSION)
    shown: Json = {
        "enableRBAC": True,
        "disableLocalAccounts": False,
        "supportPlan": "KubernetesOfficial",
        "servicePrincipalProfile": {"clientId": "msi"},
        "nodeResourceGroup": f"MC_{resource_id.resource_group}_{resource_id.name}_{body['location']}"[:80],
        "maxAgentPools": _MOST_POOLS,
        **known,
        **properties,
        **_names(resource_id, prefix, str(body["location"]), properties),
        "networkProfile": {**_NETWORK, **(properties.get("networkProfile") or {})},
        "kubernetesVersion": version,
        "currentKubernetesVersion": version if version.count(".") > 1 else f"{version}.0",
        "powerState": {"code": "Running"},
        "resourceUID": known.get("resourceUID") or uuid.uuid4().hex[:24],
        "agentPoolProfiles": _pools_of(azure, resource_id, properties, version),
        "provisioningState": "Succeeded",
    }
    if (shown.get("oidcIssuerProfile") or {}).get("enabled"):
        issuer = f"https://{body['location']}.oic.prod-aks.azure.com/{TENANT_ID}/{shown['resourceUID']}/"
        shown["oidcIssuerProfile"] = {"enabled": True, "issuerURL": issuer}
    return {
        **body,
        "sku": {"name": "Base", "tier": "Free", **(body.get("sku") or {})},
        "tags": body.get("tags") or {},
        "properties": shown,
    }


def _names(resource_id: ResourceId, prefix: str, location: str, properties: Json) -> Json:
    """The names of the API server."""
    start = f"{prefix}-{hashlib.sha256(resource_id.key.encode()).hexdigest()[:8]}"
    shown: Json = {"dnsPrefix": prefix, "azurePortalFQDN": f"{start}.portal.hcp.{location}.azmk8s.io"}
    if (properties.get("apiServerAccessProfile") or {}).get("enablePrivateCluster"):
        return {
            **shown,
            "privateFQDN": f"{start}.{uuid.uuid5(uuid.NAMESPACE_URL, start)}.privatelink.{location}.azmk8s.io",
        }
    return {**shown, "fqdn": f"{start}.hcp.{location}.azmk8s.io"}


def _pools_of(azure: Azure, resource_id: ResourceId, properties: Json, version: str) -> list[Json]:
    """The pools written with a cluster. A cluster always has a system pool."""
    asked: list[Json] = properties.get("agentPoolProfiles") or []
    there = azure.store.below(resource_id.text, POOL)
    pools: list[Json] = []
    for one in asked:
        name = str(one.get("name") or "")
        inner = {key: value for key, value in one.items() if key != "name" and value is not None}
        old = azure.store.get(f"{resource_id.text}/agentPools/{name}")
        pools.append({"name": name, **_pool(azure, name, inner, old, version)})
    modes = {pool.name: pool.body["properties"]["mode"] for pool in there}
    modes |= {pool["name"]: pool["mode"] for pool in pools}
    if "System" not in modes.values():
        raise bad_request(
            "Must define at least one system pool (agentPoolProfiles with the mode 'System').",
            code="AgentPoolProfileSystemPoolMissing",
        )
    return pools


async def _settle_cluster(azure: Azure, record: Record) -> Json | None:
    """Makes the pools that came with a cluster. Pools that it leaves out stay: they are deleted by themselves."""
    properties: Json = dict(record.body["properties"])
    for pool in properties.pop("agentPoolProfiles", None) or []:
        path = f"{record.id}/agentPools/{pool['name']}"
        body = {"properties": {key: value for key, value in pool.items() if key != "name"}}
        old = azure.store.get(path)
        if old is None or old.body != body:
            azure.store.put(path, body)
    return {**record.body, "properties": properties}


def _view_cluster(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    pools: Any = body["properties"].get("agentPoolProfiles")
    if pools is None:
        pools = [
            {"name": pool.name, **pool.body["properties"], "eTag": etag_of(pool)[3:-1]}
            for pool in azure.store.below(record.id, POOL)
        ]
    properties = {**body["properties"], "agentPoolProfiles": pools}
    return {**body, "eTag": etag_of(record)[3:-1], "properties": properties}


def _prepare_pool(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    cluster = azure.store.get(resource_id.parent)
    version = str(cluster.body["properties"]["kubernetesVersion"]) if cluster is not None else _VERSION
    others = [
        pool for pool in azure.store.below(resource_id.parent, POOL) if pool.id.lower() != resource_id.key
    ]
    if len(others) >= _MOST_POOLS:
        raise bad_request(
            f"A cluster has up to {_MOST_POOLS} agent pools.", code="AgentPoolCountLimitReached"
        )
    properties = _pool(azure, resource_id.name, given(body), old, version)
    if properties["mode"] != "System":
        _check_system(others, resource_id.name)
    return {"properties": properties}


def _check_system(others: list[Record], name: str) -> None:
    if others and not any(pool.body["properties"]["mode"] == "System" for pool in others):
        raise bad_request(
            f"Pool '{name}' is the last system pool; a cluster needs one.",
            code="LastSystemPoolCannotBeRemoved",
        )


def _keep_last_system(azure: Azure, record: Record) -> None:
    others = [
        pool
        for pool in azure.store.below(parse(record.id).parent, POOL)
        if pool.id.lower() != record.id.lower()
    ]
    if not any(pool.body["properties"]["mode"] == "System" for pool in others):
        raise bad_request(
            f"Pool '{record.name}' is the last system pool; a cluster needs one.",
            code="LastSystemPoolCannotBeRemoved",
        )


def _view_pool(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "properties": {**body["properties"], "eTag": etag_of(record)[3:-1]}}


def _merge_tags(body: Json, patch: Json) -> Json:
    """PATCH changes a cluster's tags alone."""
    return {**body, "tags": patch.get("tags") or {}}


async def _settled(_azure: Azure, _record: Record) -> Json | None:
    return None


async def _vanish(_azure: Azure, _record: Record) -> None:
    """A deletion is a long operation with nothing to do."""


TYPES = (
    ResourceType(
        CLUSTER,
        prepare=_prepare_cluster,
        settle=_settle_cluster,
        vanish=_vanish,
        view=_view_cluster,
        merge=_merge_tags,
        merge_now=True,
    ),
    ResourceType(
        POOL,
        prepare=_prepare_pool,
        settle=_settled,
        vanish=_vanish,
        guard_delete=_keep_last_system,
        view=_view_pool,
    ),
)
