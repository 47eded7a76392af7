"""Resources that no PUT makes: what brings them about, by type.

``steps`` are requests; in them ``$parent`` is the resource's parent, ``$group`` its resource group, ``$scope`` what the
documented path is in, ``$name`` the resource's name, ``$kind`` the private link group of the parent's type. Where Azure
gives the name, ``listed`` is the list that shows it afterwards: the example is then asked for that name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One request."""

    method: str
    path: str
    body: Json | None = None
    #: the type whose least body (``minimal.py``) is sent instead
    minimal: str = ""


@dataclass(frozen=True)
class Arising:
    """How a resource comes about."""

    steps: tuple[Step, ...]
    listed: str | None = None


def further(kind: str, documented: Any) -> tuple[Step, ...]:
    """What must be done to a resource, ``$name`` in ``$parent``, for what its documentation shows and no PUT sets."""
    properties = documented.get("properties") if isinstance(documented, dict) else None
    if not isinstance(properties, dict):
        return ()
    steps: list[Step] = []
    if kind == "microsoft.storage/storageaccounts/blobservices/containers":
        container = "$parent/containers/$name"
        if (policy := properties.get("immutabilityPolicy")) is not None:
            days = (policy.get("properties") or {}).get("immutabilityPeriodSinceCreationInDays", 1)
            body = {"properties": {"immutabilityPeriodSinceCreationInDays": days}}
            steps.append(Step("PUT", f"{container}/immutabilityPolicies/default", body))
        if holds := (properties.get("legalHold") or {}).get("tags"):
            steps.append(Step("POST", f"{container}/setLegalHold", {"tags": [hold["tag"] for hold in holds]}))
    if kind == "microsoft.storage/storageaccounts" and "storageAccountSkuConversionStatus" in properties:
        account = "$parent/providers/Microsoft.Storage/storageAccounts/$name"
        wanted = documented["sku"]["name"]
        other = "Standard_LRS" if wanted != "Standard_LRS" else "Standard_GRS"
        steps += [Step("PATCH", account, {"sku": {"name": sku}}) for sku in (other, wanted)]
    return tuple(steps)


def beforehand(kind: str, action: str, asked: Any) -> tuple[Step, ...]:
    """What must have been done to a resource before it is asked for an action."""
    if action.lower() == "extend" and kind.lower().endswith("/immutabilitypolicies"):
        return (Step("POST", "$parent/immutabilityPolicies/default/lock"),)
    if action.lower() == "lease" and isinstance(asked, dict) and asked.get("action") != "Acquire":
        lease = {"action": "Acquire", "leaseDuration": -1, "proposedLeaseId": asked.get("leaseId")}
        return (Step("POST", f"$parent/{kind.rpartition('/')[2]}/$name/lease", lease),)
    if action.lower() == "checkipaddressavailability":
        network = "$group/providers/Microsoft.Network/virtualNetworks/$name"
        subnet = {"properties": {"addressPrefix": "10.0.1.0/24"}}
        configuration = {
            "name": "replay",
            "properties": {"subnet": {"id": f"{network}/subnets/asked"}, "privateIPAddress": "10.0.1.4"},
        }
        interface = {"location": "westeurope", "properties": {"ipConfigurations": [configuration]}}
        return (
            Step("PUT", f"{network}/subnets/asked", subnet),
            Step("PUT", f"{_NET}/networkInterfaces/replay-taken", interface),
        )
    return ()


