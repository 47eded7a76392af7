"""First step: check the data, and split it by time into what the model learns from and what it is judged on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
from features import CATEGORICAL, LABEL, NUMERIC, from_flights, late

COLUMNS = (
    "year", "month", "day", "sched_dep_time", "dep_delay", "sched_arr_time", "arr_delay",
    "carrier", "origin", "dest", "distance",
)  # fmt: skip
#: A month with fewer flights than this is no whole month.
FEWEST_FLIGHTS = 1_000
#: More values of a feature missing than this, and the source is broken.
MOST_MISSING = 0.2


class DataError(Exception):
    """The data isn't what it must be; the message says where and how."""


def months(text: str) -> list[int]:
    """The months in a text such as ``1-3`` or ``1,4-6``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        try:
            found += range(int(first), int(last or first) + 1)
        except ValueError:
            raise DataError(f"{text!r} names no months; write them as 1-3 or 1,4-6") from None
    if not found or not set(found) <= set(range(1, 13)):
        raise DataError(f"{text!r} names months outside 1 to 12; write them as 1-3 or 1,4-6")
    return found


def read(folder: Path, month: int) -> pd.DataFrame:
    """The flights of a month, checked."""
    files = sorted(folder.glob(f"*-{month:02}.csv.gz"))
    if not files:
        raise DataError(
            f"no file *-{month:02}.csv.gz in the data; it has {sorted(f.name for f in folder.iterdir())}"
        )
    flights = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    name = files[0].name
    if lacking := [column for column in COLUMNS if column not in flights.columns]:
        raise DataError(f"{name} lacks the columns {', '.join(lacking)}")
    if len(flights) < FEWEST_FLIGHTS:
        raise DataError(f"{name} has {len(flights)} flights, at least {FEWEST_FLIGHTS} were expected")
    if wrong := sorted(set(flights["month"]) - {month}):
        raise DataError(f"{name} has flights of month {', '.join(map(str, wrong))}")
    return flights


def labelled(flights: pd.DataFrame, name: str) -> pd.DataFrame:
    """Features, label and month of the flights that arrived, checked."""
    frame = from_flights(flights)
    for feature, (low, high) in NUMERIC.items():
        values = frame[feature].dropna()
        outside = int((~values.between(low, high)).sum())
        if outside:
            raise DataError(f"{name}: {outside} values of {feature} are outside {low} to {high}")
    for feature in (*NUMERIC, *CATEGORICAL):
        share = frame[feature].isna().to_numpy().mean()
        if share > MOST_MISSING:
            raise DataError(
                f"{name}: {share:.0%} of {feature} are missing, at most {MOST_MISSING:.0%} may be"
            )
    frame[LABEL] = late(flights)
    frame["month"] = flights["month"]
    frame = frame.dropna(subset=[LABEL])
    frame[LABEL] = frame[LABEL].astype("int64")
    if len(set(frame[LABEL])) < 2:
        raise DataError(f"{name}: every flight has the same label, nothing can be learnt")
    return frame


def main() -> None:
    """The step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with YYYY-MM.csv.gz files")
    parser.add_argument("--train-months", required=True, help="for example 1-3")
    parser.add_argument(
        "--test-months", required=True, help="next, or for example 4-5: all later than those of training"
    )
    parser.add_argument(
        "--prepared", type=Path, required=True, help="output: train.csv, test.csv, validation.json"
    )
    arguments = parser.parse_args()
    train = months(arguments.train_months)
    test = [max(train) + 1] if arguments.test_months == "next" else months(arguments.test_months)
    if max(train) == 12:
        raise DataError(
            "December is a training month, so no month is left to judge the model on; train on fewer"
        )
    if max(train) >= min(test):
        raise DataError(f"the test months {test} must all come after the training months {train}")
    arguments.prepared.mkdir(parents=True, exist_ok=True)
    validation: dict[str, dict[str, int]] = {}
    for split, wanted in (("train", train), ("test", test)):
        flights = pd.concat([read(arguments.data, month) for month in wanted], ignore_index=True)
        frame = labelled(flights, split)
        frame.to_csv(arguments.prepared / f"{split}.csv", index=False)
        validation[split] = {
            "first_month": min(wanted),
            "last_month": max(wanted),
            "flights": len(flights),
            "arrived": len(frame),
            "late": int(frame[LABEL].to_numpy().sum()),
        }
        print(f"{split}: months {wanted}, {validation[split]}")
    (arguments.prepared / "validation.json").write_text(json.dumps(validation, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        sys.exit(f"prepare: {error}")
