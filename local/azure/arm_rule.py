"""The rules of ARM that hold for every resource type: what must exist, who waits for whom, how an id is spelled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, conflict, parent_not_found
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse, resource_group_id
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.catalog import Catalog
    from local.azure.operation import Operations
    from local.azure.resource_type import Call, Record, ResourceId, ResourceType
    from local.azure.store import SqliteStore

#: A region as the parent of what a provider has in it: nothing that is made or read itself.
_LOCATION = re.compile(r"[^/]+/locations", re.IGNORECASE)


class Rules:
    """Checks requests against what is there. Every refusal is an ``ArmError``."""

    def __init__(self, azure: Azure, store: SqliteStore, catalog: Catalog, operations: Operations) -> None:
        self._azure = azure
        self._store = store
        self._catalog = catalog
        self._operations = operations
        #: keys of the resources that a request is writing just now
        self.writing: set[str] = set()

    def check_subscription(self, resource_id: ResourceId) -> None:
        """Refuses every subscription but local Azure's (404)."""
        subscription = resource_id.subscription_id
        if subscription and subscription.lower() != SUBSCRIPTION_ID:
            raise ArmError(
                404,
                "SubscriptionNotFound",
                f"The subscription '{subscription}' could not be found; local Azure has '{SUBSCRIPTION_ID}'.",
            )

    def check_supported(self, scope: str) -> None:
        """Refuses a scope that is, or is in or on, a resource of a type that local Azure doesn't have (501)."""
        while scope.strip("/"):
            resource_id = parse(scope)
            if not _LOCATION.fullmatch(resource_id.type):
                self._catalog.of(resource_id.type)
            scope = resource_id.parent

    def check_exists(self, scope: str) -> None:
        """Refuses a scope that isn't there (404)."""
        resource_id = parse(scope)
        self.check_parents(resource_id)
        if resource_id.type == SUBSCRIPTION or self.exists(resource_id):
            return
        raise no_group(resource_id.name) if resource_id.type == RESOURCE_GROUP else parent_not_found(scope)

    def below_existing(self, parent: str) -> bool:
        """Whether ``parent`` is missing and could be made: what it would be in exists, and is not being deleted."""
        resource_id = parse(parent)
        if self.exists(resource_id):
            return False
        self.check_writable(resource_id)
        return True

    def exists(self, resource_id: ResourceId) -> bool:
        """Whether a resource is there, made by somebody or by Azure with its parent."""
        if self._store.get(resource_id.text) is not None:
            return True
        kind = self._catalog.find(resource_id.type)
        return (
            kind is not None
            and kind.implicit is not None
            and kind.implicit(self._azure, resource_id) is not None
        )

    def check_parents(self, resource_id: ResourceId) -> None:
        """Refuses an id whose group or parents aren't there (404)."""
        self.check_subscription(resource_id)
        if resource_id.type in (SUBSCRIPTION, RESOURCE_GROUP):
            return
        if resource_id.resource_group is not None:
            group = resource_group_id(resource_id.subscription_id, resource_id.resource_group)
            if self._store.get(group) is None:
                raise no_group(resource_id.resource_group)
        if resource_id.parent:
            parent = parse(resource_id.parent)
            if parent.type not in (SUBSCRIPTION, RESOURCE_GROUP) and not self.exists(parent):
                self.check_parents(parent)
                raise parent_not_found(parent.text)

    def check_writable(self, resource_id: ResourceId) -> None:
        """Refuses a write into nothing (404), during another one, or into what is being deleted (409)."""
        self.check_parents(resource_id)
        if resource_id.key in self.writing or self._operations.busy(resource_id.text):
            raise busy(resource_id)
        scope = resource_id
        while scope.type != SUBSCRIPTION and scope.parent:
            scope = parse(scope.parent)
            record = self._store.get(scope.text) if scope.type != SUBSCRIPTION else None
            if (
                record is not None
                and (record.body.get("properties") or {}).get("provisioningState") == "Deleting"
            ):
                code = (
                    "ResourceGroupBeingDeleted"
                    if scope.type == RESOURCE_GROUP
                    else "ParentResourceBeingDeleted"
                )
                raise conflict(f"'{scope.text}' is being deleted; nothing can be made in it.", code=code)

    def check_conditions(self, call: Call, record: Record | None) -> None:
        """Refuses what ``If-Match`` and ``If-None-Match`` rule out (412)."""
        match, none_match = call.headers.get("if-match"), call.headers.get("if-none-match")
        fails = (none_match == "*" and record is not None) or (
            match is not None and (record is None or (match != "*" and _bare(match) != record.etag))
        )
        if fails:
            raise ArmError(
                412, "PreconditionFailed", "The condition of If-Match or If-None-Match is not met."
            )

    def canonical(self, resource_id: ResourceId, kind: ResourceType, old: Record | None) -> ResourceId:
        """The id in Azure's spelling: of what exists, else of the parent and the type as its provider spells them."""
        if old is not None:
            return parse(old.id)
        if kind.name == RESOURCE_GROUP:
            return parse(resource_group_id(SUBSCRIPTION_ID, resource_id.name))
        parent = resource_id.parent
        if parent:
            found = self._store.get(parent)
            if found is not None:
                parent = found.id
            elif (above := parse(parent)).type == SUBSCRIPTION:
                parent = f"/subscriptions/{SUBSCRIPTION_ID}"
            elif (made_with_its_own := self._catalog.find(above.type)) is not None:
                parent = self.canonical(above, made_with_its_own, None).text
        namespace, *types = kind.name.split("/")
        between = "" if len(types) > 1 else f"/providers/{namespace}"
        return parse(f"{parent}{between}/{types[-1]}/{resource_id.name}")


def _bare(etag: str) -> str:
    """An etag as it is stored: headers quote it, bodies of some providers write it as ``W/"GUID"``."""
    return etag.removeprefix("W/").strip('"').replace("-", "").lower()


def no_group(name: str) -> ArmError:
    """404 for a resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def busy(resource: ResourceId | Record) -> ArmError:
    """409: something is being done to the resource."""
    return conflict(
        f"Another operation on '{resource.name}' is in progress; try again when it has ended.",
        code="AnotherOperationInProgress",
    )
