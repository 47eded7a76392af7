"""Batch endpoints and which of their deployments is the default. ``batch_job.py`` runs what they are invoked for.

Whatever ``authMode`` says, as Azure documents it, callers come with a token of Microsoft Entra ID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.machine_learning import endpoint_key, resource_identity
from local.azure.machine_learning.asset import WORKSPACE
from local.azure.machine_learning.online_endpoint import AUTH_MODES, check_name, location_of, merge_tags
from local.azure.resource_type import Answer, ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

ENDPOINT = f"{WORKSPACE}/batchEndpoints"


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    location = location_of(azure, resource_id, body, old)
    check_name(resource_id, azure, location, ENDPOINT)
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    mode = {one.lower(): one for one in AUTH_MODES}.get(str(given.get("authMode") or "AADToken").lower())
    if mode is None:
        raise bad_request(
            f"authMode is '{given['authMode']}'; it must be one of {', '.join(AUTH_MODES)}.",
            target="properties.authMode",
        )
    default = (given.get("defaults") or {}).get("deploymentName")
    if default and azure.store.get(f"{resource_id.text}/deployments/{default}") is None:
        raise bad_request(
            f"There is no deployment '{default}' in this endpoint: only an existing one can be the default.",
            code="BadArgument",
            target="properties.defaults.deploymentName",
        )
    host = f"https://{resource_id.name.lower()}.{location}.inference.ml.azure.com"
    identity = body.get("identity") or (old.body["identity"] if old else {"type": "SystemAssigned"})
    return {
        "location": location,
        "kind": body.get("kind"),
        "tags": body.get("tags") or {},
        **({"sku": body["sku"]} if body.get("sku") else {}),
        "identity": resource_identity.complete(azure, resource_id, identity, old),
        "properties": {
            "description": given.get("description"),
            "properties": {**(before.get("properties") or {}), **(given.get("properties") or {})},
            "authMode": mode,
            "defaults": {"deploymentName": default or None},
            "keys": None,
            "scoringUri": f"{host}/jobs",
            "swaggerUri": None,
        },
    }


async def _settle(_azure: Azure, _record: Record) -> None:
    """Nothing runs until it is invoked."""


async def _vanish(azure: Azure, record: Record) -> None:
    endpoint_key.forget(azure, record)


async def _list_keys(azure: Azure, _call: Call, record: Record) -> Answer:
    primary, secondary = endpoint_key.keys(azure, record)
    return Answer(200, {"primaryKey": primary, "secondaryKey": secondary})


TYPES = (
    ResourceType(
        ENDPOINT,
        prepare=_prepare,
        settle=_settle,
        vanish=_vanish,
        merge=merge_tags,
        operation=("mfeOperationsStatus", "be"),
        actions={"listKeys": _list_keys},
    ),
)
