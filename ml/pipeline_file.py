"""What ``model.yaml`` needs of its pipeline's file: inputs and outputs that others rely on, and its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def mistakes(path: Path, *, training: Mapping[str, object], retraining: Mapping[str, object]) -> list[str]:
    """Why the pipeline in ``path`` can't make versions with these parameters, a line each."""
    name = path.name
    try:
        pipeline: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"training.pipeline: {name} isn't YAML: {' '.join(str(error).split())}"]
    if not isinstance(pipeline, dict) or pipeline.get("type") != "pipeline":
        return [f"training.pipeline: {name} isn't a pipeline job; it needs `type: pipeline`"]
    inputs: Mapping[str, Any] = pipeline.get("inputs") or {}
    outputs: Mapping[str, Any] = pipeline.get("outputs") or {}
    found = [
        f"training.pipeline: {name} has no output `{output}`, which {use}; add it under `outputs`"
        for output, use in (("model", "is registered"), ("reference", "the monitor compares with"))
        if output not in outputs
    ]
    found += [
        f"training.pipeline: {name} has no input `{given}` for {use}; add it under `inputs`"
        for given, use in (
            ("data", "the data asset"),
            ("champion", "what is served, which the gate compares with (`champion: none`)"),
        )
        if given not in inputs
    ]
    mine = {*inputs} - {"data", "champion"}
    for section, parameters in (
        ("training", training),
        ("retraining", retraining),
    ):
        found += [
            f"{section}.parameters.{parameter}: {name} has no such input; known there: "
            f"{', '.join(sorted(mine)) or 'none'}"
            for parameter in parameters
            if parameter not in mine
        ]
    return found
