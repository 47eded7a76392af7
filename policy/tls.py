"""What travels is encrypted, with TLS 1.2 at least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import Demand, Resource, ResourceRule, at, demanding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_demands = demanding(
    # Left out, Azure takes TLS 1.0.
    Demand(azure.STORAGE_ACCOUNT, "minimumTlsVersion", ("TLS1_2", "TLS1_3")),
    Demand(azure.STORAGE_ACCOUNT, "enableHttpsTrafficOnly", (True,), unset=True),
    Demand(azure.TOPIC, "minimumTlsVersionAllowed", ("1.2",), unset=True),
    Demand(azure.DATASTORE, "properties.protocol", ("https", "abfss"), unset=True),
)


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """TLS 1.2 where Azure lets one choose, and no web hook over plain HTTP."""
    yield from _demands(resource, settings)
    if resource.type in (azure.EVENT_SUBSCRIPTION, azure.SYSTEM_TOPIC_SUBSCRIPTION):
        url = at(resource.props, "destination.endpointUrl")
        if isinstance(url, str) and url.lower().startswith("http:"):
            yield "it delivers events over plain HTTP"


RULE = ResourceRule(
    name="tls",
    title="TLS 1.2",
    reason="Older versions of TLS can be broken, and plain HTTP is read by everybody on the way.",
    fix="Leave `minimumTlsVersion: TLS1_2` and HTTPS only as the platform sets them.",
    link="https://learn.microsoft.com/azure/storage/common/transport-layer-security-configure-minimum-version",
    check=check,
)
