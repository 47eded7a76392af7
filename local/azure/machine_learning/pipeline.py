"""Pipelines and commands, decided without doing anything: the order of steps and what binding expressions mean.

Expressions are Azure ML's (CLI v2 "core syntax"): ``${{parent.inputs.x}}``, ``${{parent.outputs.x}}`` and
``${{parent.jobs.step.outputs.x}}`` between a pipeline and its steps; ``${{inputs.x}}``, ``${{outputs.x}}``,
``${{name}}`` and optional groups ``$[[--flag ${{inputs.x}}]]`` in a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from local.azure.errors import bad_request, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.resource_type import Json

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]+?)\s*\}\}")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


@dataclass(frozen=True)
class StepOutput:
    """``${{parent.jobs.step.outputs.output}}``."""

    step: str
    output: str


@dataclass(frozen=True)
class ParentInput:
    """``${{parent.inputs.name}}``."""

    name: str


@dataclass(frozen=True)
class ParentOutput:
    """``${{parent.outputs.name}}``."""

    name: str


Binding = StepOutput | ParentInput | ParentOutput


def binding(expression: str) -> Binding:
    """What the inside of ``${{…}}`` in a step's inputs and outputs refers to."""
    match expression.split("."):
        case ["parent", "inputs", *name] if name:
            return ParentInput(".".join(name))
        case ["parent", "outputs", name]:
            return ParentOutput(name)
        case ["parent", "jobs", step, "outputs", output]:
            return StepOutput(step, output)
        case _:
            raise unsupported(f"The binding expression '${{{{{expression}}}}}' in a pipeline step")


def whole_binding(text: str) -> Binding | None:
    """The binding that ``text`` is as a whole; None where it is (or only contains) something else."""
    found = _EXPRESSION.fullmatch(text.strip())
    return binding(found[1]) if found else None


def bindings(text: str) -> list[Binding]:
    """All bindings within ``text``."""
    return [binding(found) for found in _EXPRESSION.findall(text)]


def fill_bindings(text: str, parent_inputs: Mapping[str, str]) -> str:
    """``text`` with the ``${{parent.inputs.x}}`` inside it replaced by literal values."""

    def value(found: re.Match[str]) -> str:
        bound = binding(found[1])
        if isinstance(bound, ParentInput) and bound.name in parent_inputs:
            return parent_inputs[bound.name]
        raise bad_request(f"'{text}' refers to something that is not a literal input of the pipeline.")

    return _EXPRESSION.sub(value, text)


def check_name(name: str) -> None:
    """Refuses names of steps and outputs that are none: folders are called like them."""
    if not _NAME.fullmatch(name):
        raise bad_request(f"'{name}' is no name for a step or an output: use letters, digits, _ and -.")


def upstream(step: Json) -> set[str]:
    """The steps whose outputs a step reads."""
    values = [str(item.get("value", "")) for item in (step.get("inputs") or {}).values()]
    return {bound.step for text in values for bound in bindings(text) if isinstance(bound, StepOutput)}


def order(steps: Mapping[str, Json]) -> TopologicalSorter[str]:
    """The steps in an order in which inputs exist, ready to be walked (``get_ready``, ``done``).

    Refuses (``ArmError``): steps of other types than command, pipeline and sweep, unknown steps and outputs, circles.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, step in steps.items():
        check_name(name)
        kind = str(step.get("type", "command"))
        if kind not in ("command", "pipeline", "sweep"):
            raise unsupported(f"Pipeline step '{name}' of type '{kind}'")
        before = upstream(step)
        for missing in sorted(before - set(steps)):
            raise bad_request(f"Pipeline step '{name}' reads an output of '{missing}', which is not a step.")
        sorter.add(name, *sorted(before))
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise bad_request(f"The steps of the pipeline wait for one another: {circle}.") from error
    return sorter


def fill_command(command: str, inputs: Mapping[str, str], outputs: Mapping[str, str], name: str) -> str:
    """A command with its expressions replaced by values and local paths.

    An optional group ``$[[…]]`` is dropped if an input within it has no value.
    """

    def value(found: re.Match[str]) -> str:
        kind, _, key = found[1].partition(".")
        if kind == "inputs" and key in inputs:
            return inputs[key]
        if kind == "outputs" and key in outputs:
            return outputs[key]
        if found[1] == "name":
            return name
        if kind in {"search_space", "distribution"}:
            raise unsupported(f"The expression '{found[0]}' in a command")
        raise bad_request(f"The command refers to '{found[0]}', which the job doesn't define.")

    def group(found: re.Match[str]) -> str:
        named = [expression.partition(".")[2] for expression in _EXPRESSION.findall(found[1])]
        return found[1] if all(key in inputs or key in outputs for key in named) else ""

    return _EXPRESSION.sub(value, _OPTIONAL.sub(group, command))
