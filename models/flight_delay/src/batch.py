"""Scores files for the batch endpoint: CSVs of features, or of flights as the airlines report them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from features import FEATURES, from_flights

_state: dict[str, Any] = {}


def init() -> None:
    """Load the model, once per process."""
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    _state["model"] = joblib.load(next(folder.rglob("model.joblib")))


def run(mini_batch: list[str]) -> pd.DataFrame:
    """Score some files: a row per flight with the file's name, its row there, and the prediction.

    Raises:
        ValueError: A file has neither the features' columns nor those of flights; the job counts it as failed.
    """
    return pd.concat([_score(Path(path)) for path in mini_batch], ignore_index=True)


def _score(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    if "sched_dep_time" in rows.columns:
        rows = from_flights(rows)
    if lacking := [name for name in FEATURES if name not in rows.columns]:
        raise ValueError(f"{path.name} lacks the columns {', '.join(lacking)}")
    probability = _state["model"].predict_proba(rows[list(FEATURES)])[:, 1].round(6)
    return pd.DataFrame(
        {"file": path.name, "row": range(len(rows)), "probability": probability, "late": probability >= 0.5}
    )
