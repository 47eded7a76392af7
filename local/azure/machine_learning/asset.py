"""What data, code, environments, models and components share: a container, and versions that never change.

A version's content is fixed when it is made; description, tags, properties and whether it is archived may change. The
container comes with its first version. Lists hide what is archived unless ``listViewType`` says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning import asset_location
from local.azure.machine_learning.record_type import nothing
from local.azure.resource_type import ResourceType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json, Record, ResourceId

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
REGISTRY = "Microsoft.MachineLearningServices/registries"
#: What of a version may change after it was made.
_CHANGEABLE = ("description", "tags", "properties", "isArchived", "stage", "autoDeleteSetting")
_EMPTY_CONTAINER: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


@dataclass(frozen=True)
class Kind:
    """One kind of asset.

    ``fixed`` are the properties that make up the content, ``complete(azure, id, properties)`` checks those of a new
    version and adds Azure's defaults. ``refusal(name, version)`` is what Azure says to a change of the content.
    """

    collection: str
    fixed: tuple[str, ...]
    complete: Callable[[Azure, ResourceId, Json], Json]
    refusal: Callable[[str, str], ArmError]
    #: further properties of a version that may change
    changeable: tuple[str, ...] = ()
    #: further properties of a container; the first value given stays
    container: tuple[str, ...] = ()
    #: what of the properties counts when a version is put again; None: all that is fixed
    content: Callable[[Json], Json] | None = None
    #: what follows from a version that was just made
    made: Callable[[Azure, Record], None] | None = None
    #: the records that a list of versions is about; None: those of the asset
    among: Callable[[Azure, Call, list[Record]], list[Record]] | None = None

    def types(self, actions: Mapping[str, Any] | None = None) -> tuple[ResourceType, ResourceType]:
        """The container and the version type."""
        return (
            ResourceType(
                f"{WORKSPACE}/{self.collection}",
                prepare=self._prepare_container,
                view=_view_container,
                listing=listing,
            ),
            ResourceType(
                f"{WORKSPACE}/{self.collection}/versions",
                prepare=self._prepare_version,
                settle=self._settle_version if self.made else None,
                settle_now=True,
                listing=self._list_versions,
                makes_parent=self._make_container,
                actions=actions or {},
            ),
        )

    def registry_types(self) -> tuple[ResourceType, ResourceType]:
        """The same two in a registry, where writing and deleting are long operations."""
        return self.long_types(REGISTRY, view=_view_in_registry)

    def long_types(
        self,
        scope: str,
        actions: Mapping[str, Any] | None = None,
        settle: Callable[[Azure, Record], Awaitable[Json | None]] | None = None,
        view: Callable[[Azure, Record, Json, str], Json] | None = None,
    ) -> tuple[ResourceType, ResourceType]:
        """The container and the version type where writing and deleting are long operations."""
        return (
            ResourceType(
                f"{scope}/{self.collection}",
                prepare=self._prepare_container,
                settle=nothing,
                vanish=nothing,
                view=_view_container,
                listing=listing,
                operation=("mfeOperationsStatus", "op"),
            ),
            ResourceType(
                f"{scope}/{self.collection}/versions",
                prepare=self._prepare_version,
                settle=settle or nothing,
                vanish=nothing,
                view=view,
                listing=self._list_versions,
                makes_parent=self._make_container,
                operation=("mfeOperationsStatus", "op"),
                actions=actions or {},
            ),
        )

    async def _settle_version(self, azure: Azure, record: Record) -> None:
        if self.made and record.created_at == record.modified_at:
            self.made(azure, record)

    def _list_versions(self, azure: Azure, call: Call, records: list[Record]) -> list[Record]:
        return listing(azure, call, self.among(azure, call, records) if self.among else records)

    def _make_container(self, body: Json) -> Json:
        given: Json = body.get("properties") or {}
        return {"properties": {**_EMPTY_CONTAINER, **{name: given.get(name) for name in self.container}}}

    def _prepare_container(
        self, _azure: Azure, resource_id: ResourceId, body: Json, old: Record | None
    ) -> Json:
        check_name(resource_id.name)
        given: Json = body.get("properties") or {}
        before: Json = old.body["properties"] if old else {}
        properties = {**_EMPTY_CONTAINER, **{key: given[key] for key in _EMPTY_CONTAINER if given.get(key)}}
        for name in self.container:
            if before.get(name) and given.get(name) and before[name] != given[name]:
                raise bad_request(f"The {name} of '{resource_id.name}' can't be changed.", target=name)
            properties[name] = before.get(name) or given.get(name)
        return {"properties": properties}

    def _content(self, resource_id: ResourceId, properties: Json) -> list[Any]:
        workspace = workspace_of(resource_id.text)
        properties = self.content(properties) if self.content else properties
        return [
            asset_location.long_form(workspace, value)
            if isinstance(value, str) and key.endswith("Uri")
            else value
            for key, value in ((key, properties.get(key)) for key in self.fixed)
        ]

    def _prepare_version(self, azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
        name, version = resource_id.names[-2:]
        given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        if old is not None:
            before: Json = old.body["properties"]
            wanted = self.complete(azure, resource_id, {**before, **given})
            if self._content(resource_id, wanted) != self._content(resource_id, before):
                raise self.refusal(name, version)
            changed = {key: given[key] for key in (*_CHANGEABLE, *self.changeable) if key in given}
            return {"properties": {**before, **changed}}
        check_name(name)
        if _VERSION.fullmatch(version) is None:
            raise bad_request(
                f"'{version}' is no version: letters, digits, '.', '_' and '-'.", code="ValidationError"
            )
        defaults = {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
        }
        return {"properties": {**defaults, **self.complete(azure, resource_id, given)}}


def _view_in_registry(azure: Azure, record: Record, body: Json, api_version: str) -> Json:
    """Under its data plane's versions a registry gives the ids that all who know its name understand."""
    if not api_version.endswith("dataplanepreview"):
        return body
    registry, name, version = azure.parse(record.id).names
    kind = record.type.split("/")[2]
    return {**body, "id": f"azureml://registries/{registry}/{kind}/{name}/versions/{version}"}


