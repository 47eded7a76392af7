"""What --target, --exclude and --exclude-protected leave alone, and the order in which the rest goes."""

import pytest

from local.engine.command.target import imported_creates
from local.engine.error import EngineError
from local.engine.state.checkpoint import Deployment, Operation, without_missing
from local.engine.state.resource_state import ResourceState
from local.engine.steps import step as op
from local.engine.steps.delete_order import Graph, protected, waves
from local.engine.steps.difference import Diff, inverted
from local.engine.steps.goal import Goal
from local.engine.steps.plan import Plan
from local.engine.steps.run_program import DestroyPlan, RefreshPlan
from local.engine.steps.step import Step
from local.engine.steps.target import Options, Targets, missing, not_found, to_refresh


def urn(name: str, type_: str = "p:i:T") -> str:
    return f"urn:pulumi:dev::proj::{type_}::{name}"


def thing(
    name: str, *on: str, parent: str = "", custom: bool = True, type_: str = "p:i:T", protect: bool = False
) -> ResourceState:
    return ResourceState(
        urn(name, type_),
        type_,
        custom=custom,
        id=f"{name}-0" if custom else "",
        parent=parent,
        dependencies=[urn(other) if ":" not in other else other for other in on],
        protect=protect,
    )


STACK = ResourceState("urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev", "pulumi:pulumi:Stack")
GROUP = thing("g", custom=False, type_="my:i:Group")
A, B, C = thing("a"), thing("b", "a"), thing("c", "b")
P, R = thing("p", parent=GROUP.urn), thing("r", GROUP.urn)


def names(states: list[ResourceState]) -> str:
    return " ".join(state.name for state in states)


def goal(name: str, *on: str) -> Goal:
    return Goal(
        type="p:i:T", name=name, custom=True, inputs={}, dependencies=tuple(urn(other) for other in on)
    )


def plan_of(options: Options, *states: ResourceState, kind: type[Plan] = Plan) -> Plan:
    return kind("dev", "proj", states, options)


def registered(plan: Plan, wanted: Goal) -> tuple[ResourceState | None, ResourceState]:
    name = plan.urn(wanted)
    old, _ = plan.find(name, wanted)
    return old, plan.state(name, wanted, old)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (urn("a"), True),
        (urn("b"), False),
        ("**::a", True),
        ("*a", False),  # one star stays within a part of the URN
        ("urn:pulumi:dev::proj::p:i:T::*", True),
        ("urn:pulumi:*::proj::p:*:T::a", True),
        ("urn:pulumi:*::a", False),
        ("[a]", False),
    ],
)
def test_a_star_stands_for_what_is_within_colons_and_two_for_anything(pattern: str, matches: bool) -> None:
    assert (urn("a") in Targets([pattern])) is matches


def test_only_what_is_named_in_full_can_be_missing() -> None:
    assert missing(Targets(["**::x", urn("x"), urn("a")]), [urn("a")]) == [urn("x")]
    assert "escape $" in not_found(urn("x"))
    assert "escape $" not in not_found("urn:pulumi:dev::proj::a:b:C$p:i:T::x")


def test_a_refresh_reads_targets_and_their_dependents_or_all_but_what_is_excluded() -> None:
    states = [STACK, A, B, C, P]
    only = Options(targets=Targets([urn("a")]))
    assert names(to_refresh(states, Options())) == names(states)
    assert names(to_refresh(states, only)) == "a"
    assert names(to_refresh(states, Options(targets=only.targets, target_dependents=True))) == "a b c"
    assert names(to_refresh(states, Options(excludes=only.targets))) == "proj-dev b c p"
    excluding = Options(excludes=only.targets, exclude_dependents=True)
    assert names(to_refresh(states, excluding)) == "proj-dev p"


def test_deletes_go_in_waves_and_who_depends_on_a_component_goes_before_what_is_in_it() -> None:
    states = [GROUP, P, A, R, B, C]
    steps = [Step(op.DELETE, state.urn, state) for state in states]
    assert [[step.state.name for step in wave] for wave in waves(steps, Graph(states))] == [
        ["r", "c"],
        ["p", "b"],
        ["g", "a"],
    ]


def test_what_stands_on_a_target_goes_with_it_but_has_to_be_named() -> None:
    plan = plan_of(Options(targets=Targets([urn("a")])), STACK, A, B, C, P)
    same, gone = plan.deletes()
    assert [step.state.name for step in gone] == ["a", "b", "c"]
    assert [step.state.name for step in same] == ["proj-dev", "p"]
    assert plan.undeclared(gone) == [urn("b"), urn("c")]
    with_dependents = plan_of(Options(targets=Targets([urn("a")]), target_dependents=True), A, B)
    assert with_dependents.undeclared(with_dependents.deletes()[1]) == []


def test_what_an_excluded_resource_stands_on_stays_with_all_that_is_in_its_components() -> None:
    plan = plan_of(Options(excludes=Targets([urn("r")])), STACK, A, B, GROUP, P, R)
    same, gone = plan.deletes()
    assert [step.state.name for step in gone] == ["proj-dev", "a", "b"]
    assert [step.state.name for step in same] == ["g", "p", "r"]