_NET = "$group/providers/Microsoft.Network"
_CONNECTION = Arising(
    (
        Step(
            "PUT",
            f"{_NET}/privateEndpoints/replay-endpoint",
            {
                "location": "westeurope",
                "properties": {
                    "subnet": {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/default"},
                    "privateLinkServiceConnections": [
                        {
                            "name": "replay",
                            "properties": {"groupIds": ["$kind"], "privateLinkServiceId": "$parent"},
                        }
                    ],
                },
            },
        ),
    ),
    "$parent/privateEndpointConnections",
)
_SUBNET = {"id": f"{_NET}/virtualNetworks/replay-vnet/subnets/default"}


def _balancer(segment: str) -> Arising:
    """A part of a load balancer arises with the balancer; the parts refer to each other."""
    names = dict.fromkeys(
        ("frontendIPConfigurations", "backendAddressPools", "probes", "outboundRules"), "replay"
    )
    names |= {"loadBalancingRules": "replay", "inboundNatRules": "replay-nat", segment: "$name"}

    def of(kind: str) -> Json:
        return {"id": f"$parent/{kind}/{names[kind]}"}

    ports = {"protocol": "Tcp", "frontendPort": 80, "backendPort": 80}
    frontend, pool = of("frontendIPConfigurations"), of("backendAddressPools")
    properties: Json = {
        "frontendIPConfigurations": [{"properties": {"subnet": _SUBNET}}],
        "backendAddressPools": [{"properties": {}}],
        "probes": [{"properties": {"protocol": "Http", "port": 80, "requestPath": "/"}}],
        "loadBalancingRules": [
            {
                "properties": {
                    **ports,
                    "frontendIPConfiguration": frontend,
                    "backendAddressPool": pool,
                    "probe": of("probes"),
                }
            }
        ],
        "inboundNatRules": [
            {"properties": {**ports, "frontendPort": 3389, "frontendIPConfiguration": frontend}}
        ],
        "outboundRules": [
            {
                "properties": {
                    "protocol": "All",
                    "frontendIPConfigurations": [frontend],
                    "backendAddressPool": pool,
                }
            }
        ],
    }
    named = {kind: [{"name": names[kind], **one} for one in items] for kind, items in properties.items()}
    body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": named}
    return Arising((Step("PUT", "$parent", body),))


_INTERFACE_ADDRESS = Arising(
    (
        Step(
            "PUT",
            "$parent",
            {
                "location": "westeurope",
                "properties": {
                    "ipConfigurations": [
                        {
                            "name": "$name",
                            "properties": {
                                "subnet": _SUBNET,
                                "virtualNetworkTaps": [{"id": f"{_NET}/virtualNetworkTaps/replay-tap"}],
                            },
                        }
                    ]
                },
            },
        ),
    )
)
_LINK_CONNECTION = Arising(
    (
        Step(
            "PUT",
            f"{_NET}/privateEndpoints/replay-endpoint",
            {
                "location": "westeurope",
                "properties": {
                    "subnet": _SUBNET,
                    "manualPrivateLinkServiceConnections": [
                        {"name": "replay", "properties": {"privateLinkServiceId": "$parent"}}
                    ],
                },
            },
        ),
    ),
    "$parent/privateEndpointConnections",
)
#: The private link group of each type that can have private endpoints.
KINDS: dict[str, str] = {
    "microsoft.containerregistry/registries": "registry",
    "microsoft.eventgrid/domains": "domain",
    "microsoft.eventgrid/topics": "topic",
    "microsoft.insights/privatelinkscopes": "azuremonitor",
    "microsoft.keyvault/vaults": "vault",
    "microsoft.machinelearningservices/registries": "amlregistry",
    "microsoft.machinelearningservices/workspaces": "amlworkspace",
    "microsoft.storage/storageaccounts": "blob",
}
ARISING: dict[str, Arising] = {
    **{f"{kind}/privateendpointconnections": _CONNECTION for kind in KINDS},
    **{
        f"microsoft.network/loadbalancers/{segment.lower()}": _balancer(segment)
        for segment in (
            "frontendIPConfigurations",
            "backendAddressPools",
            "probes",
            "loadBalancingRules",
            "inboundNatRules",
            "outboundRules",
        )
    },
    "microsoft.network/networkinterfaces/ipconfigurations": _INTERFACE_ADDRESS,
    "microsoft.network/privatelinkservices/privateendpointconnections": _LINK_CONNECTION,
    "microsoft.keyvault/locations/deletedvaults": Arising(
        (
            Step(
                "PUT",
                "$subscription/resourceGroups/replay/providers/Microsoft.KeyVault/vaults/$name",
                minimal="Microsoft.KeyVault/vaults",
            ),
            Step("DELETE", "$subscription/resourceGroups/replay/providers/Microsoft.KeyVault/vaults/$name"),
        )
    ),
    "microsoft.keyvault/vaults/keys/versions": Arising((), "$parent/versions"),
    "microsoft.storage/locations/deletedaccounts": Arising(
        tuple(
            Step(
                method,
                "$subscription/resourceGroups/replay/providers/Microsoft.Storage/storageAccounts/$name",
                minimal="Microsoft.Storage/storageAccounts" if method == "PUT" else "",
            )
            for method in ("PUT", "DELETE")
        )
    ),
    "microsoft.storage/storageaccounts/blobservices/containers/immutabilitypolicies": Arising(
        (
            Step(
                "PUT",
                "$parent/immutabilityPolicies/default",
                {"properties": {"immutabilityPeriodSinceCreationInDays": 3}},
            ),
        )
    ),
    "microsoft.logic/workflows/runs": Arising(
        (Step("POST", "$parent/triggers/manual/run", {}),), "$parent/runs"
    ),
}
