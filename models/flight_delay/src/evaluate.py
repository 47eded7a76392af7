"""Third step: judge the model on months it hasn't seen, and hand it over together with its metrics."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
from features import FEATURES, LABEL
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, roc_auc_score

if TYPE_CHECKING:
    import numpy as np


def metrics(test: pd.DataFrame, probability: np.ndarray) -> dict[str, float]:
    """The model's metrics on the test months, by name; a flight counts as predicted late from 0.5 on.

    ``baseline_auc`` is that of the departure delay alone, ``baseline_accuracy`` that of calling no flight late:
    what the model has to beat.
    """
    label = test[LABEL].to_numpy()
    predicted = probability >= 0.5
    found: dict[str, Any] = {
        "auc": roc_auc_score(label, probability),
        "f1": f1_score(label, predicted),
        "accuracy": accuracy_score(label, predicted),
        "brier": brier_score_loss(label, probability),
        "baseline_auc": roc_auc_score(label, test["departure_delay"].fillna(0)),
        "baseline_accuracy": 1 - label.mean(),
        "rows": len(test),
    }
    for origin, rows in test.reset_index(drop=True).groupby("origin"):
        if rows[LABEL].to_numpy().any() and not rows[LABEL].to_numpy().all():
            found[f"auc_{origin}"] = roc_auc_score(rows[LABEL], probability[rows.index])
    return {name: round(float(value), 6) for name, value in found.items()}


def main() -> None:
    """The step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="output of the first step")
    parser.add_argument("--trained", type=Path, required=True, help="output of the second step")
    parser.add_argument("--model", type=Path, required=True, help="output: model.joblib, metrics.json")
    arguments = parser.parse_args()
    test = pd.read_csv(arguments.prepared / "test.csv")
    model = joblib.load(arguments.trained / "model.joblib")
    found = metrics(test, model.predict_proba(test[list(FEATURES)])[:, 1])
    arguments.model.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.trained / "model.joblib", arguments.model / "model.joblib")
    (arguments.model / "metrics.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
