import pytest

from local.azure.errors import ArmError
from local.azure.machine_learning import pipeline


def step(**inputs: str) -> dict:
    return {"type": "command", "inputs": {name: {"value": value} for name, value in inputs.items()}}


def walked(steps: dict) -> list[tuple[str, ...]]:
    sorter, waves = pipeline.order(steps), []
    while sorter.is_active():
        ready = sorter.get_ready()
        waves.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return waves


def test_steps_wait_for_the_steps_whose_outputs_they_read_and_for_no_other():
    rows = "${{parent.jobs.prepare.outputs.rows}}"
    steps = {
        "evaluate": step(model="${{parent.jobs.train.outputs.model}}", rows=rows),
        "train": step(rows=rows, seed="${{parent.inputs.seed}}"),
        "describe": step(rows=rows),
        "prepare": step(data="${{parent.inputs.data}}"),
    }
    assert walked(steps) == [("prepare",), ("describe", "train"), ("evaluate",)]


def test_steps_that_wait_for_one_another_are_refused_with_the_circle():
    steps = {"a": step(x="${{parent.jobs.b.outputs.y}}"), "b": step(x="${{parent.jobs.a.outputs.y}}")}
    with pytest.raises(ArmError, match="wait for one another") as refusal:
        pipeline.order(steps)
    assert refusal.value.status == 400


def test_a_step_that_reads_from_a_step_that_is_not_there_is_refused():
    with pytest.raises(ArmError, match="'missing', which is not a step"):
        pipeline.order({"a": step(x="${{parent.jobs.missing.outputs.y}}")})


@pytest.mark.parametrize("kind", ["parallel", "automl", "spark"])
def test_steps_of_other_types_than_command_are_not_supported(kind: str):
    with pytest.raises(ArmError) as refusal:
        pipeline.order({"a": {"type": kind}})
    assert refusal.value.status == 501
    assert kind in refusal.value.message


def test_expressions_are_read_with_and_without_spaces():
    assert pipeline.whole_binding("${{ parent.inputs.seed }}") == pipeline.ParentInput("seed")
    assert pipeline.whole_binding("${{parent.inputs.group.seed}}") == pipeline.ParentInput("group.seed")
    assert pipeline.whole_binding("${{parent.outputs.model}}") == pipeline.ParentOutput("model")
    assert pipeline.whole_binding("${{parent.jobs.a.outputs.b}}") == pipeline.StepOutput("a", "b")
    assert pipeline.whole_binding("seed-${{parent.inputs.seed}}") is None
    assert pipeline.fill_bindings("seed-${{parent.inputs.seed}}", {"seed": "7"}) == "seed-7"


def test_an_expression_that_is_not_one_of_a_pipeline_is_refused():
    with pytest.raises(ArmError, match=r"search_space\.x"):
        pipeline.bindings("${{search_space.x}}")


def test_a_command_gets_its_values_and_paths():
    command = "train ${{inputs.rows}} --seed ${{inputs.seed}} --out ${{ outputs.model }} --run ${{name}}"
    filled = pipeline.fill_command(command, {"rows": "/in", "seed": "7"}, {"model": "/out"}, "job-1")
    assert filled == "train /in --seed 7 --out /out --run job-1"


def test_an_optional_group_is_left_out_where_its_input_has_no_value():
    command = "train $[[--seed ${{inputs.seed}}]] $[[--rows ${{inputs.rows}}]]"
    assert pipeline.fill_command(command, {"rows": "/in"}, {}, "job-1") == "train  --rows /in"


def test_a_command_that_names_an_unknown_input_is_refused():
    with pytest.raises(ArmError, match=r"inputs\.missing"):
        pipeline.fill_command("train ${{inputs.missing}}", {}, {}, "job-1")


def test_a_command_of_a_sweep_is_not_supported():
    with pytest.raises(ArmError) as refusal:
        pipeline.fill_command("train ${{search_space.rate}}", {}, {}, "job-1")
    assert refusal.value.status == 501


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", "."])
def test_a_step_whose_name_would_lead_elsewhere_is_refused(name: str):
    with pytest.raises(ArmError, match="is no name"):
        pipeline.order({name: step()})
