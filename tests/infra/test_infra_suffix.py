import base64
import pickle
import re

from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic.dynamic import serialize_provider

from infra import names
from infra.suffix import SuffixProvider


def test_a_suffix_is_six_lowercase_letters_and_digits():
    made = SuffixProvider().create({"fixed": None})
    assert made.outs is not None
    assert re.fullmatch(names.SUFFIX_PATTERN, made.outs["value"])
    assert made.id == made.outs["value"]


def test_two_suffixes_differ():
    provider = SuffixProvider()
    assert len({provider.create({}).id for _ in range(20)}) == 20


@given(st.from_regex(names.SUFFIX_PATTERN, fullmatch=True))
def test_a_suffix_that_the_stack_fixes_is_taken(fixed):
    made = SuffixProvider().create({"fixed": fixed})
    assert made.outs == {"fixed": fixed, "value": fixed}


def test_a_suffix_stays_unless_the_stack_fixes_another_one():
    provider = SuffixProvider()
    olds = {"fixed": None, "value": "abc123"}
    assert not provider.diff("abc123", olds, {"fixed": None}).changes
    assert not provider.diff("abc123", olds, {"fixed": "abc123"}).changes
    moved = provider.diff("abc123", olds, {"fixed": "zzz999"})
    assert moved.changes
    assert moved.replaces == ["fixed"]


def test_the_state_holds_a_short_reference_to_the_provider():
    text = serialize_provider(SuffixProvider())
    assert len(text) < 100
    assert type(pickle.loads(base64.b64decode(text))) is SuffixProvider
