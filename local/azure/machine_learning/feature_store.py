"""What a feature store has: entities with their index columns, feature sets with their specification and features.

A feature set's features are read from ``FeatureSetSpec.yaml`` at its specification's path when the version is made; of one
whose specification can't be read they aren't known, and asking for them is refused. Materialization is kept as settings:
its jobs run on Spark, so ``backfill`` is refused and no schedule runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from local.azure.errors import ArmError, bad_request, not_found, unsupported
from local.azure.machine_learning import asset, asset_location
from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

_TYPES = ("String", "Integer", "Long", "Float", "Double", "Binary", "Datetime", "Boolean")
_STORES = ("None", "Online", "Offline", "OnlineAndOffline")
_STAGE = "Development"
_SPEC = "FeatureSetSpec.yaml"
#: Where a version keeps the features that its specification names; never shown.
_FEATURES = "features"


def _data_type(name: str, where: str) -> str:
    known = {one.lower(): one for one in _TYPES}
    if name.lower() not in known:
        raise bad_request(f"'{name}' is no type of a column: {', '.join(_TYPES)}.", target=where)
    return known[name.lower()]


def _complete_entity(_azure: Azure, _id: ResourceId, properties: Json) -> Json:
    columns: list[Json] = properties.get("indexColumns") or []
    if not columns:
        raise bad_request("An entity needs at least one index column.", target="properties.indexColumns")
    for column in columns:
        if not column.get("columnName"):
            raise bad_request("An index column needs a columnName.", target="properties.indexColumns")
    typed = [
        {**one, "dataType": _data_type(str(one.get("dataType") or "String"), "properties.indexColumns")}
        for one in columns
    ]
    return {"stage": _STAGE, **properties, "indexColumns": typed}


def _complete_set(azure: Azure, resource_id: ResourceId, properties: Json) -> Json:
    path = (properties.get("specification") or {}).get("path")
    if not path:
        raise bad_request("A feature set needs specification.path.", target="properties.specification.path")
    entities: list[str] = properties.get("entities") or []
    workspace = asset.workspace_of(resource_id.text)
    for entity in entities:
        found = asset_location.asset_id(azure, workspace, entity, "featurestoreEntities")
        if azure.store.get(found) is None:
            raise bad_request(f"The entity '{entity}' does not exist.", target="properties.entities")
    settings: Json = properties.get("materializationSettings") or {}
    store = str(settings.get("storeType") or "None")
    if store not in _STORES:
        raise bad_request(
            f"storeType is '{store}'; it must be one of {', '.join(_STORES)}.",
            target="properties.materializationSettings.storeType",
        )
    return {"stage": _STAGE, **properties, "entities": entities}


async def _read_features(azure: Azure, record: Record) -> Json | None:
    """The features that the specification names, kept with the version."""
    properties: Json = record.body["properties"]
    found = await _specification(azure, record, str(properties["specification"]["path"]))
    if found is None:
        return None
    columns: list[Json] = found.get("features") or []
    features = [
        {
            "featureName": str(one.get("name")),
            "dataType": str(one.get("type") or "String").capitalize(),
            "description": one.get("description"),
            "tags": one.get("tags") or {},
            "properties": {},
        }
        for one in columns
    ]
    return {**record.body, "properties": {**properties, _FEATURES: features}}


async def _specification(azure: Azure, record: Record, path: str) -> Json | None:
    try:
        place = asset_location.find(azure, asset.workspace_of(record.id), path)
    except ArmError:
        return None
    name = place.path if place.path.endswith(".yaml") else f"{place.path.rstrip('/')}/{_SPEC}".lstrip("/")
    content = await azure.blobs.download(place.account, place.container, name)
    if content is None:
        return None
    try:
        found = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise bad_request(f"'{name}' is no YAML: {error}", target="properties.specification.path") from None
    if not isinstance(found, dict):
        raise bad_request(f"'{name}' is no specification of a feature set.")
    return found


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    return {**body, "properties": {key: one for key, one in body["properties"].items() if key != _FEATURES}}


async def _backfill(_azure: Azure, _call: Call, _record: Record) -> Answer:
    raise unsupported("Materializing a feature set, which takes a Spark job,")


def _features(azure: Azure, call: Call) -> tuple[Record, list[Json]]:
    record = azure.store.get(call.captured["version"])
    if record is None:
        raise not_found(call.captured["version"])
    features = record.body["properties"].get(_FEATURES)
    if features is None:
        path = record.body["properties"]["specification"]["path"]
        raise unsupported(f"Listing the features of a set whose specification can't be read ('{path}')")
    return record, features


def _shown(record: Record, feature: Json) -> Json:
    return {
        "id": f"{record.id}/features/{feature['featureName']}",
        "name": feature["featureName"],
        "type": f"{record.type}/features",
        "properties": feature,
    }


async def _list_features(azure: Azure, call: Call) -> Answer:
    record, features = _features(azure, call)
    query = {name.lower(): value for name, value in call.query.items()}
    value = [
        _shown(record, one)
        for one in features
        if query.get("featurename") in (None, one["featureName"])
        and query.get("description") in (None, one["description"])
        and asset.has(one["tags"], query.get("tags"))
    ]
    return Answer(200, {"value": value})


async def _get_feature(azure: Azure, call: Call) -> Answer:
    record, features = _features(azure, call)
    for one in features:
        if one["featureName"] == call.captured["feature"]:
            return Answer(200, _shown(record, one))
    raise not_found(f"{record.id}/features/{call.captured['feature']}")


def _route(path: str, handle: Any) -> Route:
    return Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(
            r"(?P<version>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
            r"/workspaces/[^/]+/featuresets/[^/]+/versions/[^/]+)/features" + path,
            re.IGNORECASE,
        ),
        handle,
        methods=("GET",),
    )


ENTITY = asset.Kind(
    "featurestoreEntities",
    fixed=("indexColumns",),
    complete=_complete_entity,
    refusal=asset.content_refusal("feature store entity"),
)
FEATURE_SET = asset.Kind(
    "featuresets",
    fixed=("entities", "specification"),
    complete=_complete_set,
    refusal=asset.content_refusal("feature set"),
    changeable=("materializationSettings",),
)
TYPES = (
    *ENTITY.long_types(asset.WORKSPACE),
    *FEATURE_SET.long_types(
        asset.WORKSPACE, actions={"backfill": _backfill}, settle=_read_features, view=_view
    ),
)
ROUTES = (_route("", _list_features), _route("/(?P<feature>[^/]+)", _get_feature))
