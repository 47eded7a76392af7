"""How values read."""

import pytest

from local.engine.display.diff import value_text
from local.engine.property_value import UNKNOWN_STRING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (UNKNOWN_STRING, "[unknown]"),
        ({"name": UNKNOWN_STRING, "size": 1}, '{"name": [unknown], "size": 1}'),
        ([{"deep": [UNKNOWN_STRING]}], '[{"deep": [[unknown]]}]'),
        ("[secret]", "[secret]"),
        ("naïve", '"naïve"'),
    ],
)
def test_a_value_on_one_line_never_shows_the_mark_of_an_unknown(value: object, text: str) -> None:
    assert value_text(value) == text
