"""`pulumi state …`: what is written, and what is said, as the official CLI 3.260 did with the same state."""

import copy
import json
import re

import pytest

from local.engine.command.state_repair import explained
from local.engine.error import EngineError
from local.engine.state import edit, move, rows

HOME = "urn:pulumi:dev::conformance::"
STACK = HOME + "pulumi:pulumi:Stack::conformance-dev"
PROVIDER = HOME + "pulumi:providers:pulumi-python::default"
GROUP = HOME + "conformance:index:Group::g"
THING = HOME + "pulumi-python:dynamic:Resource::"
CHILD = HOME + "conformance:index:Group$pulumi-python:dynamic:Resource::b"
LOOK = (
    "To list the resource URNs in the stack, run `pulumi stack --show-urns`; to inspect the full state, "
    "run `pulumi stack export`."
)


def thing(name: str, urn: str = "", parent: str = STACK, **fields) -> dict:
    return {
        "urn": urn or THING + name,
        "custom": True,
        "id": f"{name}-0",
        "type": "pulumi-python:dynamic:Resource",
        "inputs": {"label": name},
        "parent": parent,
        "provider": f"{PROVIDER}::1",
        **fields,
    }


@pytest.fixture
def entries() -> list[dict]:
    return [
        {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"},
        {"urn": GROUP, "custom": False, "type": "conformance:index:Group", "parent": STACK},
        {"urn": PROVIDER, "custom": True, "id": "1", "type": "pulumi:providers:pulumi-python"},
        thing("p", protect=True),
        thing("a", sourcePosition="project:///__main__.py#1"),
        thing("d", deletedWith=THING + "a"),
        thing("b", CHILD, GROUP, dependencies=[THING + "a"], propertyDependencies={"text": [THING + "a"]}),
        thing("c", dependencies=[CHILD]),
    ]


def names(found: list[dict]) -> list[str]:
    return [row["urn"].rsplit("::", 1)[1] for row in found]


def only(found: list[dict], urn: str) -> dict:
    return next(row for row in found if row["urn"] == urn)


def test_what_others_stand_on_is_deleted_only_with_them(entries) -> None:
    assert names(edit.standing_on(entries, only(entries, THING + "a"))) == ["d", "b", "c"]
    with pytest.raises(EngineError) as refused:
        edit.without(entries, only(entries, THING + "a"), with_dependents=False, forced=None)
    assert str(refused.value) == (
        f"{THING}a can't be safely deleted because the following resources depend on it:\n"
        f' * "d"             ({THING}d)\n * "b"             ({CHILD})\n * "c"             ({THING}c)\n\n'
        "Delete those resources first or pass --target-dependents."
    )
    left = edit.without(entries, only(entries, THING + "a"), with_dependents=True, forced=None)
    assert names(left) == ["conformance-dev", "g", "default", "p"]
    both = [only(entries, CHILD), only(entries, THING + "c")]
    assert "b" not in names(edit.without_all(entries, both, with_dependents=False, forced=None))


def test_an_older_generation_of_a_resource_goes_without_what_stands_on_the_new_one(entries) -> None:
    old = thing("a", delete=True, id="a-old")
    assert edit.standing_on([*entries, old], old) == []
    with pytest.raises(EngineError, match=r"ambiguously referred to multiple resources.*\n  a-0\n  a-old"):
        edit.located([*entries, old], THING + "a")


def test_what_is_protected_is_deleted_by_force_only(entries) -> None:
    with pytest.raises(EngineError, match=r"because it is protected\. Re-run"):
        edit.without_all(entries, list(reversed(entries)), with_dependents=False, forced=None)
    told: list[dict] = []
    assert edit.without_all(entries, list(reversed(entries)), with_dependents=False, forced=told.append) == []
    assert names(told) == ["p"]


@pytest.mark.parametrize(
    ("urn", "suggestions"),
    [(THING + "ab", [THING + "a", THING + "p", THING + "d"]), ("foo", [])],
)
def test_a_urn_that_is_not_there_leads_to_similar_ones(entries, urn, suggestions) -> None:
    hint = "".join(f"  {found}\n" for found in suggestions)
    expected = f'No such resource "{urn}" exists in the current state\n'
    assert edit.not_found(entries, urn) == expected + ("Did you mean:\n" + hint if hint else "") + LOOK


def test_a_new_name_reaches_children_and_all_who_refer_to_the_resource(entries) -> None:
    edit.rename(entries, GROUP, edit.renamed(GROUP, "gg"))
    edit.rename(entries, THING + "a", THING + "newa")
    edit.rename(entries, PROVIDER, PROVIDER + "2")
    child, last = only(entries, CHILD), entries[-1]
    assert child["parent"] == HOME + "conformance:index:Group::gg"
    assert (child["dependencies"], child["propertyDependencies"]) == (
        [THING + "newa"],
        {"text": [THING + "newa"]},
    )
    assert only(entries, THING + "d")["deletedWith"] == THING + "newa"
    assert {row["provider"] for row in entries if "provider" in row} == {f"{PROVIDER}2::1"}
    assert last["dependencies"] == [CHILD]
    assert rows.problem(entries) == ""
    with pytest.raises(EngineError, match="corresponds to an already existing resource"):
        edit.rename(entries, THING + "newa", THING + "c")


def test_a_component_with_another_type_of_name_renames_what_stands_on_its_children(entries) -> None:
    nested = HOME + "conformance:index:Group$conformance:index:Group::n"
    leaf = HOME + "conformance:index:Group$conformance:index:Group$pulumi-python:dynamic:Resource::leaf"
    entries += [
        {"urn": nested, "custom": False, "type": "conformance:index:Group", "parent": GROUP},
        thing("leaf", leaf, nested),
        thing("on", dependencies=[leaf]),
    ]
    edit.rename(entries, nested, edit.renamed(nested, "m"))
    assert only(entries, leaf)["parent"].endswith("::m")
    assert rows.problem(entries) == ""


def test_resources_move_with_children_and_a_copy_of_their_provider(entries) -> None:
    origin = move.Place("conformance", "dev", "organization/conformance/dev")
    target = move.Place("other", "prod", "organization/other/prod")
    before = copy.deepcopy(entries)
    plan = move.plan(entries, [], [GROUP], include_parents=False, origin=origin, target=target)
    assert entries == before
    assert plan.moved == [GROUP, CHILD]
    assert plan.broken_source == [f"{THING}c has a dependency on {CHILD}"]
    assert plan.broken_destination == [
        f"{CHILD} has a dependency on {THING}a",
        f"{CHILD} (text) has a property dependency on {THING}a",
    ]
    root = "urn:pulumi:prod::other::pulumi:pulumi:Stack::other-prod"
    assert [row["urn"] for row in plan.destination] == [
        root,
        "urn:pulumi:prod::other::pulumi:providers:pulumi-python::default",
        "urn:pulumi:prod::other::conformance:index:Group::g",
        "urn:pulumi:prod::other::conformance:index:Group$pulumi-python:dynamic:Resource::b",
    ]
    assert (
        plan.destination[-1]["provider"]
        == "urn:pulumi:prod::other::pulumi:providers:pulumi-python::default::1"
    )
    assert plan.destination[1]["parent"] == plan.destination[2]["parent"] == root
    assert rows.problem(plan.source) == rows.problem(plan.destination) == ""
    assert "default" in names(plan.source)
    # What is there already is used, and a second move of the same is refused.
    again = move.plan(
        plan.source, plan.destination, [THING + "a"], include_parents=False, origin=origin, target=target
    )
    assert names(again.destination).count("default") == 1
    with pytest.raises(EngineError, match="already exists in destination stack"):
        move.plan(entries, plan.destination, [GROUP], include_parents=False, origin=origin, target=target)
    with pytest.raises(EngineError, match="cannot move providers"):
        move.plan(entries, [], [PROVIDER], include_parents=False, origin=origin, target=target)


def test_entries_out_of_order_are_sorted_and_what_is_missing_is_forgotten(entries) -> None:
    entries.append(entries.pop(4))
    assert (
        rows.problem(entries)
        == f"resource {THING}d is specified as being deleted with {THING}a, which comes after it"
    )
    after = rows.in_order(entries)
    assert rows.problem(after) == ""
    assert names(rows.moved_rows(entries, after)) == ["a"]
    lost = [row for row in copy.deepcopy(after) if row["urn"] not in {THING + "a", GROUP}]
    results = rows.pruned(lost)
    assert rows.problem(lost) == ""
    assert explained([], results) == (
        "The following resources will be modified to remove missing dependencies:\n\n"
        f"~ {THING}d\n  - {THING}a [deleted with]\n"
        f"~ {CHILD}\n  ~ {THING}b [urn]\n  - {GROUP} [parent]\n  - {THING}a [dependency]\n"
        f"  - {THING}a [property dependency: text]\n"
    )
    # Who stood on the child follows it to its new URN.
    assert only(lost, THING + "c")["dependencies"] == [THING + "b"]
    only(after, THING + "a")["dependencies"] = [CHILD]
    with pytest.raises(rows.IntegrityError, match="cyclic"):
        rows.in_order(after)


def test_commands_change_a_deployed_state_and_leave_the_rest_of_it_alone(stack) -> None:
    stack.write_program(
        'p = Thing("p", text=pulumi.Output.secret("hush"), opts=Opts(protect=True))\nThing("q")\n'
    )
    stack.up()
    urn = THING + "p"
    before = stack.resource("p")
    assert stack.run("state", "unprotect", "--yes", urn).stdout == "1 resources unprotected\n"
    assert stack.resource("p") == {key: value for key, value in before.items() if key != "protect"}
    assert stack.run("state", "taint", "--yes", urn, THING + "q").stdout == "2 resources tainted\n"
    assert stack.run("state", "untaint", "--yes", "--all").stdout == "All resources untainted\n"
    assert not any("taint" in row for row in stack.latest()["resources"])
    shown = stack.run("state", "get", "p").stdout
    assert 'ID:   p-0\nInputs:\n    label     : "p"\n    text      : [secret]\n' in shown
    assert json.loads(stack.run("state", "get", "p", "--output", "json", "--show-secrets").stdout)[
        "inputs"
    ] == {
        "label": "p",
        "text": "hush",
    }
    # A new key has a salt of its own: what moves is encrypted again.
    stack.run("stack", "init", "other", "--no-select")
    said = stack.run("state", "move", "--yes", "--dest", "other", urn).stdout
    assert said.splitlines()[-1].startswith(
        "Successfully moved resources from organization/conformance/dev to"
    )
    moved = json.loads(stack.state_file.with_name("other.json").read_text())["checkpoint"]["latest"]
    entry = next(row for row in moved["resources"] if row["urn"].endswith("::p"))
    assert "hush" not in json.dumps(moved)
    assert entry["inputs"]["text"]["ciphertext"] != before["inputs"]["text"]["ciphertext"]
    other = stack.run("state", "get", "p", "-s", "other", "--show-secrets").stdout
    assert re.search(r'text +: "hush"', other)
    refused = stack.run("state", "delete", "--yes", "--all", STACK, code=1).stderr
    assert refused == "error: cannot specify a resource URN when deleting all resources\n"
    assert stack.run("state", "repair", "--yes").stdout == "The snapshot is already valid; skipping repair\n"
    history = stack.root / "state" / ".pulumi" / "history" / "conformance" / "dev"
    assert len(list(history.glob("*.history.json"))) == 1


def test_operations_refuse_a_state_that_does_not_fit_together_unless_told_not_to_look(stack) -> None:
    stack.write_program('Thing("a")\n')
    rows = [
        {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"},
        thing("a", parent=HOME + "t:t:T::gone"),
    ]
    rows[1].pop("provider")
    document = json.loads(stack.state_file.read_text())
    document["checkpoint"]["latest"] = {"resources": rows}
    stack.state_file.write_text(json.dumps(document))
    for command in (
        ("preview",),
        ("destroy", "--yes", "--skip-preview"),
        ("import", "--yes", "t:t:T", "n", "i"),
    ):
        said = stack.run(*command, code=1).stderr.strip().splitlines()
        assert said[-1] == (
            f"error: snapshot integrity failure; refusing to use it: child resource {THING}a refers to missing parent "
            f"{HOME}t:t:T::gone; run `pulumi state repair` to repair it, or pass --disable-integrity-checking to mend "
            "it by hand"
        )
    assert stack.state_file.read_text() == json.dumps(document)
    assert (
        "to delete"
        in stack.run("destroy", "--preview-only", PULUMI_OPTION_DISABLE_INTEGRITY_CHECKING="true").stdout
    )
