"""The gate: may this challenger take the champion's place?

Both have answered the same labelled examples, none of which either was trained on. The challenger passes if it is good
enough in itself (AUC and F1 of at least a minimum) and no worse than the champion by more than a tolerance, each shown
with 95 % confidence. What can't be told from the examples isn't passed. Without a champion only the minimums count, and
the verdict says so.

The intervals are percentiles of a paired bootstrap: examples are drawn with replacement, and both models are measured
on each draw (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapters 13 and 16); the comparison is
the one of a non-inferiority trial. The order of the examples doesn't matter, and the same ones give the same verdict.

One module, longer than others, that needs nothing but numpy: it is also the code of a pipeline's step. As a command it
exits with 0 (passed), 1 (refused) or 2 (there is nothing to judge by)::

    python -m ml.gate --predictions predictions.csv --minimum-auc 0.85 --minimum-f1 0.65 --tolerance 0.005
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Columns of the predictions: 0 or 1, and each model's probability of a 1. Others may be there.
LABEL, CHALLENGER, CHAMPION = "label", "challenger", "champion"
RESAMPLES = 500
CONFIDENCE = 0.95
_SEED = 20130101
PASSED, REFUSED, UNUSABLE = 0, 1, 2


class GateError(ValueError):
    """There is nothing to judge by; the message says what is wrong and what to write instead."""


class State(StrEnum):
    """What the examples say about one criterion."""

    MET = "met"
    #: The figure itself misses it.
    MISSED = "missed"
    #: The figure meets it, its interval doesn't: too few examples to be sure.
    UNDECIDED = "undecided"


class Outcome(StrEnum):
    """How the gate decides."""

    PASSED = "passed"
    #: Nothing was served to compare with; the minimums are met.
    PASSED_FIRST = "passed without a champion"
    REFUSED = "refused"


@dataclass(frozen=True)
class Predictions:
    """What was true (0 or 1) and what the models said (probabilities of 1), an element per example."""

    label: Array
    challenger: Array
    champion: Array | None = None


@dataclass(frozen=True)
class Criteria:
    """What a challenger must reach."""

    minimum_auc: float = 0.5
    minimum_f1: float = 0.0
    #: How much lower than the champion's AUC and F1 its own may be.
    tolerance: float = 0.005
    #: From which probability on an example counts as predicted 1.
    cutoff: float = 0.5

    def __post_init__(self) -> None:
        """Refuses criteria that mean nothing."""
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise GateError(f"{name.replace('_', ' ')} is {value:g}; write a number from 0 to 1")


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Check:
    """One criterion, and what became of it."""

    metric: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says, and why."""

    outcome: Outcome
    examples: int
    positives: int
    criteria: Criteria
    challenger: Mapping[str, Interval]
    champion: Mapping[str, Interval]
    difference: Mapping[str, Interval]
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be registered."""
        return self.outcome is not Outcome.REFUSED

    @property
    def reason(self) -> str:
        """Why it was refused, or what it has shown, in one line."""
        unmet = [check for check in self.checks if check.state is not State.MET]
        return "; ".join(check.sentence for check in unmet or self.checks)


class _Ranking:
    """Scores sorted once, so that AUCs of many resamples cost a pass each."""

    def __init__(self, score: Array) -> None:
        self._order = np.argsort(score, kind="stable")
        ranked = score[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def auc(self, positive: Array, negative: Array) -> float:
        """The AUC where example i counts ``positive[i]`` times as a 1 and ``negative[i]`` times as a 0."""
        above = np.add.reduceat(positive[self._order], self._starts)
        below = np.add.reduceat(negative[self._order], self._starts)
        pairs = above.sum() * below.sum()
        beaten = np.cumsum(below) - below / 2  # an equal score is half a win
        return float((above * beaten).sum() / pairs) if pairs else math.nan


def auc(label: Array, score: Array) -> float:
    """How likely a random 1 has a higher score than a random 0, ties counting half; NaN without both labels.

    Source: J. Hanley, B. McNeil: The meaning and use of the area under a ROC curve, Radiology 143 (1982).

    >>> auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return _Ranking(score).auc(label, 1 - label)


def f1(label: Array, score: Array, cutoff: float = 0.5) -> float:
    """The harmonic mean of precision and recall, with a score of at least ``cutoff`` as a predicted 1; 0 without hits.

    >>> round(f1(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.6, 0.35, 0.8])), 4)
    0.5
    """
    return _f1(label, 1 - label, score >= cutoff)


def _f1(positive: Array, negative: Array, predicted: NDArray[np.bool_]) -> float:
    hits = positive[predicted].sum()
    all_of_them = positive.sum() + hits + negative[predicted].sum()
    return float(2 * hits / all_of_them) if all_of_them else 0.0


