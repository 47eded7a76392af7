"""Microsoft Graph on ``graph.microsoft.com``: as much of the directory as role assignments need.

Scope: applications, service principals (managed identities too), users and groups: list with ``$filter`` (``eq`` and
``startswith`` on ``appId``, ``displayName``, ``id``, ``userPrincipalName``), get, create, delete; ``addPassword`` and ``removePassword``; members
of groups; ``directoryObjects/getByIds``: what ``az ad`` and ``az role assignment create --assignee`` ask for. Only the
service principal of ``python -m local env`` may change the directory, everybody signed in may read it. Omitted: every other
path and property (501, or ignored where Graph ignores them), ``/me``, certificates, owners, application permissions.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.azure.access import directory
from local.azure.access.directory import Principal
from local.azure.access.federation import IDENTITY
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.resource_type import Answer, Route
from local.settings import CLIENT_ID, PRINCIPAL_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json

_FIRST = Principal("Local Azure", "ServicePrincipal", PRINCIPAL_ID, CLIENT_ID, CLIENT_ID)
_KINDS: dict[str, directory.Kind] = {
    "applications": "ServicePrincipal",
    "serviceprincipals": "ServicePrincipal",
    "users": "User",
    "groups": "Group",
}
_TYPES = {"ServicePrincipal": "servicePrincipal", "User": "user", "Group": "group"}
_FILTER = re.compile(
    r"(?:(?P<property>\w+) eq '(?P<value>[^']*)'|startswith\((?P<starting>\w+),\s*'(?P<start>[^']*)'\)"
    r"|servicePrincipalNames/any\(\w+:\w+ eq '(?P<spn>[^']*)'\))",
    re.IGNORECASE,
)


def _view(principal: Principal, collection: str) -> Json:
    name = principal.name
    match collection:
        case "applications":
            # The service principal of `local env` has its secret from local Azure itself: the directory shows none.
            passwords = [{"keyId": principal.object_id, "displayName": None}] if principal.secret_hash else []
            return {
                "id": principal.application_id,
                "appId": principal.client_id,
                "displayName": name,
                "passwordCredentials": passwords,
                "keyCredentials": [],
            }
        case "serviceprincipals":
            return {
                "id": principal.object_id,
                "appId": principal.client_id,
                "displayName": name,
                "appDisplayName": name,
                "servicePrincipalNames": [principal.client_id],
                "servicePrincipalType": "Application",
                "accountEnabled": True,
                "appOwnerOrganizationId": TENANT_ID,
            }
        case "users":
            return {
                "id": principal.object_id,
                "displayName": name,
                "userPrincipalName": f"{name}@local.onmicrosoft.com" if "@" not in name else name,
            }
        case _:
            return {
                "id": principal.object_id,
                "displayName": name,
                "securityEnabled": True,
                "mailEnabled": False,
                "groupTypes": [],
            }


def _all(azure: Azure, collection: str) -> list[Json]:
    found = directory.of_kind(azure.store, _KINDS[collection])
    if collection in ("applications", "serviceprincipals"):
        found = [_FIRST, *found]
    if collection == "serviceprincipals":
        found = [one for one in found if one.present]
        for record in azure.store.of_type(IDENTITY):
            ids: Json = record.body["properties"]
            found.append(Principal(record.name, "ServicePrincipal", ids["principalId"], ids["clientId"]))
    return [_view(one, collection) for one in found]


def _matching(objects: list[Json], condition: str) -> list[Json]:
    if not condition:
        return objects
    for part in re.split(r"\s+and\s+", condition):
        found = _FILTER.fullmatch(part.strip())
        if found is None:
            raise unsupported(f"The filter '{part}' of Microsoft Graph")
        if found["spn"]:
            objects = [one for one in objects if found["spn"] in one.get("servicePrincipalNames", ())]
            continue
        key, wanted = found["property"] or found["starting"], (found["value"] or found["start"] or "").lower()
        values = [(one, str(one.get(key, "")).lower()) for one in objects]
        exact = found["property"] is not None
        objects = [one for one, value in values if (value == wanted if exact else value.startswith(wanted))]
    return objects


async def _collection(azure: Azure, call: Call) -> Answer:
    collection = call.captured["collection"].lower()
    if call.method == "GET":
        return Answer(200, {"value": _matching(_all(azure, collection), call.query.get("$filter", ""))})
    _may_change(call)
    body = _body(call)
    if collection == "serviceprincipals":
        made = directory.with_client(azure.store, str(body.get("appId") or ""))
        if made is None:
            raise bad_request(
                f"There is no application with the appId '{body.get('appId')}'.", code="Request_BadRequest"
            )
        made = replace(made, present=True)
        directory.put(azure.store, made)
    else:
        name = str(body.get("userPrincipalName") or body.get("displayName") or "")
        if not name:
            raise bad_request("A displayName is required.", code="Request_BadRequest")
        made = directory.create(azure.store, name, _KINDS[collection], present=collection != "applications")
    return Answer(201, _view(made, collection))


async def _object(azure: Azure, call: Call) -> Answer:
    collection = call.captured["collection"].lower()
    wanted = (call.captured["id"] or call.captured["app"]).lower()
    found = next(
        (
            one
            for one in _all(azure, collection)
            if wanted in (one["id"].lower(), one.get("userPrincipalName", "").lower())
            or (call.captured["app"] and one.get("appId") == wanted)
        ),
        None,
    )
    if found is None:
        raise _missing(wanted)
    if call.method == "GET":
        return Answer(200, found)
    _may_change(call)
    principal = _made(azure, found["id"])
    if call.method == "PATCH":
        directory.put(
            azure.store, replace(principal, name=str(_body(call).get("displayName") or principal.name))
        )
    elif collection == "serviceprincipals":
        directory.put(azure.store, replace(principal, present=False))
    else:
        directory.delete(azure.store, principal)
    return Answer(204)


async def _add_password(azure: Azure, call: Call) -> Answer:
    _may_change(call)
    principal = _made(azure, call.captured["id"])
    name = (_body(call).get("passwordCredential") or {}).get("displayName")
    secret = directory.new_secret(azure.store, principal)
    return Answer(
        200,
        {
            "displayName": name,
            "keyId": principal.object_id,
            # Graph has the description of a key here; local Azure says which client id it opens.
            "customKeyIdentifier": principal.client_id,
            "secretText": secret,
        },
    )


async def _remove_password(azure: Azure, call: Call) -> Answer:
    _may_change(call)
    principal = _made(azure, call.captured["id"])
    if str(_body(call).get("keyId") or "").lower() != principal.object_id or not principal.secret_hash:
        raise bad_request(
            f"No password credential has the keyId '{_body(call).get('keyId')}'.", code="Request_BadRequest"
        )
    directory.put(azure.store, replace(principal, secret_hash=""))
    return Answer(204)


async def _members(azure: Azure, call: Call) -> Answer:
    group = _made(azure, call.captured["id"])
    if call.method == "GET":
        return Answer(200, {"value": [_identified(azure, member) for member in group.members]})
    _may_change(call)
    member = (
        call.captured.get("member") or str(_body(call).get("@odata.id") or "").rsplit("/", 1)[-1]
    ).lower()
    if not member:
        raise bad_request("'@odata.id' of the member is required.", code="Request_BadRequest")
    rest = {one for one in group.members if one != member}
    members = rest if call.method == "DELETE" else {*rest, member}
    directory.put(azure.store, replace(group, members=tuple(sorted(members))))
    return Answer(204)


async def _by_ids(azure: Azure, call: Call) -> Answer:
    wanted = {str(one).lower() for one in _body(call).get("ids") or ()}
    value = [
        {"@odata.type": f"#microsoft.graph.{_TYPES[_KINDS[collection]]}", **one}
        for collection in ("serviceprincipals", "users", "groups")
        for one in _all(azure, collection)
        if one["id"] in wanted
    ]
    return Answer(200, {"value": value})


def _identified(azure: Azure, object_id: str) -> Json:
    for collection in ("serviceprincipals", "users", "groups"):
        for one in _all(azure, collection):
            if one["id"] == object_id:
                return {"@odata.type": f"#microsoft.graph.{_TYPES[_KINDS[collection]]}", **one}
    return {"@odata.type": "#microsoft.graph.directoryObject", "id": object_id}


def _made(azure: Azure, wanted: str) -> Principal:
    """A principal of the directory by its object id or its application's; not the first, whose secret is the tenant's."""
    for one in directory.everybody(azure.store):
        if wanted.lower() in (one.object_id, one.application_id, one.client_id):
            return one
    raise _missing(wanted)


def _missing(wanted: str) -> ArmError:
    return ArmError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not present.",
    )


def _may_change(call: Call) -> None:
    if call.principal_id != PRINCIPAL_ID:
        raise ArmError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )


def _body(call: Call) -> Json:
    if not isinstance(call.body, dict):
        raise bad_request("The request body must be a JSON object.", code="Request_BadRequest")
    return call.body


def _route(path: str, handle: Callable[[Azure, Call], Awaitable[Answer]], *methods: str) -> Route:
    host = re.compile(r"graph\.microsoft\.com", re.IGNORECASE)
    return Route(host, re.compile(rf"/(v1\.0|beta){path}/?", re.IGNORECASE), handle, methods)


_COLLECTION = r"/(?P<collection>applications|servicePrincipals|users|groups)"
ROUTES: tuple[Any, ...] = (
    _route(_COLLECTION, _collection, "GET", "POST"),
    _route(rf"{_COLLECTION}(/(?P<id>[^/()]+)|\(appId='(?P<app>[^']+)'\))", _object, "GET", "PATCH", "DELETE"),
    _route(r"/(applications|servicePrincipals|users)/(?P<id>[^/]+)/addPassword", _add_password, "POST"),
    _route(r"/(applications|servicePrincipals|users)/(?P<id>[^/]+)/removePassword", _remove_password, "POST"),
    _route(r"/groups/(?P<id>[^/]+)/members(/\$ref)?", _members, "GET", "POST"),
    _route(r"/groups/(?P<id>[^/]+)/members/(?P<member>[^/]+)/\$ref", _members, "DELETE"),
    _route(r"/directoryObjects/getByIds", _by_ids, "POST"),
)
