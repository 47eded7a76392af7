"""The data plane of storage accounts: ``ACCOUNT.{blob,queue,table}.core.windows.net``, forwarded to Azurite.

Bodies stream both ways. Shared Key and SAS go through as they are: Azurite checks them. Bearer tokens are checked here and
the request, if the caller's roles permit it, is signed anew with the account's key. Containers, queues and tables that clients make or delete here, and leases
of containers, show in ARM; a SAS of a user is good for what the user's roles permit; legal holds and immutability policies of containers are kept to. The other names of an account
(``-secondary``, ``-microsoftrouting``, its DNS zone) lead to the same data. Omitted: ``dfs``, ``file`` and ``web`` (501),
rules for resource instances.
"""

from __future__ import annotations

import logging
import re
import secrets
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import aiohttp
import yarl
from aiohttp import web

from local.azure.access import storage_operation, vantage
from local.azure.blob import ACCOUNT
from local.azure.errors import ArmError
from local.azure.shared_key import authorization, table_authorization
from local.azure.storage import immutability, user_delegation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.access.authorizer import Authorizer
    from local.azure.azurite_process import Azurite, Service
    from local.azure.blob import AzuriteBlobs
    from local.azure.identity import Identity
    from local.azure.resource_type import Record
    from local.azure.store import SqliteStore

logger = logging.getLogger(__name__)
_HOST = re.compile(
    r"(?P<account>[a-z0-9]+)(?P<way>-secondary|-(internet|microsoft)routing)?(\.z[0-9]+)?"
    r"\.(?P<service>blob|queue|table|file|dfs|web)\.(core\.windows|storage\.azure)\.net"
)
_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
}
_CHUNK = 1 << 18
#: The secret that keys of users are derived from.
_DELEGATION = "storage/user-delegation"
_TABLE = re.compile(r"/Tables\('(?P<name>[^']+)'\)$")
#: Writes that leave a blob's content as it is.
_HARMLESS = ("lease", "block", "tags", "tier")


_DEMANDS = {
    "blob": storage_operation.blob,
    "queue": storage_operation.queue,
    "table": storage_operation.table,
}


