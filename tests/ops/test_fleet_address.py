"""Ranges of a fleet: no overlap, never moved, deterministic."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.fleet.address import AddressError, Wish, allot

POOL = IPv4Network("10.64.0.0/12")
names = st.sampled_from([f"w{number}" for number in range(30)])
wishes = st.dictionaries(names, st.builds(Wish, st.integers(18, 22)), max_size=20)


@given(wishes)
def test_no_two_ranges_overlap_and_all_are_of_their_size_and_in_the_pool(asked):
    given_ = allot(POOL, asked, {})
    assert given_.keys() == asked.keys()
    assert all(network.subnet_of(POOL) for network in given_.values())
    assert all(network.prefixlen == asked[name].size for name, network in given_.items())
    assert not any(one.overlaps(other) for one, other in combinations(given_.values(), 2))


@given(wishes, wishes, st.sets(names))
def test_ranges_stay_when_workspaces_come_and_go(first, second, gone):
    held = allot(POOL, first, {})
    now = {name: wish for name, wish in {**first, **second}.items() if name not in gone}
    then = allot(POOL, now, held)
    assert all(then[name] == held[name] for name in now if name in held)
    # Those that were taken out keep theirs too, until they are destroyed.
    everything = {**held, **then}
    assert not any(one.overlaps(other) for one, other in combinations(everything.values(), 2))


@given(wishes, st.randoms(use_true_random=False))
def test_the_order_in_the_file_decides_nothing(asked, random):
    shuffled = list(asked.items())
    random.shuffle(shuffled)
    assert allot(POOL, dict(shuffled), {}) == allot(POOL, asked, {})


def test_a_range_of_its_own_choice_is_taken_and_avoided_by_the_others():
    chosen = IPv4Network("10.64.0.0/22")
    ranges = allot(POOL, {"a": Wish(22), "b": Wish(22, chosen)}, {})
    assert ranges == {"a": IPv4Network("10.64.4.0/22"), "b": chosen}


def test_a_held_range_stays_whatever_the_pool_and_the_common_size_have_become():
    held = {"a": IPv4Network("10.1.0.0/22")}
    assert allot(POOL, {"a": Wish(20)}, held) == held
    assert allot(None, {"a": Wish(20)}, held) == held


def test_without_a_pool_only_those_that_choose_have_a_range():
    chosen = IPv4Network("10.9.0.0/20")
    assert allot(None, {"a": Wish(22), "b": Wish(22, chosen)}, {}) == {"b": chosen}


def test_what_is_unusable_is_stepped_over():
    docker = IPv4Network("172.17.0.0/16")
    ranges = allot(IPv4Network("172.16.0.0/12"), {"a": Wish(16), "b": Wish(16)}, {}, [docker])
    assert ranges == {"a": IPv4Network("172.16.0.0/16"), "b": IPv4Network("172.18.0.0/16")}


@pytest.mark.parametrize(
    ("asked", "held", "told"),
    [
        (
            {"a": Wish(20, IPv4Network("10.64.0.0/20")), "b": Wish(22, IPv4Network("10.64.8.0/22"))},
            {},
            r"workspaces\.a\.addressSpace: 10\.64\.0\.0/20 overlaps with 10\.64\.8\.0/22 of b",
        ),
        (
            {"a": Wish(22, IPv4Network("10.64.0.0/22"))},
            {"gone": IPv4Network("10.64.0.0/20")},
            r"overlaps with 10\.64\.0\.0/20 of gone",
        ),
        ({"a": Wish(20, sized=True)}, {"a": IPv4Network("10.64.0.0/22")}, r"workspaces\.a\.size: a has"),
        ({f"w{number}": Wish(16) for number in range(17)}, {}, r"10\.64\.0\.0/12 has no /16 left for"),
    ],
)
def test_what_cannot_be_is_one_line(asked, held, told):
    with pytest.raises(AddressError, match=told):
        allot(POOL, asked, held)
