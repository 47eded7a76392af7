"""Third step: measure the model on months it hasn't seen, and write down what it and the champion say for the gate."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import model_card
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
    parser.add_argument("--champion", required=True, help="folder of the model that is served now, or none")
    parser.add_argument("--card", type=Path, required=True, help="what the model card says of every version")
    parser.add_argument(
        "--candidate", type=Path, required=True, help="output: model.joblib, metrics.json, model_card.md"
    )
    parser.add_argument(
        "--predictions", type=Path, required=True, help="output: predictions.csv, for the gate"
    )
    arguments = parser.parse_args()
    test = pd.read_csv(arguments.prepared / "test.csv")
    answers = {"challenger": _answers(arguments.trained, test)}
    if arguments.champion != "none":
        # The same flights, none of which the champion has learnt from either: they are later than its months.
        answers["champion"] = _answers(Path(arguments.champion), test)
    arguments.predictions.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"label": test[LABEL], **answers}).to_csv(
        arguments.predictions / "predictions.csv", index=False
    )
    found = metrics(test, answers["challenger"])
    arguments.candidate.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.trained / "model.joblib", arguments.candidate / "model.joblib")
    (arguments.candidate / "metrics.json").write_text(json.dumps(found, indent=2) + "\n")
    validation = json.loads((arguments.prepared / "validation.json").read_text())
    card = model_card.write(arguments.card.read_text(), validation, found, test, answers["challenger"])
    (arguments.candidate / "model_card.md").write_text(card)
    print(json.dumps(found, indent=2))


def _answers(folder: Path, test: pd.DataFrame) -> np.ndarray:
    """What the model in a folder says about flights; how deep it lies below depends on what it was registered from."""
    model = joblib.load(next(folder.rglob("model.joblib")))
    return model.predict_proba(test[list(FEATURES)])[:, 1]


if __name__ == "__main__":
    main()
