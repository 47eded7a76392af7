"""Expressions of the Workflow Definition Language: examples from Microsoft's reference, and laws that always hold."""

import contextlib
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.azure.logic.expression_parser import ExpressionError, parse
from local.azure.logic.scope import Scope
from local.azure.logic.template import read
from local.azure.logic.text import as_text

NOW = datetime(2026, 1, 31, 23, 30, 5, 123456, tzinfo=UTC)
EVENT = {"id": "e-1", "data": {"RunTags": {"breach": "yes"}, "none": None}}


def scope() -> Scope:
    return Scope(
        trigger={"name": "manual", "outputs": {"body": [EVENT], "headers": {"Aeg-Event-Type": "Notification"}}},
        parameters={"model": "flights", "hours": 24},
        workflow={"name": "w"},
        now=lambda: NOW,
        actions={
            "Get": {"name": "Get", "status": "Failed", "code": "NotFound", "outputs": {"statusCode": 404, "body": {"a": [1]}}},
            "Nothing": {"name": "Nothing", "status": "Skipped", "outputs": None},
        },
        variables={"attempt": 3},
    )  # fmt: skip


def value(template: Any) -> Any:
    return scope().value(template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("@parameters('model')", "flights"),
        ("@{parameters('model')}-@{variables('attempt')}", "flights-3"),
        ("@@parameters('model')", "@parameters('model')"),
        ("a @@{parameters('model')} b", "a @{parameters('model')} b"),
        ("me@example.com", "me@example.com"),
        ("@{'}'}", "}"),
        ("@triggerBody()[0]['id']", "e-1"),
        ("@triggerBody()?[0]?['data']?['nothing']?['x']", None),
        ("@triggerBody()[0].data.RunTags.breach", "yes"),
        ("@triggerOutputs()['headers']['Aeg-Event-Type']", "Notification"),
        ("@first(triggerBody()).id", "e-1"),
        ("@outputs('Get')['statusCode']", 404),
        ("@body('Get')?['a'][0]", 1),
        ("@body('Nothing')", None),
        ("@actions('Get')?['code']", "NotFound"),
        ("@coalesce(triggerBody()[0].data.none, 'other')", "other"),
        ("@concat('it''s ', true, null, 1, 2.5)", "it's True12.5"),
        ("@equals(null, '')", True),
        ("@equals(1, 1.0)", True),
        ("@equals('1', 1)", False),
        ("@equals(true, 1)", False),
        ("@not(contains('abcd', 'bc'))", False),
        ("@contains(createArray(1, 2), 2)", True),
        ("@contains(json('{\"a\": 1}'), 'a')", True),
        ("@and(true, equals(1, 1))", True),
        ("@or(false, false, true)", True),
        ("@if(greater(2, 1), 'yes', 'no')", "yes"),
        ("@less('a', 'b')", True),
        ("@empty('')", True),
        ("@length(triggerBody())", 1),
        ("@substring('hello world', 6, 5)", "world"),
        ("@last(split('a;b;c', ';'))", "c"),
        ("@replace('the old string', 'old', 'new')", "the new string"),
        ("@toLower('ÄB')", "äb"),
        ("@base64ToString(base64('hellö'))", "hellö"),
        ("@uriComponent('a b/ü')", "a%20b%2F%C3%BC"),
        ("@int('10')", 10),
        ("@string(json('{\"a\":[1,true]}'))", '{"a":[1,true]}'),
        ("@setProperty(json('{\"a\":1}'), 'b', 2)", {"a": 1, "b": 2}),
        ("@removeProperty(json('{\"a\":1}'), 'a')", {}),
        ("@add(1, 2.5)", 3.5),
        ("@div(-7, 2)", -3),
        ("@mod(-7, 2)", -1),
        ("@min(createArray(3, 1), 2)", 1),
        ("@utcNow()", "2026-01-31T23:30:05.1234560Z"),
        ("@utcNow('yyyy-MM-dd')", "2026-01-31"),
        ("@addHours(utcNow(), -24, 'R')", "Fri, 30 Jan 2026 23:30:05 GMT"),
        ("@addMinutes('2026-01-31T23:59:00Z', 2, 's')", "2026-02-01T00:01:00"),
        ("@formatDateTime('2015-03-15T13:27:36+01:00', 'dd MMM yyyy HH:mm:ss.fff')", "15 Mar 2015 12:27:36.000"),
        ("@{triggerBody()[0].data.RunTags}", '{"breach":"yes"}'),
        ({"@{parameters('model')}": ["@variables('attempt')"]}, {"flights": [3]}),
    ],
)  # fmt: skip
def test_an_expression_has_the_value_that_the_reference_gives(template: Any, expected: Any) -> None:
    found = value(template)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("@triggerBody()['id']", "can't be taken from a value of type Array"),
        ("@triggerBody()[0]['nothing']", "property 'nothing' doesn't exist"),
        ("@triggerBody()[7]", "outside of an array of 1"),
        ("@variables('none')", "isn't initialized"),
        ("@outputs('Later')", "hasn't ended yet"),
        ("@parameters('none')", "the definition has none"),
        ("@toLower(1)", "tolower: expected a String and got Integer"),
        ("@and(true, 'x')", "expected a Boolean and got String"),
        ("@substring('abc', 2, 5)", "aren't within a text of 3"),
        ("@int('x')", "can't be converted to an Integer"),
        ("@div(1, 0)", "division by zero"),
        ("@length()", "doesn't take these 0 arguments"),
        ("@addHours('tomorrow', 1)", "'tomorrow' is no time"),
        ("@formatDateTime(utcNow(), 'gg')", "not supported by local Azure"),
        ("@concat('a'", "expected ')'"),
        ("@concat('a') 'b'", "more than one expression"),
        ("@{concat('a')", "never closed"),
        ("@name", "neither a function call nor a literal"),
        ("@#", "can't read"),
    ],
)
def test_an_expression_without_a_value_says_why(template: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(why)):
        value(template)