def judge(predictions: Predictions, criteria: Criteria) -> Verdict:
    """The verdict on the challenger.

    Raises:
        GateError: the predictions can't be judged by.
    """
    _check(predictions)
    given = _in_one_order(predictions)
    challenger, champion, difference = _measured(given, criteria.cutoff)
    minimums = {"auc": criteria.minimum_auc, "f1": criteria.minimum_f1}
    checks = [_enough(name, challenger[name], minimum) for name, minimum in minimums.items()]
    checks += [
        _no_worse(name, found, challenger[name].value, champion[name].value, criteria.tolerance)
        for name, found in difference.items()
    ]
    outcome = Outcome.PASSED if champion else Outcome.PASSED_FIRST
    if any(check.state is not State.MET for check in checks):
        outcome = Outcome.REFUSED
    return Verdict(
        outcome,
        given.label.size,
        int(given.label.sum()),
        criteria,
        challenger,
        champion,
        difference,
        checks,
    )


def _check(given: Predictions) -> None:
    scores = {CHALLENGER: given.challenger} | ({} if given.champion is None else {CHAMPION: given.champion})
    if not given.label.size:
        raise GateError("there are no predictions; the evaluating step must write one per example")
    for name, score in scores.items():
        if score.shape != given.label.shape:
            raise GateError(f"{name} has {score.size} predictions for {given.label.size} labels")
        wrong = np.flatnonzero(~((score >= 0) & (score <= 1)))
        if wrong.size:
            raise GateError(
                f"{name} is {score[wrong[0]]:g} for example {wrong[0] + 1}; write probabilities from 0 to 1"
            )
    wrong = np.flatnonzero((given.label != 0) & (given.label != 1))
    if wrong.size:
        raise GateError(f"label is {given.label[wrong[0]]:g} for example {wrong[0] + 1}; write 0 or 1")
    if len(np.unique(given.label)) < 2:
        raise GateError(f"every example has the label {given.label[0]:g}; judge on examples of both kinds")


def _in_one_order(given: Predictions) -> Predictions:
    """The same examples sorted: which ones a seed draws then doesn't depend on how they came."""
    keys = [given.label, given.challenger, *([] if given.champion is None else [given.champion])]
    order = np.lexsort(keys[::-1])
    return Predictions(*(key[order] for key in keys))


def _measured(
    given: Predictions, cutoff: float
) -> tuple[dict[str, Interval], dict[str, Interval], dict[str, Interval]]:
    """The metrics of challenger, champion, and their difference."""
    scores = [given.challenger] if given.champion is None else [given.challenger, given.champion]
    rankings = [_Ranking(score) for score in scores]
    late = [score >= cutoff for score in scores]

    def metrics(weight: Array) -> list[list[float]]:
        positive, negative = given.label * weight, (1 - given.label) * weight
        return [
            [ranking.auc(positive, negative), _f1(positive, negative, predicted)]
            for ranking, predicted in zip(rankings, late, strict=True)
        ]

    size = given.label.size
    value = np.array(metrics(np.ones(size)))
    random = np.random.default_rng(_SEED)
    drawn = np.array(
        [
            metrics(np.bincount(random.integers(size, size=size), minlength=size).astype(np.float64))
            for _ in range(RESAMPLES)
        ]
    )
    found = [_intervals(value[model], drawn[:, model]) for model in range(len(scores))]
    if given.champion is None:
        return found[0], {}, {}
    return found[0], found[1], _intervals(value[0] - value[1], drawn[:, 0] - drawn[:, 1])


