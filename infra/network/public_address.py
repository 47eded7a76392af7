"""The public addresses of what leads into the network or out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_azure_native import network as azure

if TYPE_CHECKING:
    from collections.abc import Callable

    import pulumi

    from infra.names import Names
    from infra.scope import Scope


def public_address(
    name: str, called: Callable[[Names], str], *, scope: Scope, opts: pulumi.ResourceOptions
) -> azure.PublicIPAddress:
    """A static address of the Standard kind, which gateways, firewalls and bastions ask for.

    ``called``: picks its physical name.
    """
    return azure.PublicIPAddress(
        name,
        resource_group_name=scope.resource_group_name,
        location=scope.location,
        public_ip_address_name=scope.named(called),
        public_ip_allocation_method=azure.IPAllocationMethod.STATIC,
        sku=azure.PublicIPAddressSkuArgs(name=azure.PublicIPAddressSkuName.STANDARD),
        tags=scope.tags,
        opts=opts,
    )
