"""How values read."""

import pytest

from local.engine.display import colour
from local.engine.display.property_diff import object_diff
from local.engine.display.property_text import Printer
from local.engine.display.quoting import number, quoted
from local.engine.property_value import ASSET, SIGNATURE, UNKNOWN, Secret


def text_of(value: object) -> str:
    printer = Printer([], 0)
    printer.value(value)
    return colour.plain(printer.text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (UNKNOWN, "[unknown]\n"),
        ({"name": UNKNOWN, "size": 1}, "{\n    name: [unknown]\n    size: 1\n}\n"),
        (
            [{"deep": [UNKNOWN]}],
            "[\n    [0]: {\n        deep: [\n            [0]: [unknown]\n        ]\n    }\n]\n",
        ),
        (Secret("hush"), "[secret]\n"),
        ("naïve", '"naïve"\n'),
        ('{"a": [1]}', "(json) {\n    a: [\n        [0]: 1\n    ]\n}\n\n"),
        ("a: 1\nb: x\n", '(yaml) {\n    a: 1\n    b: "x"\n}\n\n'),
        ("one\ntwo\nthree\nfour", '"one\\ntwo\\nthree\\n..."\n'),
        (None, "<null>\n"),
        ({}, "{}\n"),
    ],
)
def test_a_value_reads_as_the_official_cli_shows_it(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.5, "1.5"),
        (1e20, "100000000000000000000"),
        (1234567.5, "1.2345675e+06"),
        (0.00001234, "1.234e-05"),
    ],
)
def test_a_number_reads_as_go_prints_it(value: float, text: str) -> None:
    assert number(value) == text


def test_what_can_not_be_seen_in_a_string_is_escaped() -> None:
    assert quoted('a\t"b"\x00\u200b') == '"a\\t\\"b\\"\\x00\\u200b"'


def difference(old: dict, new: dict) -> str:
    printer = Printer([], 1)
    diff = object_diff(old, new)
    assert diff is not None
    printer.diff(diff)
    return colour.plain(printer.text)


def asset(**fields: object) -> dict:
    return {SIGNATURE: ASSET, **fields}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"a": 1}, {"a": 2}, "  ~ a: 1 => 2\n"),
        ({"a": 1}, {"b": 2}, "  - a: 1\n  + b: 2\n"),
        (
            {"a": [1, 2]},
            {"a": [1, 3, 4]},
            "  ~ a: [\n        [0]: 1\n      ~ [1]: 2 => 3\n      + [2]: 4\n    ]\n",
        ),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, '  ~ a: {\n      ~ b: "x" => "y"\n    }\n'),
        ({"a": "one\ntwo\n"}, {"a": "one\nthree\n"}, "  ~ a: \n        one\n      - two\n      + three\n"),
        ({"a": '{"k": 1}'}, {"a": '{"k": 2}'}, "  ~ a: (json) {\n      ~ k: 1 => 2\n    }\n"),
        ({"a": "x"}, {"a": Secret("x")}, '  ~ a: "x" => [secret]\n'),
        ({"a": "x"}, {"a": UNKNOWN}, '  ~ a: "x" => [unknown]\n'),
        ({"a": "x"}, {"a": {"b": 1}}, '  - a: "x"\n  + a: {\n      + b: 1\n    }\n'),
        (
            {"a": asset(path="x", hash="1" * 64)},
            {"a": asset(path="x", hash="2" * 64)},
            "  - a: asset(file:1111111) { x }\n  + a: asset(file:2222222) { x }\n",
        ),
    ],
)
def test_a_difference_reads_as_the_official_cli_shows_it(old: dict, new: dict, text: str) -> None:
    assert difference(old, new) == text
