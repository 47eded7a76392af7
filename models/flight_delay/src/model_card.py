"""The model card of a version: what is true of all of them, then this one's figures, by slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from features import LABEL
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

#: What the figures are broken down by.
SLICES = ("carrier", "origin", "month")
#: With fewer flights than this a slice's figures would be noise.
FEWEST = 50


def write(
    text: str,
    validation: Mapping[str, Mapping[str, int]],
    metrics: Mapping[str, float],
    test: pd.DataFrame,
    probability: np.ndarray,
) -> str:
    """The card: ``text``, what the version was trained and judged on, its metrics, and those of each slice."""
    lines = [text.rstrip(), "", "## This version", "", "| | |", "|---|---|"]
    for split, verb in (("train", "Trained on"), ("test", "Judged on")):
        lines.append(f"| {verb} | {_described(validation[split])} |")
    lines += [f"| {name} | {value:g} |" for name, value in metrics.items() if "_" not in name]
    lines += ["", "A flight counts as predicted late from a probability of 0.5 on."]
    for name in SLICES:
        lines += ["", f"### By {name}", "", f"| {name} | flights | late | AUC | F1 | Brier score |"]
        lines += ["|---|---|---|---|---|---|", *_slices(name, test.reset_index(drop=True), probability)]
    return "\n".join(lines) + "\n"


def _described(split: Mapping[str, int]) -> str:
    first, last = split["first_month"], split["last_month"]
    months = f"month {first}" if first == last else f"months {first} to {last}"
    late = split["late"] / split["arrived"]
    return f"{months}: {split['flights']:,} flights, {split['arrived']:,} arrived, {late:.1%} of these late"


def _slices(name: str, test: pd.DataFrame, probability: np.ndarray) -> list[str]:
    lines: list[str] = []
    for value, rows in test.groupby(name):
        label, answers = rows[LABEL].to_numpy(), probability[rows.index]
        figures = ["too few flights", "", ""]
        if len(rows) >= FEWEST and 0 < label.sum() < len(rows):
            figures = [_shown(figure) for figure in _figures(label, answers)]
        lines.append(f"| {value} | {len(rows):,} | {label.mean():.1%} | {' | '.join(figures)} |")
    return lines


def _figures(label: Any, answers: Any) -> tuple[float, float, float]:
    return (
        float(roc_auc_score(label, answers)),
        float(f1_score(label, answers >= 0.5)),
        float(brier_score_loss(label, answers)),
    )


def _shown(figure: float) -> str:
    return "" if math.isnan(figure) else f"{figure:.3f}"
