"""What becomes of the state when an interrupted operation is accounted for."""

from dataclasses import replace

from local.engine.providers.provider import Outcome
from local.engine.state.checkpoint import Operation
from local.engine.state.interrupted import settled_one
from local.engine.state.resource_state import ResourceState

URN = "urn:pulumi:dev::p::azure-native:storage:StorageAccount::sa"
ENTRY = ResourceState(URN, "azure-native:storage:StorageAccount", custom=True, id="/sa1", inputs={"n": 1})
OTHER = replace(ENTRY, urn=URN + "-other", id="/other", dependencies=[URN])
WANTED = replace(ENTRY, id="", inputs={"n": 2})
FOUND = Outcome("/sa2", {"n": 2, "made": True}, errors=("slow",))


def test_what_a_create_made_is_put_where_what_stands_on_it_comes_later() -> None:
    rows, told = settled_one([ENTRY, OTHER], Operation(WANTED, "creating"), FOUND)
    assert [(row.id, row.delete) for row in rows] == [("/sa2", False), ("/sa1", True), ("/other", False)]
    assert rows[0].outputs == {"n": 2, "made": True}
    assert rows[0].init_errors == ["slow"], "the next update makes sure of it"
    assert told == "taken over"


def test_a_replacement_takes_the_place_of_what_was_deleted_for_it() -> None:
    gone = replace(ENTRY, pending_replacement=True)
    found = Outcome("/sa1", {})
    rows, _ = settled_one([gone, OTHER], Operation(WANTED, "creating"), found)
    assert [(row.id, row.inputs, row.pending_replacement) for row in rows] == [
        ("/sa1", {"n": 2}, False),
        ("/other", {"n": 1}, False),
    ]


def test_an_operation_whose_end_was_recorded_changes_nothing() -> None:
    rows = [ENTRY, OTHER]
    assert settled_one(rows, Operation(WANTED, "creating"), Outcome("/sa1", {})) == (rows, "")
    assert settled_one([OTHER], Operation(ENTRY, "deleting"), Outcome()) == ([OTHER], "")
    assert settled_one([OTHER], Operation(WANTED, "updating"), Outcome()) == ([OTHER], "")


def test_a_delete_is_over_when_the_resource_is_gone_and_only_that_generation_of_it() -> None:
    old = replace(ENTRY, id="/sa0", delete=True)
    rows, told = settled_one([ENTRY, old, OTHER], Operation(replace(old), "deleting"), Outcome())
    assert rows == [ENTRY, OTHER]
    assert told == "gone"


def test_an_update_or_delete_nobody_saw_the_end_of_makes_the_entry_uncertain() -> None:
    for kind, outcome in (("updating", Outcome()), ("deleting", Outcome("/sa1", {}))):
        rows, _ = settled_one([ENTRY, OTHER], Operation(replace(ENTRY), kind), outcome)
        assert [row.id for row in rows] == ["/sa1", "/other"]
        assert rows[0].init_errors == [
            f"it was being {kind.removesuffix('ing')}ed when the last run was interrupted"
        ]
