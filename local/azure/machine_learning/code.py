"""Code: what jobs and deployments run. Clients look for it by its hash, else upload it (``pending_upload.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.machine_learning import asset

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId


def _complete(_azure: Azure, _id: ResourceId, properties: Json) -> Json:
    asset.required(properties, "codeUri")
    return properties


def _among(azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Code of a hash is looked for under all names: clients give theirs at random."""
    if "hash" not in call.query:
        return records
    scope = azure.parse(asset.workspace_of(call.path))
    return azure.store.below(scope.text, f"{scope.type}/codes/versions")


CODE = asset.Kind("codes", fixed=("codeUri",), complete=_complete, refusal=asset.path_refusal, among=_among)
TYPES = (*CODE.types(), *CODE.registry_types())
