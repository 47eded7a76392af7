"""Address ranges for a fleet's workspaces: deterministic, without overlap, and never moved once given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AddressError(Exception):
    """Ranges can't be allotted as asked; the message is one line that says what to write instead."""


@dataclass(frozen=True)
class Wish:
    """What a workspace asks for: a range of its own choice, or the size of one (a prefix length, 16 to 22)."""

    size: int
    chosen: IPv4Network | None = None
    sized: bool = False  #: whether the workspace itself names the size


def allot(
    pool: IPv4Network | None,
    wishes: Mapping[str, Wish],
    held: Mapping[str, IPv4Network],
    unusable: Sequence[IPv4Network] = (),
) -> dict[str, IPv4Network]:
    """The range of each workspace that has one.

    A range that was chosen is taken as it is; one that is held stays, whatever the pool and the sizes have become; the
    others get the lowest free ranges of the pool, larger ones first, then by name. Without a pool they get none.

    Args:
        pool: what ranges are cut out of.
        wishes: by workspace.
        held: ranges given before, also those of workspaces that are no longer in the fleet but not destroyed.
        unusable: parts of the pool that nobody gets.

    Raises:
        AddressError: two ranges overlap, a range that is held has another size, or the pool has no room left.
    """
    given = {name: wish.chosen for name, wish in wishes.items() if wish.chosen is not None}
    taken = {**held, **given}
    _refuse_overlap(taken, given)
    _refuse_resize(wishes, held)
    given |= {name: held[name] for name in wishes if name in held and name not in given}
    if pool is None:
        return given
    waiting = sorted((wish.size, name) for name, wish in wishes.items() if name not in given)
    for size, name in waiting:
        free = _lowest_free(pool, size, [*unusable, *taken.values()])
        if free is None:
            raise AddressError(
                f"addressSpace: {pool} has no /{size} left for {name}; write a larger one, smaller sizes, or an "
                f"addressSpace of its own at workspaces.{name}"
            )
        given[name] = taken[name] = free
    return given


def _refuse_overlap(taken: Mapping[str, IPv4Network], chosen: Mapping[str, IPv4Network]) -> None:
    for name, network in sorted(chosen.items()):
        for other, range_ in sorted(taken.items()):
            if other != name and network.overlaps(range_) and not (other in chosen and other < name):
                raise AddressError(
                    f"workspaces.{name}.addressSpace: {network} overlaps with {range_} of {other}, so the two networks could "
                    "never be joined; write another range"
                )


def _refuse_resize(wishes: Mapping[str, Wish], held: Mapping[str, IPv4Network]) -> None:
    for name, wish in sorted(wishes.items()):
        if wish.sized and wish.chosen is None and name in held and held[name].prefixlen != wish.size:
            raise AddressError(
                f"workspaces.{name}.size: {name} has {held[name]} since it was made, and a range never moves by itself; "
                "leave the size out, or write an addressSpace to replace its network"
            )


def _lowest_free(pool: IPv4Network, size: int, taken: list[IPv4Network]) -> IPv4Network | None:
    """The lowest range of this size in the pool that overlaps with none of the taken ones."""
    if size < pool.prefixlen:
        return None
    step = 1 << (32 - size)
    start, end = int(pool.network_address), int(pool.broadcast_address)
    while start + step - 1 <= end:
        candidate = IPv4Network((start, size))
        blocking = [int(network.broadcast_address) for network in taken if network.overlaps(candidate)]
        if not blocking:
            return candidate
        # Behind what is in the way, on the next boundary of this size.
        start = (max(blocking) // step + 1) * step
    return None