def workspace_of(resource_id: str) -> str:
    """The ARM id of the workspace or registry that something is in."""
    return "/".join(resource_id.split("/")[:9])


def check_name(name: str) -> None:
    """400 for what is no name of an asset."""
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"'{name}' is no name of an asset: up to 255 letters, digits, '.', '_' and '-'.",
            code="ValidationError",
        )


def required(properties: Json, *names: str) -> None:
    """400 unless all of them are given."""
    for name in names:
        if not properties.get(name):
            raise ArmError(400, "UserError", f"The {name} field is required.", target=f"properties.{name}")


def path_refusal(_name: str, _version: str) -> ArmError:
    """What Azure says when a model's or code's path would change; clients compare the whole text."""
    return ArmError(400, "UserError", "Asset paths cannot be updated.")


def content_refusal(kind: str) -> Callable[[str, str], ArmError]:
    """What Azure says when the content of another kind of version would change."""

    def refusal(name: str, version: str) -> ArmError:
        return ArmError(
            409,
            "UserError",
            f"A {kind} version with this name and version already exists ('{name}:{version}'), and its content can't "
            "be changed. Only tags, description and isArchived can be updated; make a new version for the rest.",
        )

    return refusal


def _view_container(azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    versions = sorted(azure.store.below(record.id), key=lambda one: one.created_at)
    latest = versions[-1].name if versions else None
    return {
        **body,
        "properties": {
            **body["properties"],
            "latestVersion": latest,
            "nextVersion": next_version([one.name for one in versions]),
        },
    }


def next_version(versions: list[str]) -> str:
    """The version that an asset gets when none is named: one more than the highest whole number."""
    return str(max((int(one) for one in versions if one.isdigit()), default=0) + 1)


def listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """What a list's query asks for, newest first.

    ``listViewType``, ``$orderBy`` (``createdtime desc``), ``$top``, ``offset``, ``tags`` and ``properties``
    (``key=value``, comma between), ``version``, ``name``, ``description``, ``hash``, ``stage``, ``createdBy``.
    """
    query = {name.lower().removeprefix("$"): value for name, value in call.query.items()}
    view = query.get("listviewtype", "ActiveOnly").lower()
    digest, named = query.get("hash"), query.get("version") or query.get("versionname") or query.get("name")

    def shown(record: Record) -> bool:
        properties: Mapping[str, Any] = record.body["properties"]
        if view != "all" and bool(properties.get("isArchived")) != (view == "archivedonly"):
            return False
        if digest is not None and (properties.get("properties") or {}).get("hash_sha256") != digest:
            return False
        return (
            named in (None, record.name)
            and query.get("createdby") in (None, record.created_by)
            and all(
                query.get(name) in (None, properties.get(name) or "") for name in ("description", "stage")
            )
            and has(properties.get("tags"), query.get("tags"))
            and has(properties.get("properties"), query.get("properties"))
        )

    descending = "asc" not in query.get("orderby", "desc").lower().split()
    found = sorted(filter(shown, records), key=lambda record: record.created_at, reverse=descending)
    return cut(query, found)


def cut(query: Mapping[str, str], records: list[Record]) -> list[Record]:
    """``offset`` and ``$top`` (``count``) of a list's query, its names in lower case and without ``$``."""
    offset, top = query.get("offset", ""), query.get("top") or query.get("count") or ""
    found = records[int(offset) :] if offset.isdigit() else records
    return found[: int(top)] if top.isdigit() else found


def has(values: Mapping[str, Any] | None, wanted: str | None) -> bool:
    """Whether tags or properties are as a list's query wants them: ``key`` or ``key=value``, comma between."""
    for pair in (wanted or "").split(","):
        key, equals, value = pair.partition("=")
        if key and (key not in (values or {}) or (equals and str((values or {})[key]) != value)):
            return False
    return True
