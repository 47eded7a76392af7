"""Scores files for the batch endpoint: CSVs of features, or of flights as the airlines report them.

Each flight becomes a line of the output file, ``file,row,probability,late``: where it came from, counted from 0, and the
answer. The file is CSV without a header; of a DataFrame, Azure ML would write the values with spaces between them.
"""

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


def run(mini_batch: list[str]) -> list[str]:
    """Score some files: a line per flight.

    Raises:
        ValueError: A file has neither the features' columns nor those of flights; the job counts it as failed.
    """
    scored = pd.concat([_score(Path(path)) for path in mini_batch])
    return scored.to_csv(header=False, index=False).splitlines()


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
