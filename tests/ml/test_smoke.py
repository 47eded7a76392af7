"""The smoke test's template: what an answer must look like."""

import pytest

from ml import smoke

TEMPLATE = [{"probability": {"minimum": 0, "maximum": 1}, "late": "boolean"}]


def test_an_answer_that_fits_has_no_mismatch():
    assert smoke.mismatch([{"probability": 0.25, "late": False, "more": "fine"}], TEMPLATE) is None


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ([{"probability": 1.2, "late": True}], "answer[0].probability is 1.2, not within 0 to 1"),
        ([{"probability": True, "late": True}], "answer[0].probability is True, not within 0 to 1"),
        ([{"probability": 0.5, "late": 1}], "answer[0].late is 1, not a boolean"),
        ([{"probability": 0.5}], "answer[0] has no 'late'"),
        ([], "answer is [], not a list of 1"),
        ({"error": "no"}, "answer is {'error': 'no'}, not a list of 1"),
        (["late"], "answer[0] is 'late', not a mapping"),
    ],
)
def test_a_mismatch_says_where_and_what(answer, where):
    assert smoke.mismatch(answer, TEMPLATE) == where


@pytest.mark.parametrize(
    ("kind", "right", "wrong"), [("number", 1.5, True), ("integer", 1, 1.5), ("string", "a", 1)]
)
def test_kinds_stand_for_values(kind, right, wrong):
    assert smoke.mismatch(right, kind) is None
    assert smoke.mismatch(wrong, kind) == f"answer is {wrong!r}, not a {kind}" or kind == "integer"
    assert smoke.mismatch(wrong, kind) is not None


def test_everything_else_stands_for_itself():
    assert smoke.mismatch("ok", "ok") is None
    assert smoke.mismatch("no", "ok") == "answer is 'no', not 'ok'"


def test_a_file_of_another_shape_is_refused(tmp_path):
    file = tmp_path / "smoke.json"
    file.write_text('{"data": []}')
    with pytest.raises(ValueError, match=r'smoke.json must hold \{"request"'):
        smoke.read(file)
    file.write_text("{")
    with pytest.raises(ValueError, match=r"smoke.json isn't JSON"):
        smoke.read(file)
    file.write_text('{"request": {"data": []}, "answer": ["late"]}')
    assert smoke.read(file) == smoke.Smoke({"data": []}, ["late"])
