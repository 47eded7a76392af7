"""A stack that an earlier version of the program deployed is updated, never made anew: names and types of resources stay."""

from pathlib import Path

from recorded_program import run

FORMER = [
    line
    for line in (Path(__file__).parent / "former_resources.txt").read_text().splitlines()
    if not line.startswith("#")
]


def end(urn):
    return urn.split("::", 2)[2]


def test_what_a_stack_had_is_still_there_or_has_an_alias():
    resources = [resource for stack in ("local", "prod") for resource in run(stack, models=[]).resources]
    known = {end(resource.urn) for resource in resources}
    for resource in resources:
        types = end(resource.urn).rpartition("::")[0]
        known |= {f"{types}::{alias}" for alias in resource.aliases}
    assert len(FORMER) > 100
    assert [line for line in FORMER if line not in known] == [], "give the resource an alias"