def test_what_follows_the_argument_that_decides_is_not_evaluated() -> None:
    assert value("@and(false, variables('none'))") is False
    assert value("@or(true, variables('none'))") is True
    assert value("@coalesce('found', variables('none'))") == "found"


TEXT = st.text(max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def escaped(text: str) -> str:
    """A text that stands for itself in a definition."""
    shown = text.replace("@{", "@@{")
    return f"@{shown}" if shown.startswith("@") and not shown.startswith("@@{") else shown


@given(TEXT)
def test_every_text_can_be_written_as_a_literal(text: str) -> None:
    assert value(f"@{{{quoted(text)}}}") == text


@given(TEXT.filter(lambda text: "@@" not in text))
def test_every_text_can_be_escaped(text: str) -> None:
    assert value(escaped(text)) == text


@given(JSON)
def test_json_reads_what_string_wrote(document: Any) -> None:
    if isinstance(document, dict | list):
        assert value(f"@json({quoted(as_text(document))})") == document


@given(TEXT, TEXT)
def test_splitting_undoes_joining(left: str, right: str) -> None:
    separator = "|"
    if separator not in left + right:
        assert value(f"@split(concat({quoted(left)}, '|', {quoted(right)}), '|')") == [left, right]


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6).filter(bool))
def test_quotient_and_remainder_make_the_whole(one: int, other: int) -> None:
    assert value(f"@add(mul(div({one}, {other}), {other}), mod({one}, {other}))") == one


@given(st.integers(-100_000, 100_000))
def test_moving_a_time_there_and_back_changes_nothing(hours: int) -> None:
    assert value(f"@addHours(addHours(utcNow(), {hours}), {-hours})") == value("@utcNow()")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for attempt in (parse, read):
        with contextlib.suppress(ExpressionError):
            attempt(text)
