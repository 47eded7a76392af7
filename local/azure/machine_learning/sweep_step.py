"""Sweeps as steps of pipelines: a step as clients write it, made into the sweep job that it is. No I/O.

A step has Azure ML's YAML words (``search_space: {rate: {type: choice, values: [1, 2]}}``), a job those of its REST interface.
What is swept is an input of the trial's component: its command's ``${{inputs.rate}}`` becomes ``${{search_space.rate}}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.resource_type import Json

#: The parameters of distributions, in the order of a job's.
_DISTRIBUTIONS = {
    "choice": ("values",),
    "uniform": ("min_value", "max_value"),
    "loguniform": ("min_value", "max_value"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "randint": ("upper",),
}
_POLICIES = {
    "bandit": "Bandit",
    "median_stopping": "MedianStopping",
    "truncation_selection": "TruncationSelection",
}


def job(name: str, step: Mapping[str, Any], component: Mapping[str, Any]) -> Json:
    """What a sweep job of a step has besides inputs and outputs.

    Raises:
        ArmError: 400, the step is no sweep's.
    """
    space: Mapping[str, Any] = step.get("search_space") or {}
    objective: Mapping[str, Any] = step.get("objective") or {}
    policy: Mapping[str, Any] = step.get("early_termination") or {}
    limits: Json = _camel(step.get("limits") or {})
    for key in ("timeout", "trialTimeout"):
        if isinstance(limits.get(key), int):
            limits[key] = f"PT{limits[key]}S"
    command = str(component.get("command") or "")
    for key in space:
        pattern = r"\$\{\{\s*inputs\." + re.escape(key) + r"\s*\}\}"
        command = re.sub(pattern, "${{search_space." + key + "}}", command)
    kind = str(policy.get("type") or "")
    return {
        "jobType": "Sweep",
        "searchSpace": {key: _distribution(name, key, one) for key, one in space.items()},
        "samplingAlgorithm": _sampling(step.get("sampling_algorithm") or "random"),
        "objective": {
            "goal": str(objective.get("goal") or "").capitalize(),
            "primaryMetric": objective.get("primary_metric"),
        },
        "limits": limits,
        "earlyTermination": {**_camel(policy), "policyType": _POLICIES.get(kind, kind)} if policy else None,
        "trial": {
            "command": command,
            "codeId": component.get("code"),
            "environmentId": component.get("environment"),
            "environmentVariables": component.get("environment_variables") or {},
        },
    }


def _sampling(given: Mapping[str, Any] | str) -> Json:
    if isinstance(given, str):
        return {"samplingAlgorithmType": given.capitalize()}
    return {**_camel(given), "samplingAlgorithmType": str(given.get("type") or "random").capitalize()}


def _camel(given: Mapping[str, Any]) -> Json:
    """REST's names for YAML's, of what is given.

    >>> _camel({"max_total_trials": 2, "timeout": None})
    {'maxTotalTrials': 2}
    """
    return {
        re.sub(r"_(\w)", lambda found: found[1].upper(), key): value
        for key, value in given.items()
        if value is not None
    }


def _distribution(name: str, key: str, given: Mapping[str, Any]) -> list[Any]:
    """A distribution as a job has it.

    >>> _distribution("tune", "rate", {"type": "quniform", "min_value": 0, "max_value": 1, "q": 0.5})
    ['quniform', [0, 1, 0.5]]
    """
    kind = str(given.get("type") or "")
    plain = kind.removeprefix("q") if kind not in _DISTRIBUTIONS else kind
    if plain not in _DISTRIBUTIONS:
        raise bad_request(f"Pipeline step '{name}': '{kind}' of '{key}' is no distribution.")
    names = (*_DISTRIBUTIONS[plain], *(("q",) if plain != kind else ()))
    missing = [one for one in names if given.get(one) is None]
    if missing:
        raise bad_request(f"Pipeline step '{name}': {kind} of '{key}' needs {', '.join(missing)}.")
    return [kind, [given[one] for one in names]]
