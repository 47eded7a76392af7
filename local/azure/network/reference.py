"""References between network resources: what must exist, who uses what, address ranges."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(prefixes: Iterable[Any], what: str) -> list[IpNetwork]:
    """Address prefixes, parsed.

    Raises:
        ArmError: 400, one isn't CIDR or has host bits.
    """
    try:
        return [ipaddress.ip_network(str(prefix)) for prefix in prefixes]
    except ValueError as error:
        raise bad_request(
            f"The address prefix of {what} is invalid: {error}.", code="InvalidAddressPrefixFormat"
        ) from None


def prefixes_of(properties: Json) -> list[str]:
    """``addressPrefixes``, or the one ``addressPrefix``."""
    return properties.get("addressPrefixes") or (
        [properties["addressPrefix"]] if properties.get("addressPrefix") else []
    )


def within(inner: IpNetwork, outer: IpNetwork) -> bool:
    """Whether a range lies in another of the same version."""
    return inner.version == outer.version and inner.subnet_of(outer)  # pyright: ignore[reportArgumentType]


def exists(azure: Azure, resource_id: str) -> bool:
    """Whether a resource is there, or the part of one (a load balancer's frontend) that an id names."""
    if azure.store.get(resource_id) is not None:
        return True
    try:
        parsed = parse(resource_id)
    except ArmError:
        return False
    owner = azure.store.get(parsed.parent) if len(parsed.names) > 1 else None
    if owner is None:
        return False
    parts: Any = (owner.body.get("properties") or {}).get(parsed.type.rsplit("/", 1)[1])
    return isinstance(parts, list) and any(
        str(part.get("name")).lower() == parsed.name.lower() for part in parts if isinstance(part, dict)
    )


def check_reference(azure: Azure, reference: Any) -> None:
    """Refuses ``{"id": …}`` of what doesn't exist (400)."""
    if isinstance(reference, dict) and reference and not exists(azure, str(reference.get("id"))):
        raise bad_request(
            f"Resource {reference.get('id')} referenced here was not found. Please make sure that the referenced resource "
            "exists, and that both resources are in the same region.",
            code="InvalidResourceReference",
        )


def same(reference: Any, resource_id: str) -> bool:
    """Whether ``{"id": …}`` means a resource."""
    return isinstance(reference, dict) and str(reference.get("id")).lower() == resource_id.lower()


def mentions(value: Any, key: str) -> bool:
    """Whether a body holds an id (given in lower case) as a whole value, however deep."""
    if isinstance(value, str):
        return value.lower() == key
    if isinstance(value, dict):
        return any(mentions(inner, key) for inner in value.values())
    return isinstance(value, list) and any(mentions(inner, key) for inner in value)


def users(azure: Azure, resource_id: str, types: Iterable[str]) -> list[Record]:
    """The resources of some types whose properties name a resource."""
    key = resource_id.lower()
    return [
        record
        for kind in types
        for record in azure.store.of_type(kind)
        if record.id.lower() != key and mentions(record.body.get("properties"), key)
    ]


def in_use(what: str, record: Record, by: str) -> ArmError:
    """The refusal to delete what something else needs."""
    return bad_request(
        f"{what} {record.name} is in use by {by} and cannot be deleted.", code=f"InUse{what}CannotBeDeleted"
    )
