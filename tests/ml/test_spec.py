"""model.yaml: what is right becomes a frozen model, what is wrong one line that says what to do."""

import json

import pytest
import yaml
from pydantic import ValidationError

from ml import spec

PIPELINE = {
    "type": "pipeline",
    "inputs": {"data": {"type": "uri_folder"}, "champion": "none", "seed": 1},
    "outputs": {"model": {"type": "uri_folder"}, "reference": {"type": "uri_folder"}},
    "jobs": {},
}


def document():
    return {
        "name": "flight-delay",
        "framework": "scikit-learn",
        "data": {"asset": "flights", "version": "2013.1", "files": "data"},
        "environment": {"name": "flight-delay", "image": "base:1", "conda": "environment.yml"},
        "training": {"pipeline": "pipeline.yml", "code": "src", "parameters": {"seed": 7}},
        "scoring": {"code": "src", "script": "score.py"},
        "deployment": {"instanceType": "Standard_DS3_v2"},
        "monitor": {"features": {"numeric": ["distance"], "categorical": ["carrier"]}},
        "smoke": "smoke.json",
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/score.py").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/01.csv").write_text("a,b\n")
    (tmp_path / "environment.yml").write_text("dependencies: [python=3.11]\n")
    (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(PIPELINE))
    (tmp_path / "smoke.json").write_text(json.dumps({"request": {}, "answer": {"late": "boolean"}}))
    return tmp_path


def load(folder, change=dict):
    """Writes and reads a file; ``dict`` changes nothing."""
    written = document()
    change(written)
    (folder / "model.yaml").write_text(yaml.safe_dump(written))
    return spec.load(folder)


def refusal(folder, change=dict):
    with pytest.raises(spec.SpecError) as error:
        load(folder, change)
    return str(error.value)


def test_a_right_file_is_read_with_absolute_paths_and_defaults(folder):
    read = load(folder)
    assert read.data.files == folder / "data"
    assert read.training.pipeline == folder / "pipeline.yml"
    assert read.deployment.instance_type == "Standard_DS3_v2"
    assert read.monitor.thresholds.normalized_wasserstein == 0.1
    assert read.batch.script is None
    with pytest.raises(ValidationError):
        read.name = "other"


def test_the_lineage_follows_data_code_and_parameters(folder):
    before = load(folder).lineage
    assert load(folder).lineage == before
    other = load(folder, lambda d: d["training"]["parameters"].update(seed=8)).lineage
    (folder / "src/train.py").write_text("x = 1\n")
    third = load(folder).lineage
    (folder / "data/02.csv").write_text("c,d\n")
    assert len({before, other, third, load(folder).lineage}) == 4