class StorageData:
    """Forwards requests to Azurite."""

    def __init__(
        self,
        azurite: Azurite,
        blobs: AzuriteBlobs,
        store: SqliteStore,
        identity: Identity,
        access: Authorizer,
    ) -> None:
        self._access = access
        self._azurite = azurite
        self._blobs = blobs
        self._store = store
        self._identity = identity
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()

    def serves(self, host: str) -> bool:
        """Whether a host is a storage account's."""
        return _HOST.fullmatch(host) is not None

    async def handle(
        self, request: web.BaseRequest, host: str, place: str = "", *, lost: bool = False
    ) -> web.StreamResponse:
        """Answers one request; ``lost``: does what is asked and ends the connection without an answer."""
        found = _HOST.fullmatch(host)
        assert found is not None  # noqa: S101 (the caller saw to it)
        try:
            self._check_vantage(place, found["account"], host)
            return await self._forward(
                request, found["account"], found["service"], found["way"] or "", lost=lost
            )
        except ArmError as error:
            return failure(request, error)
        except aiohttp.ClientError as error:
            logger.warning("%s %s failed: %s", request.method, request.rel_url.raw_path, error)
            return failure(request, ArmError(503, "ServerBusy", f"Azurite did not answer: {error}"))

    def _check_vantage(self, place: str, account: str, host: str) -> None:
        """Refuses what the account's network rules keep out (403 ``AuthorizationFailure``)."""
        for record in self._store.named(ACCOUNT, account):
            if vantage.refused(self._store, place, record, host):
                raise ArmError(
                    403,
                    "AuthorizationFailure",
                    "This request is not authorized to perform this operation.",
                )

    async def _forward(
        self, request: web.BaseRequest, account: str, service: str, way: str, *, lost: bool
    ) -> web.StreamResponse:
        records = self._store.named(ACCOUNT, account)
        if not records:
            raise ArmError(
                404, "ResourceNotFound", f"There is no storage account '{account}' in local Azure."
            )
        if service not in ("blob", "queue", "table"):
            raise ArmError(
                501,
                "NotSupportedByLocalAzure",
                f"The {service} service is not supported by local Azure; use blobs.",
            )
        known: Service = "blob" if service == "blob" else "queue" if service == "queue" else "table"
        self._blobs.introduce(account)
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        # Azurite knows one name of an account, and its secondary one.
        second = way if way == "-secondary" else ""
        headers["Host"] = f"{account}{second}.{known}.core.windows.net"
        claims = self._authorize(request, records[0], known, headers)
        if claims and known == "blob" and request.query.get("comp", "").lower() == "userdelegationkey":
            return await self._delegate(request, claims)
        if claims is None and known == "blob" and "skoid" in request.query:
            query = self._signed_by_user(request, records[0])
        if known == "blob" and request.method in ("PUT", "DELETE"):
            await self._check_immutable(request, records[0])
        port = await self._azurite.port(known, account)
        url = yarl.URL(f"http://127.0.0.1:{port}{path}{'?' if query else ''}{query}", encoded=True)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        body = request.content if request.body_exists else None
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as upstream:
            if upstream.status in (201, 202, 204):
                self._follow(request, records[0], known, upstream.headers)
            if lost and request.transport is not None:
                request.transport.abort()
                return web.Response(status=500)
            return await _relay(request, upstream)

    def _authorize(
        self, request: web.BaseRequest, account: Record, service: Service, headers: dict[str, str]
    ) -> Mapping[str, Any] | None:
        """Refuses what may not be; signs what comes with a token, and returns its claims."""
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
        given = request.headers.get("Authorization", "")
        scheme = given.partition(" ")[0].lower()
        if scheme == "bearer":
            name = account.name
            claims = self._identity.check(
                given, ("https://storage.azure.com", f"https://{name}.{service}.core.windows.net")
            )
            wanted = _DEMANDS[service](request.method, request.path, request.query)
            self._access.check_storage(claims["oid"], account, wanted)
            for unwanted in [key for key in headers if key.lower() in ("authorization", "date", "x-ms-date")]:
                del headers[unwanted]
            headers["x-ms-date"] = formatdate(usegmt=True)
            key = self._blobs.introduce(name)[0]
            sign = table_authorization if service == "table" else authorization
            headers["Authorization"] = sign(
                name, key, method=request.method, path=path, query=query, headers=headers
            )
            return claims
        signed_by_user = "skoid=" in query
        uses_key = scheme in ("sharedkey", "sharedkeylite") or ("sig=" in query and not signed_by_user)
        allowed = (account.body.get("properties") or {}).get("allowSharedKeyAccess") is not False
        if uses_key and not allowed:
            raise ArmError(
                403,
                "KeyBasedAuthenticationNotPermitted",
                "Key based authentication is not permitted on this storage account.",
            )
        public = (account.body.get("properties") or {}).get("allowBlobPublicAccess")
        if service == "blob" and not scheme and "sig=" not in query and not public:
            raise ArmError(
                409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
            )
        return None

    def _signed_by_user(self, request: web.BaseRequest, account: Record) -> str:
        """The query of a request with a SAS of a user, signed anew with the account's key if the user may do that."""
        query = user_delegation.service_query(
            request.query,
            request.rel_url.raw_query_string,
            account=account.name,
            path=request.path,
            secret=self._delegation_secret(),
            key=self._blobs.introduce(account.name)[0],
            now=datetime.now(UTC),
        )
        wanted = storage_operation.blob(request.method, request.path, request.query)
        self._access.check_storage(request.query["skoid"], account, wanted)
        return query

    def _delegation_secret(self) -> str:
        """What keys of users are derived from, made when it is first needed."""
        secret = self._store.secret(_DELEGATION)
        if secret is None:
            secret = secrets.token_urlsafe(32)
            self._store.put_secret(_DELEGATION, secret)
        return secret

    async def _delegate(self, request: web.BaseRequest, claims: Mapping[str, Any]) -> web.Response:
        """A key with which a user signs."""
        body = user_delegation.answer(
            await request.content.read(_CHUNK),
            user=str(claims["oid"]),
            tenant=str(claims["tid"]),
            version=request.headers.get("x-ms-version", ""),
            secret=self._delegation_secret(),
            now=datetime.now(UTC),
        )
        return web.Response(body=body, headers={"Content-Type": "application/xml"})

    async def _check_immutable(self, request: web.BaseRequest, account: Record) -> None:
        """Refuses to change what a legal hold or an immutability policy keeps (409)."""
        name, _, blob = request.path.strip("/").partition("/")
        container = self._store.get(f"{account.id}/blobServices/default/containers/{name}")
        if container is None:
            return
        properties, policy = (
            container.body["properties"],
            immutability.policy_of(self._store, container.id),
        )
        if policy is None and not properties.get("hasLegalHold"):
            return
        operation = request.query.get("comp", "").lower()
        if not blob:
            deletes = request.method == "DELETE" and request.query.get("restype") == "container"
            reason = immutability.kept_container(properties, policy) if deletes else None
        elif (
            operation in _HARMLESS
            or (created := await self._blobs.created(account.name, f"{name}/{blob}")) is None
        ):
            return
        else:
            deletes, appends = request.method == "DELETE", operation == "appendblock"
            reason = immutability.kept_blob(
                properties, policy, created, datetime.now(UTC), deletes=deletes, appends=appends
            )
        if reason is not None:
            raise ArmError(409, reason.code, reason.message)

    def _follow_lease(self, request: web.BaseRequest, account: Record, name: str) -> None:
        container = self._store.get(f"{account.id}/blobServices/default/containers/{name}")
        action = request.headers.get("x-ms-lease-action", "").lower()
        if container is not None and action in immutability.LEASE_STATES:
            infinite = request.headers.get("x-ms-lease-duration") == "-1"
            body = immutability.with_lease(container.body, action, infinite=infinite)
            self._store.put(container.id, body)

    def _follow(
        self, request: web.BaseRequest, account: Record, service: Service, answered: Mapping[str, str]
    ) -> None:
        """Keeps ARM's containers, queues and tables as the data plane has them."""
        name = request.path.strip("/")
        if service == "table":
            self._follow_table(request, account, name, answered)
            return
        if service == "blob" and request.query.get("comp") == "lease" and "/" not in name:
            self._follow_lease(request, account, name)
            return
        if not name or "/" in name or request.query.get("comp"):
            return
        if service == "blob" and request.query.get("restype") == "container":
            resource_id = f"{account.id}/blobServices/default/containers/{name}"
        elif service == "queue":
            resource_id = f"{account.id}/queueServices/default/queues/{name}"
        else:
            return
        if request.method == "DELETE":
            self._store.delete(resource_id)
        elif request.method == "PUT" and self._store.get(resource_id) is None:
            self._store.put(
                resource_id,
                {"properties": {"publicAccess": "None"} if service == "blob" else {"metadata": {}}},
            )

    def _follow_table(
        self, request: web.BaseRequest, account: Record, name: str, answered: Mapping[str, str]
    ) -> None:
        made = request.method == "POST" and name == "Tables"
        found = _TABLE.search(answered.get("Location", "") if made else f"/{name}")
        if found is None or not (made or request.method == "DELETE"):
            return
        resource_id = f"{account.id}/tableServices/default/tables/{found['name']}"
        if made and self._store.get(resource_id) is None:
            self._store.put(resource_id, {"properties": {"tableName": found["name"]}})
        elif not made:
            self._store.delete(resource_id)


async def _relay(request: web.BaseRequest, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    """Passes Azurite's answer on."""
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
    for name, value in upstream.headers.items():
        if name.lower() not in _HOP:
            response.headers.add(name, value)
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in upstream.content.iter_chunked(_CHUNK):
            await response.write(chunk)
    await response.write_eof()
    return response


def failure(request: web.BaseRequest, error: ArmError) -> web.Response:
    """The answer to a request that failed."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>'
    headers = {"x-ms-error-code": error.code, "Content-Type": "application/xml", **error.headers}
    # What the client still sends of its body must not be read as its next request.
    response = web.Response(
        status=error.status, body=body.encode() if request.method != "HEAD" else b"", headers=headers
    )
    if request.body_exists and not request.content.at_eof():
        response.force_close()
    return response
