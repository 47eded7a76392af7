"""Second step: fit the model, and keep a sample of what it learnt from as the monitor's reference."""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from features import CATEGORICAL, FEATURES, LABEL, NUMERIC
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

REFERENCE_ROWS = 10_000


def build(seed: int) -> Pipeline:
    """The untrained model: categories to codes, then boosted trees, which take missing values as they are."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=20,
    )
    columns = ColumnTransformer(
        [("categorical", codes, list(CATEGORICAL)), ("numeric", "passthrough", list(NUMERIC))]
    )
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(len(CATEGORICAL))),  # pyright: ignore[reportArgumentType] - any array
        # Leaving later never makes an arrival in time more likely, whatever a few flights say.
        monotonic_cst=[0] * len(CATEGORICAL) + [int(name == "departure_delay") for name in NUMERIC],
        learning_rate=0.08,
        max_iter=150,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def main() -> None:
    """The step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="output of the first step")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--trained", type=Path, required=True, help="output: model.joblib")
    parser.add_argument("--reference", type=Path, required=True, help="output: reference.csv")
    arguments = parser.parse_args()
    train = pd.read_csv(arguments.prepared / "train.csv")
    # One thread: sums in one order make the same model on every machine, and it takes seconds anyway.
    with threadpool_limits(1):
        model = build(arguments.seed).fit(train[list(FEATURES)], train[LABEL])
    arguments.trained.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, arguments.trained / "model.joblib")
    arguments.reference.mkdir(parents=True, exist_ok=True)
    sample = (
        train[list(FEATURES)]
        .sample(min(REFERENCE_ROWS, len(train)), random_state=arguments.seed)
        .sort_index()
    )
    sample.to_csv(arguments.reference / "reference.csv", index=False)
    print(
        f"trained on {len(train)} flights, {model.named_steps['trees'].n_iter_} trees; reference of {len(sample)} flights"
    )


if __name__ == "__main__":
    main()
