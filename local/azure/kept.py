"""Resource types that are kept as sent: checked, completed by Azure's defaults and read-only fields, shown, and no more."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from local.azure.errors import bad_request
from local.azure.resource_type import Json, Record, ResourceId, ResourceType
from local.azure.resources import check_location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.azure.azure import Azure

    #: ``(azure, id, properties as they will be kept, properties before) -> what Azure adds``
    Computed = Callable[[Azure, ResourceId, Json, Json], Json]


def given(body: Json) -> Json:
    """The properties of a body that have a value."""
    return {key: value for key, value in (body.get("properties") or {}).items() if value is not None}


def need(properties: Json, *keys: str) -> None:
    """Refuses properties that lack a required one.

    Raises:
        ArmError: 400, naming it.
    """
    for key in keys:
        if properties.get(key) in (None, "", []):
            raise bad_request(
                f"The property '{key}' is required.",
                code="InvalidRequestContent",
                target=f"properties.{key}",
            )


def one_of(properties: Json, key: str, values: tuple[str, ...]) -> None:
    """Refuses a property that has none of the values it may have, in whatever case.

    Raises:
        ArmError: 400, naming them.
    """
    value = properties.get(key)
    if value is not None and str(value).lower() not in {one.lower() for one in values}:
        raise bad_request(
            f"The value '{value}' of '{key}' is invalid; it is one of {', '.join(values)}.",
            code="InvalidRequestContent",
            target=f"properties.{key}",
        )


def check_served(azure: Azure, reference: str, *, what: str) -> None:
    """Refuses a reference to a resource that isn't there, if it is of a type that local Azure has (another can't be known).

    Raises:
        ArmError: 400.
    """
    resource_id = azure.parse(reference)
    if not resource_id.names or resource_id.type.startswith("Microsoft.Resources/"):
        return
    namespace, _, rest = resource_id.type.lower().partition("/")
    served = {name.lower(): {one.lower() for one in types} for name, types in azure.namespaces().items()}
    if rest in served.get(namespace, set()) and azure.store.get(reference) is None:
        raise bad_request(f"The {what} '{reference}' was not found.", code="ResourceNotFound")


def kept(
    name: str,
    *,
    defaults: Mapping[str, Any] | None = None,
    required: tuple[str, ...] = (),
    choices: Mapping[str, tuple[str, ...]] | None = None,
    computed: Computed | None = None,
    check: Callable[[Azure, ResourceId, Json], None] | None = None,
    located: bool = True,
    etag: bool = False,
    system_data: bool = True,
    state: bool = False,
    **particular: Any,
) -> ResourceType:
    """A resource type that is kept as sent.

    Args:
        name: the ARM type.
        defaults: properties that Azure fills in where they aren't given.
        required: properties that must be given.
        choices: the values that properties may have.
        computed: read-only properties.
        check: refuses what Azure refuses, ``(azure, id, properties)``.
        located: whether it has a location and tags.
        etag: whether its body shows its etag.
        system_data: whether its body shows who made it.
        state: whether it shows ``provisioningState``.
        particular: the rest of ``ResourceType``.
    """

    def prepare(azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
        if located:
            check_location(body)
        properties: Json = {**(defaults or {}), **given(body)}
        need(properties, *required)
        for key, values in (choices or {}).items():
            one_of(properties, key, values)
        if check is not None:
            check(azure, resource_id, properties)
        before: Json = (old.body.get("properties") or {}) if old is not None else {}
        if computed is not None:
            properties |= computed(azure, resource_id, properties, before)
        if state:
            properties["provisioningState"] = "Succeeded"
        return {**body, **({"tags": body.get("tags") or {}} if located else {}), "properties": properties}

    def view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
        if not system_data:
            body.pop("systemData", None)
        return {**body, "etag": str(uuid.UUID(record.etag))} if etag else body

    return ResourceType(name, prepare=prepare, view=view, **particular)
