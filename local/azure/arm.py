"""Azure Resource Manager: PUT, GET, HEAD, list, PATCH, DELETE and POST actions of all resource types alike.

Scope: api-version is required, ids ignore case and keep the spelling they were made with, parents must exist, long
operations, ``If-Match`` and ``If-None-Match``, paging with ``$top`` and ``$skiptoken``, deletion of groups with all they
hold. Locks (``lock.py``) and roles (``access``) are asked before, policies (``policy_rule``) by every write. Omitted: moves, and
every resource type that no provider has: 501, by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from local.azure import tag
from local.azure.arm_rule import Rules, busy, no_group
from local.azure.errors import ArmError, bad_request, conflict, not_found, unsupported
from local.azure.managed_identity import filled
from local.azure.operation import PATH as OPERATION
from local.azure.operation import present, with_state
from local.azure.policy_rule.enforcement import Enforcement
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.azure.resource_type import Answer, Json, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure
    from local.azure.catalog import Catalog
    from local.azure.operation import Operations
    from local.azure.resource_type import Call, ResourceId, ResourceType
    from local.azure.store import SqliteStore

HOST = "management.azure.com"
_PAGE = 1000


@dataclass(frozen=True)
class _Target:
    """What a path means: a resource, or a type or action name below a scope or resource."""

    resource: ResourceId | None
    below: str = ""
    name: str = ""


def _target(path: str) -> _Target:
    """Takes a request path apart."""
    parts = path.strip("/").split("/")
    lower = [part.lower() for part in parts]
    start = len(lower) - 1 - lower[::-1].index("providers") if "providers" in lower else None
    if start is None:
        # subscriptions/S/resourceGroups[/G[/action]]
        if len(parts) % 2 == 0:
            return _Target(parse(path))
        return _Target(None, "/" + "/".join(parts[:-1]), parts[-1])
    rest = parts[start + 2 :]
    if rest and len(rest) % 2 == 0:
        return _Target(parse(path))
    if not rest:
        raise bad_request(
            f"The path '{path}' names a provider and no resource type.", code="InvalidResourceType"
        )
    return _Target(None, "/" + "/".join(parts[:-1]), parts[-1])


class Arm:
    """Answers the requests of management.azure.com that no route takes."""

    def __init__(self, azure: Azure, store: SqliteStore, catalog: Catalog, operations: Operations) -> None:
        self._azure = azure
        self._store = store
        self._catalog = catalog
        self._operations = operations
        self._rules = Rules(azure, store, catalog, operations)
        #: what policies say of writes
        self.policies = Enforcement(azure, store)

    async def handle(self, call: Call) -> Answer:
        """Answers one request.

        Raises:
            ArmError: it is refused.
        """
        if (found := OPERATION.fullmatch(call.path)) is not None and call.method == "GET":
            return self._operations.answer(call, found["kind"], found["id"])
        target = _target(call.path)
        if target.resource is None:
            if call.method == "GET":
                return self._list(call, target)
            if call.method == "POST":
                return await self._act(call, target)
            # Azure has a few of those (``PUT …/connections/NAME/sharedkey``).
            raise unsupported(f"{call.method} of '{self._type_below(target)}'")
        resource_id = target.resource
        kind = self._catalog.of(resource_id.type)
        self._rules.check_supported(resource_id.parent)
        if kind.admit is not None:
            kind.admit(self._azure, call, resource_id)
        match call.method:
            case "PUT":
                return await self._put(call, resource_id, kind)
            case "PATCH":
                return await self._patch(call, resource_id, kind)
            case "GET" | "HEAD":
                return self._get(call, resource_id, kind)
            case "DELETE":
                return await self._delete(call, resource_id, kind)
            case _:
                raise unsupported(f"{call.method} of '{kind.name}'")

    # --- reading

    def _get(self, call: Call, resource_id: ResourceId, kind: ResourceType) -> Answer:
        record = self._store.get(resource_id.text)
        if record is None:
            self._rules.check_parents(resource_id)
            body = kind.implicit(self._azure, resource_id) if kind.implicit is not None else None
            if body is None:
                raise (
                    not_found(resource_id.text)
                    if resource_id.type != RESOURCE_GROUP
                    else no_group(resource_id.name)
                )
            return Answer(200, {"id": resource_id.text, "name": resource_id.name, "type": kind.name, **body})
        if call.method == "HEAD":
            return Answer(204)
        body = present(self._azure, kind, record, call.api_version)
        if kind.expand is not None:
            body = kind.expand(self._azure, call, record, body)
        return Answer(200, body, {"ETag": f'"{record.etag}"'})

    def _list(self, call: Call, target: _Target) -> Answer:
        resource_type = self._type_below(target)
        kind = self._catalog.of(resource_type)
        scope = target.below
        if "/providers/" in scope.lower() and scope.lower().rsplit("/providers/", 1)[1].count("/") == 0:
            scope = scope[: scope.lower().rindex("/providers/")]
        self._rules.check_supported(scope)
        if scope and not (kind.makes_parent is not None and self._rules.below_existing(scope)):
            self._rules.check_exists(scope)
        records = self._store.below(scope, resource_type) if scope else self._store.of_type(resource_type)
        if kind.listing is not None:
            records = kind.listing(self._azure, call, records)
        records = self._azure.access.visible(call.principal_id, records, kind.name, scope)
        return self._page(call, kind, records)

    def _page(self, call: Call, kind: ResourceType, records: list[Record]) -> Answer:
        try:
            token = call.query.get("$skiptoken") or call.query.get("$skipToken")
            start = int(token or call.query.get("$skip") or 0)
            size = int(call.query.get("$top") or _PAGE)
        except ValueError:
            raise bad_request("$top and $skiptoken must be numbers.", code="InvalidQueryParameter") from None
        page = records[start : start + size]
        body: Json = {"value": [present(self._azure, kind, record, call.api_version) for record in page]}
        if len(records) > start + size:
            query = {key: value for key, value in call.query.items() if key.lower() != "$skiptoken"}
            query["$skiptoken"] = str(start + size)
            body["nextLink"] = f"https://{HOST}{call.path}?{urlencode(query)}"
        return Answer(200, body)

    def _type_below(self, target: _Target) -> str:
        scope = target.below
        if "/providers/" not in scope.lower():
            if target.name.lower() == "resourcegroups":
                return RESOURCE_GROUP
            raise unsupported(f"'{target.name}' of '{scope}'")
        namespace, *rest = scope[scope.lower().rindex("/providers/") + 11 :].split("/")
        return "/".join([namespace, *rest[::2], target.name])

    # --- writing

    async def _put(self, call: Call, resource_id: ResourceId, kind: ResourceType) -> Answer:
        body = _body(call, kind)
        old = self._store.get(resource_id.text)
        self._rules.check_conditions(call, old)
        return await self._write(call, resource_id, kind, body, old)

    async def _patch(self, call: Call, resource_id: ResourceId, kind: ResourceType) -> Answer:
        if not kind.patch:
            raise ArmError(405, "MethodNotAllowed", f"'{kind.name}' can't be patched; PUT it whole.")
        body = _body(call, kind)
        old = self._existing(resource_id, kind)
        self._rules.check_conditions(call, old)
        merged = (kind.merge or merge)(old.body, body)
        if kind.merge_now:
            self._rules.check_writable(resource_id)
            merged = self.policies.written(resource_id, merged, call.api_version)
            record = self._store.put(old.id, merged, by=call.principal_id or "")
            return self._written(call, kind, record, old)
        return await self._write(call, resource_id, kind, merged, old)

    async def _write(
        self, call: Call, resource_id: ResourceId, kind: ResourceType, body: Json, old: Record | None
    ) -> Answer:
        self._rules.check_subscription(resource_id)
        resource_id = self._rules.canonical(resource_id, kind, old)
        if kind.makes_parent is None or not self._rules.below_existing(resource_id.parent):
            self._rules.check_writable(resource_id)
        if isinstance(body.get("location"), str):
            body = {**body, "location": body["location"].replace(" ", "").lower()}
        if (
            old is not None
            and body.get("location")
            and old.body.get("location") not in (None, body["location"])
        ):
            raise conflict(
                f"The resource '{resource_id.name}' already exists in location '{old.body['location']}'. A resource with "
                f"the same name cannot be created in location '{body['location']}'.",
                code="InvalidResourceLocation",
            )
        body = {
            key: value
            for key, value in body.items()
            if key not in ("id", "name", "type", "systemData", "etag")
        }
        body = self.policies.written(resource_id, body, call.api_version)
        tag.check(body.get("tags"))
        if kind.prepare is not None:
            body = kind.prepare(self._azure, resource_id, body, old)
        if (identity := filled(self._azure, body.get("identity"), old)) is not None:
            body = {**body, "identity": identity}
        by = call.principal_id or ""
        if kind.makes_parent is not None and self._store.get(resource_id.parent) is None:
            self._store.put(resource_id.parent, kind.makes_parent(body), by=by)
        if kind.settle is None or (old is not None and not kind.settle_updates and not _unfinished(old)):
            return self._written(call, kind, self._store.put(resource_id.text, body, by=by), old)
        if kind.settle_now:
            return await self._write_now(call, resource_id, kind, body, old)
        with self._store.transaction():
            state = "Updating" if old is not None else kind.creating
            record = self._store.put(resource_id.text, with_state(body, state), by=by)
            operation = self._operations.begin(record, "update" if old is not None else "create")
        self._operations.run(operation)
        if kind.created == 202 and old is None:
            headers = self._operations.headers(operation, call.api_version)
            return Answer(202, None, headers)
        location = f"https://{HOST}{record.id}?api-version={call.api_version}"
        headers = self._operations.headers(operation, call.api_version, location=location)
        answer = self._written(call, kind, record, old)
        return Answer(answer.status, answer.body, {**answer.headers, **headers})

    async def _write_now(
        self, call: Call, resource_id: ResourceId, kind: ResourceType, body: Json, old: Record | None
    ) -> Answer:
        assert kind.settle is not None  # noqa: S101 (the caller saw to it)
        self._rules.writing.add(resource_id.key)
        try:
            by = call.principal_id or ""
            record = self._store.put(resource_id.text, body, by=by)
            try:
                settled = await kind.settle(self._azure, record)
            except BaseException:
                if old is None:
                    self._store.delete(record.id)
                else:
                    self._store.put(record.id, old.body)
                raise
            if settled is not None:
                record = self._store.put(record.id, settled, by=by)
            return self._written(call, kind, record, old)
        finally:
            self._rules.writing.discard(resource_id.key)

    def _written(self, call: Call, kind: ResourceType, record: Record, old: Record | None) -> Answer:
        body = present(self._azure, kind, record, call.api_version)
        changed = kind.patched if call.method == "PATCH" else kind.updated
        return Answer(changed if old is not None else kind.created, body, {"ETag": f'"{record.etag}"'})

    async def _delete(self, call: Call, resource_id: ResourceId, kind: ResourceType) -> Answer:
        record = self._store.get(resource_id.text)
        if resource_id.type == SUBSCRIPTION:
            raise unsupported("Deleting a subscription")
        if kind.on_delete is not None:
            answer = kind.on_delete(self._azure, call, resource_id, record)
            if answer is not None:
                return answer
            record = self._store.get(resource_id.text)
        if record is None:
            self._rules.check_subscription(resource_id)
            if resource_id.type == RESOURCE_GROUP:
                raise no_group(resource_id.name)
            return Answer(204)
        self._rules.check_conditions(call, record)
        below = self._store.below(record.id) if self.policies.assignments() else []
        self.policies.deleted([(parse(one.id), one.body) for one in [record, *below]])
        if kind.guard_delete is not None:
            kind.guard_delete(self._azure, record)
        if record.id.lower() in self._rules.writing:
            raise busy(record)
        if kind.vanish_now or not (resource_id.type == RESOURCE_GROUP or self._operations.vanishes(record)):
            await self._operations.vanish(record)
            self._store.delete(record.id)
            return Answer(kind.deleted)
        running = next(
            (
                operation
                for operation in self._store.running_operations()
                if operation.kind == "delete" and operation.resource.lower() == resource_id.key
            ),
            None,
        )
        if running is None:
            with self._store.transaction():
                record = self._store.put(record.id, with_state(record.body, "Deleting"))
                running = self._operations.begin(record, "delete")
            self._operations.run(running)
        return Answer(202, None, self._operations.headers(running, call.api_version))

    async def _act(self, call: Call, target: _Target) -> Answer:
        if len(target.below.lower().rpartition("/providers/")[2].split("/")) == 1:
            raise unsupported(f"The action '{target.name}' of '{target.below.rpartition('/')[2]}'")
        resource_id = parse(target.below)
        kind = self._catalog.of(resource_id.type)
        actions = {name.lower(): action for name, action in kind.actions.items()}
        action = actions.get(target.name.lower())
        if action is None:
            raise unsupported(f"The action '{target.name}' of '{kind.name}'")
        answer = await action(self._azure, call, self._existing(resource_id, kind))
        record = self._store.get(resource_id.text)
        if record is None or target.name.lower() not in kind.long_actions:
            return answer
        with self._store.transaction():
            operation = self._operations.begin(record, "update")
        self._operations.run(operation)
        return Answer(202, None, self._operations.headers(operation, call.api_version))

    def _existing(self, resource_id: ResourceId, kind: ResourceType) -> Record:
        """The resource, also one that Azure made with its parent and nobody has changed yet; 404 if there is none."""
        record = self._store.get(resource_id.text)
        if record is not None:
            return record
        self._rules.check_parents(resource_id)
        body = kind.implicit(self._azure, resource_id) if kind.implicit is not None else None
        if body is None:
            raise not_found(resource_id.text)
        made = str(body.get("systemData", {}).get("createdAt", ""))
        return Record(resource_id.text, kind.name, resource_id.name, body, "", made, made, "")


def _unfinished(record: Record) -> bool:
    """Whether what makes a resource was never done: another PUT does it then."""
    return (record.body.get("properties") or {}).get("provisioningState") == "Failed"


def _body(call: Call, kind: ResourceType) -> Json:
    if call.body is None and not call.content and kind.bodiless:
        return {}
    if not isinstance(call.body, dict):
        raise bad_request("The request body must be a JSON object.", code="InvalidRequestContent")
    return call.body


def merge(body: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """A body with a PATCH merged in: top-level values are replaced, tags and properties value by value; null removes."""
    merged = dict(body)
    for key, value in patch.items():
        if key in ("tags", "properties") and isinstance(value, dict):
            inner = {**(merged.get(key) or {}), **value}
            merged[key] = {name: found for name, found in inner.items() if found is not None}
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