def test_what_is_protected_is_excluded_with_all_it_stands_on() -> None:
    assert protected([A, B, thing("d", "b", protect=True), C]) == [urn("a"), urn("b"), urn("d")]


def test_a_target_can_not_stand_on_what_is_left_out_and_is_told_so_once() -> None:
    plan = plan_of(Options(targets=Targets([urn("b"), urn("c")])))
    left_out = plan.undiffed(goal("a"), *registered(plan, goal("a")))
    assert left_out is not None
    assert left_out[0].skipped
    assert plan.uncreated(left_out) == []
    old, new = registered(plan, goal("b", "a"))
    steps = plan.undiffed(goal("b", "a"), old, new)
    assert steps is not None
    ((told, message),) = plan.uncreated(steps)
    assert told == urn("b")
    assert message.startswith(f"Resource '{urn('b')}' depends on '{urn('a')}' which was")
    old, new = registered(plan, goal("c", "a"))
    assert plan.uncreated(plan.undiffed(goal("c", "a"), old, new) or []) == []


def test_nothing_can_stand_on_what_is_excluded_and_not_there() -> None:
    plan = plan_of(Options(excludes=Targets([urn("a")])))
    assert plan.undiffed(goal("a"), *registered(plan, goal("a"))) is not None
    steps = plan.undiffed(goal("b", "a"), *registered(plan, goal("b", "a")))
    assert steps is not None
    ((told, message),) = plan.uncreated(steps)
    assert told == urn("b")
    assert "--exclude-dependents" in message
    # With its dependents left out, too, there is nothing to say.
    plan = plan_of(Options(excludes=Targets([urn("a")]), exclude_dependents=True))
    for each in (goal("a"), goal("b", "a")):
        steps = plan.undiffed(each, *registered(plan, each))
        assert steps is not None
        assert plan.uncreated(steps) == []


def test_an_untouched_resource_comes_after_what_it_stands_on_and_the_program_has_dropped() -> None:
    plan = plan_of(Options(targets=Targets([urn("x")])), A, B, C)
    steps = plan.undiffed(goal("c"), *registered(plan, goal("c")))
    assert steps is not None
    assert [step.state.name for step in steps] == ["a", "b", "c"]
    assert all(step.op == op.SAME for step in steps)
    assert plan.deletes() == ([], []), "nothing is left over"


def test_a_destroy_with_a_program_leaves_out_what_is_not_there_and_deletes_the_rest_at_the_end() -> None:
    plan = plan_of(Options(), STACK, A, B, kind=DestroyPlan)
    kept = plan.passed_over(goal("a"), *registered(plan, goal("a")))
    assert kept is not None
    assert [(step.op, step.skipped) for step in kept] == [(op.SAME, False)]
    new = plan.passed_over(goal("new"), *registered(plan, goal("new")))
    assert new is not None
    assert new[0].skipped
    # It would stand on what isn't there: it goes as if the program had said nothing of it.
    old, wanted = registered(plan, goal("b", "new"))
    blocked = plan.passed_over(goal("b", "new"), old, wanted)
    assert blocked is not None
    assert blocked[0].skipped
    _, gone = plan.deletes()
    assert [step.state.name for step in gone] == ["proj-dev", "b", "a"]
    assert gone[1].state is B
    assert gone[2].state is plan.news[urn("a")]


def test_a_refresh_with_a_program_reads_what_the_program_has_dropped_last() -> None:
    plan = plan_of(Options(excludes=Targets([urn("c")])), A, B, C, kind=RefreshPlan)
    assert plan.passed_over(goal("a"), *registered(plan, goal("a"))) == []
    assert plan.news[urn("a")] is A
    skipped = plan.passed_over(goal("new"), *registered(plan, goal("new")))
    assert skipped is not None
    assert skipped[0].skipped
    assert [state.name for state in plan.resources if plan.is_unread(state)] == ["b"]


def test_references_to_what_a_refresh_found_gone_are_dropped_by_place_in_the_state() -> None:
    before, after = thing("b", "a"), thing("c", "a")
    after.property_dependencies = {"text": [urn("a")], "size": [urn("x")]}
    rows = without_missing([before, thing("a"), after])
    assert [row.dependencies for row in rows] == [[], [], [urn("a")]]
    assert rows[2].property_dependencies == {"text": [urn("a")]}
    assert before.dependencies == [urn("a")], "what was is left as it was"


def test_a_refresh_shows_what_an_update_would_do_from_the_other_side() -> None:
    kinds = ["add", "delete-replace", "update"]
    diff = Diff(changes=True, detailed={kind: {"diffKind": kind, "inputDiff": True} for kind in kinds})
    assert [entry["diffKind"] for entry in inverted(diff).detailed.values()] == [
        "delete",
        "add-replace",
        "update",
    ]


def test_a_pending_create_is_made_known_by_its_id_and_an_urn_without_one_is_reported() -> None:
    state = Deployment((A,), (Operation(thing("n"), "creating"), Operation(A, "updating")))
    found, unused = imported_creates(state, [urn("n"), "n-7", urn("x"), "x-1"])
    assert [(item.type, item.resource.id) for item in found.operations] == [
        ("importing", "n-7"),
        ("updating", "a-0"),
    ]
    assert unused == [urn("x")]
    with pytest.raises(EngineError, match="odd number"):
        imported_creates(state, [urn("n")])
