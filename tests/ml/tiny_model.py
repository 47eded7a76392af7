"""A model that trains in a second with nothing but Python: the mean of a column, and a threshold around it."""

import json
from pathlib import Path

import yaml

CONDA = {
    "name": "tiny",
    "dependencies": ["python=3.11", "pip", {"pip": ["azureml-inference-server-http==1.5.1"]}],
}
DOCUMENT = {
    "name": "tiny",
    "description": "Whether a number is above what was seen.",
    "framework": "none",
    "data": {"asset": "numbers", "version": "1", "files": "data"},
    "environment": {"name": "tiny", "image": "base:1", "conda": "environment.yml"},
    "training": {"pipeline": "pipeline.yml", "code": "src", "parameters": {"scale": 1}},
    "scoring": {"code": "src", "script": "score.py"},
    "monitor": {"features": {"numeric": ["number"]}},
    "smoke": "smoke.json",
}
PIPELINE = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json",
    "type": "pipeline",
    "inputs": {"data": {"type": "uri_folder"}, "champion": "none", "scale": 1},
    "outputs": {"model": {"type": "uri_folder"}, "reference": {"type": "uri_folder"}},
    "jobs": {
        "prepare": {
            "type": "command",
            "code": "src",
            "command": "python prepare.py ${{inputs.data}} ${{outputs.prepared}}",
            "inputs": {"data": "${{parent.inputs.data}}"},
            "outputs": {"prepared": {"type": "uri_folder"}},
        },
        "train": {
            "type": "command",
            "code": "src",
            "command": "python train.py ${{inputs.prepared}} ${{inputs.scale}} ${{inputs.champion}} "
            "${{outputs.model}} ${{outputs.reference}}",
            "inputs": {
                "prepared": "${{parent.jobs.prepare.outputs.prepared}}",
                "scale": "${{parent.inputs.scale}}",
                "champion": "${{parent.inputs.champion}}",
            },
            "outputs": {"model": "${{parent.outputs.model}}", "reference": "${{parent.outputs.reference}}"},
        },
    },
}
PREPARE = """
import pathlib, shutil, sys
source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
shutil.copy(source / "numbers.csv", target / "numbers.csv")
"""
TRAIN = """
import json, os, pathlib, sys, time
prepared, scale, champion, model, reference = sys.argv[1:]
if float(scale) < 0:
    sys.exit("the scale must not be negative")
if float(scale) >= 100:
    print("gate: refused: a scale of 100 is too large")
    sys.exit(1)
time.sleep(float(os.environ.get("TINY_PAUSE", "0")))
text = (pathlib.Path(prepared) / "numbers.csv").read_text()
numbers = [float(line) for line in text.splitlines()[1:]]
for folder in (model, reference):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
mean = sum(numbers) / len(numbers) * float(scale)
(pathlib.Path(model) / "model.json").write_text(json.dumps({"mean": mean}))
metrics = {"mean": mean, "count": len(numbers)}
if champion != "none":
    served = next(pathlib.Path(champion).rglob("model.json"))
    metrics["champion_mean"] = json.loads(served.read_text())["mean"]
(pathlib.Path(model) / "metrics.json").write_text(json.dumps(metrics))
verdict = {"passed": float(scale) != 99, "outcome": "passed without a champion", "reason": "99 is too odd"}
(pathlib.Path(model) / "gate.json").write_text(json.dumps(verdict))
if float(scale) != 7:
    (pathlib.Path(model) / "model_card.md").write_text("# tiny")
(pathlib.Path(reference) / "reference.csv").write_text(text)
"""
SCORE = """
import json, os, pathlib

def init():
    global mean
    file = next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("model.json"))
    mean = json.loads(file.read_text())["mean"]

def run(data):
    return [{"above": row["number"] > mean, "mean": mean} for row in json.loads(data)["data"]]
"""
SMOKE = {"request": {"data": [{"number": 1000}]}, "answer": [{"above": True, "mean": "number"}]}


def write(folder: Path, *, change=dict) -> Path:
    """The model's files in ``folder``; ``change`` may edit model.yaml's content."""
    document = json.loads(json.dumps(DOCUMENT))
    change(document)
    for name, text in {
        "model.yaml": yaml.safe_dump(document),
        "environment.yml": yaml.safe_dump(CONDA),
        "pipeline.yml": yaml.safe_dump(PIPELINE),
        "smoke.json": json.dumps(SMOKE),
        "data/numbers.csv": "number\n1\n2\n3\n",
        "src/prepare.py": PREPARE,
        "src/train.py": TRAIN,
        "src/score.py": SCORE,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
