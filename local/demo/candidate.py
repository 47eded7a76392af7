"""The bad candidate: a copy of the sample model with a colleague's mistake that its smoke test doesn't notice.

The mistake is in the scoring script only: a table of carriers' names that lacks two of the biggest. The model trains
as before and passes its gate, the smoke request is answered, and about a third of the flights are not.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import yaml

from local.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "flight_delay"
SOURCE = REPOSITORY / "models" / MODEL
_BEFORE = '    answers = predict(_state["model"], frame)\n'
_MISTAKE = '    _log.info("scoring flights of %s", sorted({_AIRLINES[code] for code in frame["carrier"]}))\n'
_TABLE = '\n_AIRLINES = {"AA": "American", "DL": "Delta", "UA": "United", "US": "US Airways", "WN": "Southwest", "MQ": "Envoy", "9E": "Endeavor"}\n'
_ANCHOR = "_state: dict[str, Any] = {}\n"


class CandidateError(Exception):
    """The sample model has changed so that the mistake doesn't fit in any more."""


def copy(root: Path) -> Path:
    """Copies the sample model to ``root``/models, anew; returns that folder, as ``mlops:modelsFolder`` takes it.

    Beside it lies what its pipeline refers to (``../../ml``); the data stays where it is.
    """
    models = root / "models"
    shutil.rmtree(models, ignore_errors=True)
    shutil.copytree(SOURCE, models / MODEL, ignore=shutil.ignore_patterns("data", "__pycache__"))
    (models / MODEL / "data").symlink_to(SOURCE / "data")
    gate = root / "ml"
    gate.unlink(missing_ok=True)
    gate.symlink_to(REPOSITORY / "ml")
    return models


def spoil(models: Path) -> None:
    """Makes the mistake, and takes the retraining's months for training, as whoever builds on the newest model would.

    Raises:
        CandidateError: the scoring script or the model's file isn't what this was written for.
    """
    script = models / MODEL / "src" / "score.py"
    text = script.read_text()
    if text.count(_BEFORE) != 1 or text.count(_ANCHOR) != 1:
        raise CandidateError(
            f"{script.name} isn't what the demo's mistake was made for: mend local/demo/candidate.py"
        )
    script.write_text(text.replace(_BEFORE, _MISTAKE + _BEFORE).replace(_ANCHOR, _ANCHOR + _TABLE))
    file = models / MODEL / "model.yaml"
    spec = yaml.safe_load(file.read_text())
    newest = (spec.get("retraining") or {}).get("parameters") or {}
    months = re.fullmatch(r"(\d+)-(\d+)", str(newest.get("train_months")))
    if not months:
        raise CandidateError(
            f"{file.name}: retraining.parameters.train_months is no range of months to build on"
        )
    spec["training"]["parameters"] |= newest
    # The next retraining takes the month after that in: it must differ from the training.
    spec["retraining"]["parameters"] = {**newest, "train_months": f"{months[1]}-{int(months[2]) + 1}"}
    file.write_text(yaml.safe_dump(spec, sort_keys=False))
