"""Microsoft.Storage: queues and tables, real ones in Azurite.

Scope: queues with metadata, tables with their access policies (kept here). What clients make or delete on the data plane
shows in ARM (``storage_data``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from local.azure.blob import ACCOUNT
from local.azure.computed_resource import plain
from local.azure.errors import bad_request
from local.azure.resource_id import parse
from local.azure.resource_type import ResourceType
from local.azure.storage.container import check_name

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.blob import AzuriteBlobs
    from local.azure.resource_type import Json, Record, ResourceId

_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")


def _blobs(azure: Azure) -> AzuriteBlobs:
    return cast("AzuriteBlobs", azure.blobs)


def _account_of(record: Record) -> str:
    return parse(record.id).names[0]


def _prepare_queue(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    check_name(resource_id.name, "queue")
    before: Json = old.body["properties"] if old is not None else {}
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    given.pop("approximateMessageCount", None)
    return {"properties": {"metadata": {}, **before, **given}}


async def _settle_queue(azure: Azure, record: Record) -> Json | None:
    metadata: Json = record.body["properties"]["metadata"]
    await _blobs(azure).make_queue(_account_of(record), record.name, metadata)
    return None


async def _vanish_queue(azure: Azure, record: Record) -> None:
    await _blobs(azure).delete_queue(_account_of(record), record.name)


def _prepare_table(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if not _TABLE_NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"'{resource_id.name}' is not a valid table name: 3 to 63 letters and digits, beginning with a letter.",
            code="InvalidResourceName",
        )
    before: Json = old.body["properties"] if old is not None else {}
    given: Json = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    return {"properties": {**before, **given, "tableName": resource_id.name}}


async def _settle_table(azure: Azure, record: Record) -> Json | None:
    await _blobs(azure).make_table(_account_of(record), record.name)
    return None


async def _vanish_table(azure: Azure, record: Record) -> None:
    await _blobs(azure).delete_table(_account_of(record), record.name)


TYPES = (
    ResourceType(
        f"{ACCOUNT}/queueServices/queues",
        prepare=_prepare_queue,
        settle=_settle_queue,
        vanish=_vanish_queue,
        settle_now=True,
        vanish_now=True,
        created=200,
        deleted=204,
        bodiless=True,
        view=plain,
    ),
    ResourceType(
        f"{ACCOUNT}/tableServices/tables",
        prepare=_prepare_table,
        settle=_settle_table,
        vanish=_vanish_table,
        settle_now=True,
        vanish_now=True,
        created=200,
        deleted=204,
        bodiless=True,
        view=plain,
    ),
)
