"""Sweeps, decided without doing anything: which values trials get, and which trial is stopped early.

Samplings: grid and random (seeded); refused: Bayesian, Sobol, choices between objects. Policies: bandit, median stopping,
truncation. Each value that a trial logs of the primary metric is one interval. Source: Microsoft Learn, "Hyperparameter
tuning a model (v2)".
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MOST = 1000
_DRAWS: dict[str, Callable[..., float]] = {
    "uniform": lambda dice, low, high: dice.uniform(low, high),
    "loguniform": lambda dice, low, high: math.exp(dice.uniform(low, high)),
    "normal": lambda dice, mu, sigma: dice.gauss(mu, sigma),
    "lognormal": lambda dice, mu, sigma: math.exp(dice.gauss(mu, sigma)),
    "randint": lambda dice, upper: dice.randrange(int(upper)),
}


def check(given: Mapping[str, Any]) -> None:
    """Refuses a sweep that can't be run: its space, sampling, objective, policy and limits."""
    objective: Mapping[str, Any] = given.get("objective") or {}
    if not objective.get("primaryMetric") or str(objective.get("goal")).lower() not in (
        "minimize",
        "maximize",
    ):
        raise bad_request("The objective needs a primaryMetric and a goal.", target="properties.objective")
    policy = str((given.get("earlyTermination") or {}).get("policyType") or "")
    if policy.lower() not in ("", "bandit", "medianstopping", "truncationselection"):
        raise unsupported(f"The early termination policy '{policy}'")
    next(samples(given, ""), None)


def samples(given: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The values of each trial, as many as may be made; without a seed the sweep's name is it."""
    space: Mapping[str, Any] = given.get("searchSpace") or {}
    if not space:
        raise bad_request("The sweep has no search space.", target="properties.searchSpace")
    for key, one in space.items():
        _check_distribution(key, one)
    sampling: Mapping[str, Any] = given.get("samplingAlgorithm") or {}
    kind = str(sampling.get("samplingAlgorithmType")).capitalize()
    most = int((given.get("limits") or {}).get("maxTotalTrials") or _MOST)
    if kind == "Grid":
        for key, (distribution, _) in space.items():
            if distribution != "choice":
                raise bad_request(f"Grid sampling takes choices only; '{key}' is {distribution}.")
        grid = itertools.product(*(one[1][0] for one in space.values()))
        return itertools.islice((dict(zip(space, values, strict=True)) for values in grid), most)
    rule = str(sampling.get("rule") or "Random")
    if kind != "Random" or rule.lower() != "random":
        raise unsupported(f"The sampling '{kind if kind != 'Random' else rule}'")
    seed = sampling.get("seed")
    dice = random.Random(name if seed is None else int(seed))  # noqa: S311 (nothing secret)
    return ({key: _draw(dice, *one) for key, one in space.items()} for _ in range(most))


def _check_distribution(key: str, given: object) -> None:
    match given:
        case ["choice", [[*values]]] if values:
            if any(isinstance(value, dict) for value in values):
                raise unsupported(f"A choice between objects ('{key}')")
        case [str() as kind, [*numbers]] if kind in _DRAWS or (kind[:1] == "q" and kind[1:] in _DRAWS):
            if not all(isinstance(number, int | float) for number in numbers):
                raise bad_request(f"'{key}' of the search space needs numbers.")
        case _:
            raise bad_request(f"'{key}' of the search space is no distribution.")


def _draw(dice: random.Random, kind: str, given: Sequence[Any]) -> Any:
    if kind == "choice":
        return dice.choice(given[0])
    if kind in _DRAWS:
        return _DRAWS[kind](dice, *given)
    *numbers, step = given
    return round(_DRAWS[kind[1:]](dice, *numbers) / step) * step


def stops(
    policy: Mapping[str, Any], own: Sequence[float], others: Sequence[Sequence[float]], *, maximize: bool
) -> bool:
    """Whether a trial that has just logged the last of ``own`` is stopped; each value is one interval."""
    count = len(own)
    interval, delay = int(policy.get("evaluationInterval") or 1), int(policy.get("delayEvaluation") or 0)
    # A delay of 5 means: from the fifth interval on.
    if not count or count < delay or count % interval:
        return False
    # Greater is better from here on.
    sign = 1 if maximize else -1
    best = max(sign * value for value in own)
    rivals = [[sign * value for value in other[:count]] for other in others if len(other) >= count]
    if not rivals:
        return False
    match str(policy.get("policyType")).lower():
        case "bandit":
            leader = max(best, *(max(rival) for rival in rivals))
            if policy.get("slackAmount"):
                return best < leader - float(policy["slackAmount"])
            factor = 1 + float(policy.get("slackFactor") or 0)
            # What is minimized is negative here: a little more than the leader's is further away from zero.
            return best < (leader / factor if leader > 0 else leader * factor)
        case "medianstopping":
            averages = [statistics.fmean(rival) for rival in [[sign * value for value in own], *rivals]]
            return best < statistics.median(averages)
        case "truncationselection":
            ranked = sorted([best, *(max(rival) for rival in rivals)])
            cut = int(len(ranked) * float(policy.get("truncationPercentage") or 0) / 100)
            return cut > 0 and best <= ranked[cut - 1] and best < ranked[-1]
        case _:
            return False
