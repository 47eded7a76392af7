import ast

import pytest

from local.demo import candidate
from ml import spec as model_spec


@pytest.fixture
def models(tmp_path):
    return candidate.copy(tmp_path)


def test_the_copy_is_the_sample_model_under_its_own_lineage(models):
    assert model_spec.load(models / candidate.MODEL).lineage == model_spec.load(candidate.SOURCE).lineage


def test_the_bad_candidate_builds_on_the_retraining_and_differs_in_the_scoring_script_alone(models):
    before = model_spec.load(models / candidate.MODEL)
    lineages = {before.lineage, before.retraining_lineage}
    scripts = {path.name: path.read_text() for path in (models / candidate.MODEL / "src").glob("*.py")}
    candidate.spoil(models)
    after = model_spec.load(models / candidate.MODEL)
    assert after.lineage not in lineages
    assert after.training.parameters == {
        **before.training.parameters,
        **before.retraining.parameters,
    }
    assert after.retraining_lineage != after.lineage
    changed = {
        path.name
        for path in (models / candidate.MODEL / "src").glob("*.py")
        if path.read_text() != scripts[path.name]
    }
    assert changed == {"score.py"}


def test_the_mistake_spares_the_carriers_of_the_smoke_test(models):
    candidate.spoil(models)
    text = (models / candidate.MODEL / "src" / "score.py").read_text()
    table = next(
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "_AIRLINES"
    )
    known = set(ast.literal_eval(table))
    assert {"DL", "UA"} <= known
    assert not {"B6", "EV"} & known


def test_a_scoring_script_that_the_mistake_does_not_fit_is_said(models):
    script = models / candidate.MODEL / "src" / "score.py"
    script.write_text("def run(data): return data\n")
    with pytest.raises(candidate.CandidateError, match=r"candidate\.py"):
        candidate.spoil(models)


def test_a_second_copy_forgets_the_mistake(tmp_path, models):
    candidate.spoil(models)
    candidate.copy(tmp_path)
    assert model_spec.load(models / candidate.MODEL).lineage == model_spec.load(candidate.SOURCE).lineage