def _intervals(value: Array, drawn: Array) -> dict[str, Interval]:
    # A resample of one label only has no AUC: it says nothing.
    known = drawn[np.isfinite(drawn).all(axis=1)]
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [outside, 1 - outside], axis=0)
    return {
        name: Interval(float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(("auc", "f1"))
    }


def _state(value: float, low: float, bound: float) -> State:
    if value < bound:
        return State.MISSED
    return State.MET if low >= bound else State.UNDECIDED


def _enough(name: str, found: Interval, minimum: float) -> Check:
    state = _state(found.value, found.low, minimum)
    words = {
        State.MET: f"{_shown(name)} {found} is at least {minimum:g}",
        State.MISSED: f"{_shown(name)} {found} is below the minimum of {minimum:g}",
        State.UNDECIDED: f"{_shown(name)} {found} may be below the minimum of {minimum:g}; judge on more examples",
    }
    return Check(name, state, words[state])


def _no_worse(name: str, found: Interval, mine: float, theirs: float, tolerance: float) -> Check:
    state = _state(found.value, found.low, -tolerance)
    against = (
        f"{_shown(name)} {mine:.4f} against the champion's {theirs:.4f}: {found.value:+.4f} "
        f"({found.low:+.4f} to {found.high:+.4f})"
    )
    words = {
        State.MET: f"{against}, no worse by more than {tolerance:g}",
        State.MISSED: f"{against}, worse by more than {tolerance:g}",
        State.UNDECIDED: f"{against}, maybe worse by more than {tolerance:g}; judge on more examples",
    }
    return Check(name, state, words[state])


def _shown(name: str) -> str:
    return name.upper()


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON: what a machine reads of it."""
    return {"passed": verdict.passed, "reason": verdict.reason, **asdict(verdict)}


def markdown(verdict: Verdict) -> str:
    """The verdict as a page."""
    title = {
        Outcome.PASSED: "Passed: no worse than the champion",
        Outcome.PASSED_FIRST: "Passed: good enough, and there is no champion to compare with",
        Outcome.REFUSED: "Refused",
    }
    lines = [
        f"# {title[verdict.outcome]}",
        "",
        f"{verdict.examples:,} examples, {verdict.positives:,} of them positive. Figures with their 95 % intervals.",
        "",
        "| | challenger | champion | difference |",
        "|---|---|---|---|",
    ]
    for name, mine in verdict.challenger.items():
        theirs, apart = verdict.champion.get(name), verdict.difference.get(name)
        gap = f"{apart.value:+.4f} ({apart.low:+.4f} to {apart.high:+.4f})" if apart else ""
        lines.append(f"| {_shown(name)} | {mine} | {theirs or 'none'} | {gap} |")
    lines += ["", "| criterion | |", "|---|---|"]
    lines += [f"| {check.sentence} | **{check.state}** |" for check in verdict.checks]
    return "\n".join(lines) + "\n"


def read(path: Path) -> Predictions:
    """Predictions from a CSV file (or the ``predictions.csv`` in a folder) with the columns label, challenger, champion.

    Without the column champion there is none.

    Raises:
        GateError: the file isn't one.
    """
    file = path / "predictions.csv" if path.is_dir() else path
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = csv.reader(opened)
            header = next(rows, [])
            if lacking := [name for name in (LABEL, CHALLENGER) if name not in header]:
                raise GateError(
                    f"{file.name} lacks the columns {', '.join(lacking)}; it has {', '.join(header)}"
                )
            wanted = [name for name in (LABEL, CHALLENGER, CHAMPION) if name in header]
            places = [header.index(name) for name in wanted]
            values = [_numbers(file.name, number, row, places) for number, row in enumerate(rows, 2) if row]
    except OSError as error:
        raise GateError(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GateError(f"{file.name} isn't UTF-8 text") from None
    columns = np.array(values, dtype=np.float64).reshape(-1, len(wanted)).T
    return Predictions(*columns)


def _numbers(file: str, line: int, row: Sequence[str], places: Sequence[int]) -> list[float]:
    try:
        return [float(row[place]) for place in places]
    except (IndexError, ValueError):
        raise GateError(f"{file}, line {line}: {','.join(row)!r} isn't a number in each column") from None


def _write(verdict: Verdict, candidate: Path | None, output: Path) -> None:
    """Verdict and, if it passed, all of the candidate; gate.json comes last, as it vouches for the rest."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "verdict.md").write_text(markdown(verdict), encoding="utf-8")
    if candidate is not None and verdict.passed:
        shutil.copytree(candidate, output, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (output / "gate.json").write_text(json.dumps(document(verdict), indent=2) + "\n", encoding="utf-8")


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} isn't a number from 0 to 1")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="gate", description="May this challenger take the champion's place?"
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        help=f"CSV with the columns {LABEL}, {CHALLENGER} and, if there is one, {CHAMPION}",
    )
    number: Callable[[str], float] = _probability
    default = Criteria()
    for name, value, what in (
        ("--minimum-auc", default.minimum_auc, "the challenger's AUC must be at least this"),
        ("--minimum-f1", default.minimum_f1, "the challenger's F1 must be at least this"),
        ("--tolerance", default.tolerance, "how much below the champion's its AUC and F1 may be"),
        ("--cutoff", default.cutoff, "from which probability on an example counts as positive"),
    ):
        parser.add_argument(name, type=number, default=value, help=f"{what} (default {value:g})")
    parser.add_argument("--candidate", type=Path, help="folder that is handed on if the challenger passes")
    parser.add_argument("--output", type=Path, help="folder for verdict.md, gate.json and the candidate")
    given = parser.parse_args(arguments)
    try:
        if given.candidate is not None and not given.candidate.is_dir():
            raise GateError(f"the candidate {given.candidate} is no folder")
        criteria = Criteria(given.minimum_auc, given.minimum_f1, given.tolerance, given.cutoff)
        verdict = judge(read(given.predictions), criteria)
    except GateError as error:
        print(f"gate: {error}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    if given.output is not None:
        _write(verdict, given.candidate, given.output)
    print(markdown(verdict))  # noqa: T201
    # The last line is what an error of the job shows.
    print(f"gate: {verdict.outcome}: {verdict.reason}", flush=True)  # noqa: T201
    return PASSED if verdict.passed else REFUSED


if __name__ == "__main__":
    sys.exit(main())
