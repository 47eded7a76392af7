"""Property paths of ignore_changes and replace_on_changes, as the official SDK reads them."""

import pytest

from local.engine.property_path import PathError, contains, parse, reset
from local.engine.property_value import Secret, equal
from local.engine.steps.difference import Diff, ignoring, triggered, with_replace_on_changes


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a.b[0].c", ["a", "b", 0, "c"]),
        ('a["b.c"]["d \\"e\\""]', ["a", "b.c", 'd "e"']),
        ("a[*].b.*", ["a", "*", "b", "*"]),
        ("#initerror", ["#initerror"]),
        ("foo-bar", ["foo-bar"]),
    ],
)
def test_a_path_has_parts(text: str, parts: list[str | int]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize("text", [".a", "a.", "a[", 'a["b', "a[b]"])
def test_what_is_no_path_is_said_to_be_none(text: str) -> None:
    with pytest.raises(PathError):
        parse(text)


def test_a_pattern_contains_what_is_under_it() -> None:
    assert contains(parse("a.*"), parse("a.b.c"))
    assert contains(parse("*"), parse("a[0]"))
    assert not contains(parse("a.b"), parse("a"))
    assert not contains(parse("a[0]"), parse('a["0"]'))


@pytest.mark.parametrize(
    ("path", "old", "new", "result", "possible"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}, True),
        ("a", {}, {"a": 2}, {}, True),
        ("a", {"a": 1}, {}, {"a": 1}, True),
        ("a.b", {"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 2}}, {"a": {"b": 1, "c": 2}}, True),
        ("a.b", {"a": {"b": 1}}, {}, {}, False),
        ("a.b", {}, {}, {}, True),
        ("a.b", {}, {"a": {"b": 1}}, {"a": {}}, True),
        ("a.b.c", {"a": 1}, {"a": {"b": {}}}, {"a": {"b": {}}}, False),
        ("a[0]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [1, 4]}, True),
        ("a[1]", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}, False),
        ("a[5]", {"a": [1]}, {"a": [3]}, {"a": [3]}, True),
        ("a[5].b", {"a": [1]}, {"a": [3]}, {"a": [3]}, False),
        ("a[*]", {"a": [1, 2]}, {"a": [3]}, {"a": [1]}, False),
        ("a[*].b", {"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]}, {"a": [{"b": 1, "c": 3}]}, True),
        ("*", {"a": 1, "b": 2}, {"a": 3, "c": 4}, {"a": 1, "b": 2}, True),
        ("a.*.c", {"a": {"b": {"c": 1}}}, {"a": {}}, {"a": {}}, False),
        ("a", {"a": 1}, {"a": Secret(2)}, {"a": 1}, True),
        ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}, True),
        ("a.b", {"a": Secret({"b": 1})}, {"a": Secret({"b": 2})}, {"a": Secret({"b": 1})}, True),
    ],
)
def test_what_is_ignored_is_as_it_was(path: str, old: dict, new: dict, result: dict, possible: bool) -> None:
    found, done = reset(new, old, parse(path))
    assert (equal(found, result), done) == (True, possible)


def test_paths_that_can_not_be_ignored_are_named_and_what_is_no_path_is_skipped() -> None:
    new, impossible = ignoring(
        {"a": [1], "b": 2}, {"a": [1, 2], "b": 1}, ["a[1]", "b", "a[", "nope.x", "a[*]"]
    )
    assert new == {"a": [1], "b": 1}
    assert impossible == ["a[1]", "a[*]"]


def test_a_change_under_a_path_becomes_a_replacement() -> None:
    diff = Diff(
        changes=True,
        changed=("data", "text"),
        detailed={
            "data.x": {"diffKind": "update", "inputDiff": True},
            "text": {"diffKind": "add", "inputDiff": True},
        },
    )
    inside = with_replace_on_changes(diff, ["data.x"], init_errors=False)
    assert inside.replace_keys == ("data",)
    assert inside.detailed["text"]["diffKind"] == "add"
    assert with_replace_on_changes(diff, ["*"], init_errors=False).replaces == ("data", "text")
    assert with_replace_on_changes(diff, ["data.y"], init_errors=False).replace_keys == ()
    with pytest.raises(PathError):
        with_replace_on_changes(diff, ["data["], init_errors=False)


def test_a_resource_that_did_not_become_what_was_asked_for_is_replaced_if_that_is_wanted() -> None:
    wanted = with_replace_on_changes(Diff(changes=False), ["#initerror"], init_errors=True)
    assert (wanted.changes, wanted.replace_keys) == (True, ("#initerror",))
    assert not with_replace_on_changes(Diff(changes=False), ["text"], init_errors=True).changes


def test_a_replacement_trigger_replaces_when_it_has_another_value() -> None:
    assert triggered("1", "2")
    assert triggered(Secret("1"), "2")
    assert not triggered("1", Secret("1"))
    assert not triggered(None, "1")
    assert not triggered("1", None)