def test_what_does_not_change_the_model_does_not_change_the_lineage(folder):
    before = load(folder).lineage
    changed = load(folder, lambda d: d.update(description="other", deployment={"instanceCount": 3}))
    assert changed.lineage == before


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda d: d.pop("framework"), "framework: is missing (what the model is made with, a tag of every"),
        (lambda d: d["data"].pop("version"), "data.version: is missing (the asset's version, which model"),
        (lambda d: d.update(nmae="x"), "nmae: unknown key, it would have no effect; known here: batch, data"),
        (
            lambda d: d["deployment"].update(instanceTyp="x"),
            "deployment.instanceTyp: unknown key, it would have no effect; known here: collect, instanceCount",
        ),
        (
            lambda d: d.update(name="Flight Delay"),
            "name: 'Flight Delay' can't be used (1-23 lowercase letters",
        ),
        (lambda d: d.update(name="a" * 24), f"name: '{'a' * 24}' can't be used (1-23 lowercase letters"),
        (
            lambda d: d["data"].update(version=2013.1),
            "data.version: YAML reads 2013.1 as a number, which loses",
        ),
        (
            lambda d: d["data"].update(files="dta"),
            "data.files: the data folder dta is missing or empty; put the version's files there (`make setup` makes the sample's)",
        ),
        (
            lambda d: d["training"].update(pipeline="p.yml"),
            "training.pipeline: there is no file p.yml; write a path",
        ),
        (lambda d: d["training"].update(code="scr"), "training.code: there is no folder scr; write a path"),
        (
            lambda d: d["scoring"].update(script="sc.py"),
            "scoring.script: there is no sc.py in src/; name a file",
        ),
        (
            lambda d: d["training"]["parameters"].update(sed=1),
            "training.parameters.sed: pipeline.yml has no such input",
        ),
        (
            lambda d: d["deployment"].update(instanceCount=0),
            "deployment.instanceCount: 0 can't be used (how many",
        ),
        (
            lambda d: d["deployment"].update(collect=["model_inputs"]),
            "deployment.collect: lacks model_outputs",
        ),
        (
            lambda d: d["monitor"]["features"].update(numeric=["carrier"]),
            "monitor.features: carrier is numeric and categorical; keep one",
        ),
        (
            lambda d: d["monitor"].update(features={}),
            "monitor.features: names no feature, so the monitor would",
        ),
        (
            lambda d: d["monitor"].update(schedule={"frequency": "never"}),
            "monitor.schedule.frequency: 'never' can't",
        ),
        (
            lambda d: d.update(traffic={"steps": [10, 50]}),
            "traffic.steps: [10, 50] ends at 50 %, and the old deployment would keep traffic when it is deleted; end",
        ),
        (
            lambda d: d.update(traffic={"steps": [50, 10, 100]}),
            "traffic.steps: [50, 10, 100] goes back or stands still, and traffic only moves on; write increasing",
        ),
        (
            lambda d: d.update(traffic={"steps": [0, 100]}),
            "traffic.steps: [0, 100] must be whole percentages from 1 to 100; write e.g. [10, 50, 100]",
        ),
        (
            lambda d: d.update(traffic={"steps": []}),
            "traffic.steps: [] must be whole percentages from 1 to 100; write e.g. [10, 50, 100]",
        ),
        (
            lambda d: d.update(traffic={"strategy": "blue-green", "steps": [50, 100]}),
            "traffic.steps: blue-green moves all requests at once; remove steps, or write canary",
        ),
        (
            lambda d: d.update(traffic={"strategy": "bluegreen"}),
            "traffic.strategy: 'bluegreen' can't be used (how requests move to a new deployment)",
        ),
        (
            lambda d: d.update(traffic={"maxErrorRate": 2}),
            "traffic.maxErrorRate: 2 can't be used (the share of failed requests from 0 to 1",
        ),
        (
            lambda d: d.update(retraining={"parameters": {"sed": 1}}),
            "retraining.parameters.sed: pipeline.yml has no such input; known there: seed",
        ),
        (
            lambda d: d.update(retraining={"parameters": {"seed": 7}}),
            "retraining.parameters: are those of training, so a retraining would make the version that is there",
        ),
        (
            lambda d: d.update(retraining={"parameters": {"seed": 8}, "schedule": {"hours": 3}}),
            "retraining.schedule.hours: unknown key, it would have no effect; known here: day, enabled,",
        ),
        (
            lambda d: d.update(retraining={"parameters": {"seed": 8}, "coolDownHours": -1}),
            "retraining.coolDownHours: -1 can't be used (for how long after a breach",
        ),
        (
            lambda d: d.update(endpoint={"auth": "none"}),
            "endpoint.auth: 'none' can't be used (how callers sign in)",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_key_and_the_remedy(folder, change, line):
    text = refusal(folder, change)
    assert text.startswith(f"{folder / 'model.yaml'}: {line}")
    assert "\n" not in text


def test_each_mistake_has_its_line(folder):
    def change(document):
        document.pop("framework")
        document.update(nmae="x")

    assert len(refusal(folder, change).splitlines()) == 2


def test_a_pipeline_without_the_outputs_that_are_registered_is_refused(folder):
    (folder / "pipeline.yml").write_text(
        yaml.safe_dump({**PIPELINE, "outputs": {"model": {}}, "inputs": {"seed": 1}})
    )
    text = refusal(folder, dict)
    assert "pipeline.yml has no output `reference`, which the monitor compares with" in text
    assert "pipeline.yml has no input `data` for the data asset" in text
    assert "no input `champion` for what is served, which the gate compares with (`champion: none`)" in text


def test_a_file_that_is_no_pipeline_is_refused(folder):
    (folder / "pipeline.yml").write_text("type: command\n")
    assert "isn't a pipeline job; it needs `type: pipeline`" in refusal(folder, dict)


def test_a_smoke_test_that_can_not_be_read_is_refused(folder):
    (folder / "smoke.json").write_text("{}")
    assert "smoke: smoke.json must hold" in refusal(folder, dict)


@pytest.mark.parametrize("answer", [None, {}, []])
def test_a_smoke_test_without_expectation_is_refused(folder, answer):
    (folder / "smoke.json").write_text(json.dumps({"request": {}, "answer": answer}))
    text = refusal(folder)
    assert "smoke: smoke.json expects nothing of the answer, so any deployment would pass; write the" in text
    assert "\n" not in text


def test_a_missing_file_and_broken_yaml_are_one_line(tmp_path):
    with pytest.raises(
        spec.SpecError, match=r"model.yaml: can't be read \(No such file or directory\); name a"
    ):
        spec.load(tmp_path / "model.yaml")
    (tmp_path / "model.yaml").write_text("a: [")
    with pytest.raises(spec.SpecError, match=r"model.yaml: isn't YAML: while parsing"):
        spec.load(tmp_path)
    (tmp_path / "model.yaml").write_text("just words")
    with pytest.raises(spec.SpecError, match="must be a mapping of keys to values"):
        spec.load(tmp_path)


def test_a_retraining_has_a_lineage_of_its_own_and_its_parameters_are_written_over_those_of_training(folder):
    plain = load(folder)
    assert (plain.retraining_lineage, plain.retraining_parameters) == (None, {"seed": 7})
    read = load(folder, lambda d: d.update(retraining={"parameters": {"seed": 8}}))
    assert read.lineage == plain.lineage
    assert read.retraining_parameters == {"seed": 8}
    assert (
        read.retraining_lineage == load(folder, lambda d: d["training"]["parameters"].update(seed=8)).lineage
    )
    assert (read.retraining.schedule.enabled, read.retraining.cool_down_hours) == (False, 24)
