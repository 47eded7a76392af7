"""Private addresses that bodies ask for, and the ranges they fit. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def prefixes(near: Sequence[str]) -> list[str]:
    """The ranges that hold some addresses, one /24 each."""
    return list(dict.fromkeys(str(ipaddress.ip_network(f"{address}/24", strict=False)) for address in near))


def addresses(value: Any) -> Iterator[str]:
    """Every private IPv4 address that a body asks for."""
    if isinstance(value, list):
        for item in value:
            yield from addresses(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "privateIPAddress" and isinstance(item, str) and re.fullmatch(r"[\d.]+", item):
                yield item
            else:
                yield from addresses(item)


def within(value: Any, ranges: Sequence[str]) -> Any:
    """A body with every address that it asks for moved into the first of some ranges; as it is where there are none."""
    if not ranges:
        return value
    if isinstance(value, list):
        return [within(item, ranges) for item in value]
    if not isinstance(value, dict):
        return value
    network = ipaddress.ip_network(ranges[0], strict=False)
    moved: dict[str, Any] = {}
    for key, item in value.items():
        if key == "privateIPAddress" and isinstance(item, str) and re.fullmatch(r"[\d.]+", item):
            # The first four of a subnet are Azure's own.
            last = int(item.rpartition(".")[2])
            moved[key] = str(network[4 + last % max(network.num_addresses - 5, 1)])
        else:
            moved[key] = within(item, ranges)
    return moved
