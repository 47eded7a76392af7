"""Whatever the state and whatever the program registers: every resource ends in one way, in the order of dependencies."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from local.engine.state.resource_state import ResourceState
from local.engine.steps import step as op
from local.engine.steps.delete_order import waves
from local.engine.steps.difference import Diff
from local.engine.steps.goal import Alias, Goal
from local.engine.steps.plan import Plan, PlanError
from local.engine.steps.step import Step
from local.engine.steps.target import Options

TYPE = "t:i:T"
NAMES = "abcdefgh"
ENDS = {op.SAME, op.UPDATE, op.REPLACE, op.DELETE, op.DISCARD, op.REMOVE_PENDING_REPLACE}
DELETES = {op.DELETE, op.DELETE_REPLACED, op.DISCARD, op.DISCARD_REPLACED}


def urn(name: str) -> str:
    return f"urn:pulumi:dev::p::{TYPE}::{name}"


@dataclass
class Registration:
    """One resource of the program, and what its provider will say."""

    name: str
    alias: str | None
    needs: list[str]
    protect: bool
    verdict: str
    delete_first: bool


@dataclass
class Run:
    """The steps of a whole operation, in the order in which they are carried out."""

    steps: list[Step] = field(default_factory=list)
    refused: str = ""

    def perform(self, steps: list[Step]) -> None:
        for step in steps:
            self.steps.append(step)
            if step.pending_delete and step.old is not None:
                step.old.delete = True
            if step.pending_replacement and step.old is not None:
                step.old.pending_replacement = True


@st.composite
def states(draw: st.DrawFn) -> list[ResourceState]:
    """A state in which what is needed comes first; some of it is left over from failures."""
    rows: list[ResourceState] = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True)):
        needs = draw(st.lists(st.sampled_from([row.urn for row in rows]), max_size=2)) if rows else []
        rows.append(
            ResourceState(
                urn=urn(name),
                type=TYPE,
                custom=True,
                id=name,
                protect=draw(st.integers(0, 5)) == 0,
                external=draw(st.integers(0, 7)) == 0,
                pending_replacement=draw(st.integers(0, 7)) == 0,
                inputs={"need": "x"},
                dependencies=list(dict.fromkeys(needs)),
                property_dependencies={"need": list(dict.fromkeys(needs))} if needs else {},
            )
        )
        if draw(st.integers(0, 7)) == 0:
            rows.append(ResourceState(urn=urn(name), type=TYPE, custom=True, id=f"old-{name}", delete=True))
    return rows


@st.composite
def programs(draw: st.DrawFn) -> list[Registration]:
    """What a program registers: names of the state or new ones, some with an alias."""
    rows: list[Registration] = []
    for name in draw(st.lists(st.sampled_from(NAMES + "xyz"), max_size=7, unique=True)):
        known = [row.name for row in rows]
        rows.append(
            Registration(
                name,
                draw(st.none() | st.sampled_from(NAMES)) if draw(st.integers(0, 2)) == 0 else None,
                draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else [],
                draw(st.integers(0, 5)) == 0,
                draw(st.sampled_from([op.SAME, op.UPDATE, op.REPLACE])),
                draw(st.booleans()),
            )
        )
    return rows


def run(state: list[ResourceState], program: list[Registration]) -> Run:
    """Have everything registered and the rest deleted, as the planner and the deployment do."""
    plan = Plan("dev", "p", state, Options())
    done = Run()
    try:
        for row in program:
            steps = _steps(plan, row)
            done.perform(steps)
    except PlanError as error:
        done.refused = str(error)
        return done
    same, gone = plan.deletes()
    done.perform(same)
    for wave in waves(gone, plan.graph()):
        done.perform(wave)
    return done


def _steps(plan: Plan, row: Registration) -> list[Step]:
    needs = tuple(urn(name) for name in row.needs)
    goal = Goal(
        TYPE,
        row.name,
        custom=True,
        inputs={"need": "y"},
        protect=row.protect,
        dependencies=needs,
        aliases=(Alias(name=row.alias),) if row.alias else (),
        delete_before_replace=row.delete_first,
    )
    this = plan.urn(goal)
    old, problems = plan.find(this, goal)
    if problems:
        raise PlanError(problems[0])
    new = plan.state(this, goal, old)
    steps = plan.undiffed(goal, old, new)
    if steps is not None or old is None:
        return steps or []
    diff = plan.forced_diff(old, new) or Diff(
        changes=row.verdict != op.SAME, replaces=("need",) if row.verdict == op.REPLACE else ()
    )
    verdict = plan.verdict(old, new, diff)
    if verdict == op.SAME:
        return [Step(op.SAME, this, old, new)]
    if verdict == op.UPDATE:
        return plan.updated(old, new, diff)
    if message := plan.objection(old, new):
        raise PlanError(message)
    dependents = []
    if plan.deletes_first(goal, diff):
        replaced = {old.urn}
        for state in plan.dependents(old):
            if plan.dependent_inputs(state, replaced) is not False:
                dependents.append((state, ("need",)))
                replaced.add(state.urn)
    return plan.replaced(goal, old, new, diff, dependents)


@given(states(), programs())
@settings(max_examples=120, deadline=None)
def test_every_resource_ends_in_one_way_in_order_and_nothing_protected_is_deleted(
    state: list[ResourceState], program: list[Registration]
) -> None:
    kept = {row.urn: row for row in state if not row.delete}
    stands_on = [(row, kept[name]) for row in kept.values() for name in row.dependencies]
    gone_before = {id(row) for row in state if row.pending_replacement}
    done = run(state, program)
    _ends_in_one_way(done, kept, program)
    _deleted_once(done, state, gone_before)
    _in_order(done, stands_on)
    _keeps_what_is_protected(done, program)


def _ends_in_one_way(done: Run, kept: dict[str, ResourceState], program: list[Registration]) -> None:
    for row in kept.values():
        ends = [step.op for step in done.steps if step.op in ENDS and step.old is row]
        assert len(ends) == 1 or (done.refused and not ends), (row, ends)
    registered = {step.urn for step in done.steps if step.new is not None}
    assert done.refused or registered >= {urn(row.name) for row in program}


def _deleted_once(done: Run, state: list[ResourceState], gone_before: set[int]) -> None:
    for row in state:
        deletes = [step for step in done.steps if step.op in DELETES and step.old is row]
        assert len(deletes) <= 1
        replaced = any(step.op == op.REPLACE and step.old is row for step in done.steps)
        if replaced and not done.refused and id(row) not in gone_before:
            assert deletes


def _in_order(done: Run, stands_on: list[tuple[ResourceState, ResourceState]]) -> None:
    place = {id(step.old): number for number, step in enumerate(done.steps) if step.op in DELETES}
    for row, below in stands_on:
        # What is replaced goes at the end, when nothing new stands on it; what isn't ours is only forgotten.
        apart = row.delete or below.delete or row.external
        if id(row) in place and id(below) in place and not apart:
            assert place[id(row)] < place[id(below)]


def _keeps_what_is_protected(done: Run, program: list[Registration]) -> None:
    unprotected = {row.name for row in program if not row.protect}
    for step in done.steps:
        if step.op not in {op.DELETE, op.DELETE_REPLACED} or step.old is None or not step.old.protect:
            continue  # what isn't ours is only forgotten
        # Either the executor refuses it, or the program has taken the protection away from what it replaces.
        replacements = [other for other in done.steps if other.op == op.REPLACE and other.old is step.old]
        assert step.op == op.DELETE or any(
            other.new is not None and other.new.name in unprotected for other in replacements
        )
