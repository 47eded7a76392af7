"""Runs the sample model's pipeline as its YAML says, step by step, in processes of this environment."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

MODEL = Path(__file__).resolve().parents[2] / "models" / "flight_delay"


class StepError(Exception):
    """A step failed; holds what it said."""


def run(folder, data, **parameters):
    """Run all steps with outputs below ``folder``; returns the folders of the pipeline's outputs."""
    pipeline = yaml.safe_load((MODEL / "pipeline.yml").read_text())
    inputs = {name: value for name, value in pipeline["inputs"].items() if name != "data"} | parameters
    inputs["card"] = MODEL / inputs["card"]["path"]
    inputs["data"] = data
    places = {f"parent.inputs.{name}": value for name, value in inputs.items()}
    places |= {f"parent.outputs.{name}": folder / name for name in pipeline["outputs"]}
    for name, step in pipeline["jobs"].items():  # in the order in which they are written
        known = {f"inputs.{key}": resolve(value, places) for key, value in step["inputs"].items()}
        for key, value in step["outputs"].items():
            bound = isinstance(value, str)
            known[f"outputs.{key}"] = resolve(value, places) if bound else folder / f"{name}-{key}"
            places[f"parent.jobs.{name}.outputs.{key}"] = known[f"outputs.{key}"]
        command = shlex.split(resolve(step["command"], known))
        assert command.pop(0) == "python"
        done = subprocess.run(
            [sys.executable, *command],
            cwd=MODEL / step["code"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StepError(f"{done.stdout}{done.stderr}")
    return {name: folder / name for name in pipeline["outputs"]}


def resolve(text, known):
    return re.sub(r"\$\{\{(.+?)\}\}", lambda found: str(known[found[1].strip()]), str(text))
