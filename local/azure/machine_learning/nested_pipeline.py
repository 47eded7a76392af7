"""Pipelines made of components: the job that a pipeline component is, as a step of another pipeline or behind a batch endpoint.

A component of type ``pipeline`` has steps (``jobs``), inputs and outputs as a pipeline job has; what differs is where they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import job_run, job_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.machine_learning.job_run import Output
    from local.azure.resource_type import Json

_DATA = frozenset(
    {"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model", "path"}
)


def is_pipeline(component: Mapping[str, Any]) -> bool:
    """Whether a component's specification is that of a pipeline."""
    return str(component.get("type") or "command").lower() == "pipeline"


def inputs(name: str, component: Mapping[str, Any], given: Mapping[str, Json]) -> Json:
    """The inputs of the job: what is given, else the component's defaults.

    Raises:
        ArmError: 400, one that isn't optional has no value, or there is none of that name.
    """
    declared: Mapping[str, Any] = component.get("inputs") or {}
    found: Json = {
        key: {"jobInputType": "literal", "value": str(one["default"])}
        for key, one in declared.items()
        if one.get("default") is not None
    }
    for key in given:
        if key not in declared:
            raise bad_request(f"{name} has no input '{key}'; it has {', '.join(declared) or 'none'}.")
    found |= given
    for key, one in declared.items():
        if key not in found and not one.get("optional"):
            kind = str(one.get("type"))
            raise bad_request(
                f"{name} has no value for its input '{key}'{' (' + kind + ')' if kind in _DATA else ''}."
            )
    return found


def outputs(component: Mapping[str, Any], given: Mapping[str, Output], job: str) -> Json:
    """The outputs of the job: at the places given, else where Azure ML puts them."""
    found: Json = {}
    for key, one in (component.get("outputs") or {}).items():
        kind = str(one.get("type") or "uri_folder")
        chosen = given.get(key) or job_run.Output(kind, job_state.output(job, key, kind))
        found[key] = {"jobOutputType": chosen.type, "mode": "ReadWriteMount", "uri": chosen.uri}
    found["default"] = {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": job_state.artifacts(job),
    }
    return found
