"""How a provider of local Azure describes what it serves: behaviour, apart from transport.

A provider is a module with some of these names, listed in ``local/azure/providers.py``:

- ``TYPES: tuple[ResourceType, ...]``: ARM resource types and what is particular about each.
- ``ROUTES: tuple[Route, ...]``: everything else, by host name and path (data planes, ARM actions without a resource).
- ``async def start(azure: Azure) -> None``: take up what ran before a stop (called once the server listens).
- ``async def stop(azure: Azure) -> None``.

``arm.py`` serves PUT, GET, list, PATCH, DELETE and POST actions of all ``TYPES`` alike: parents must exist, ids are
case-insensitive, PUTs of a type with ``settle`` answer 201 with ``Azure-AsyncOperation`` and finish later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Mapping

    from local.azure.azure import Azure

Json = dict[str, Any]


@dataclass(frozen=True)
class ResourceId:
    """An ARM id, parsed. Equality of ids in Azure ignores case: compare ``key``.

    ``/subscriptions/S/resourceGroups/G/providers/Microsoft.X/parents/P/children/C`` gives
    type ``Microsoft.X/parents/children`` and names ``("P", "C")``.
    """

    text: str
    subscription_id: str
    resource_group: str | None
    type: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """The id in lower case: what two spellings of one id share."""
        return self.text.lower()

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1]

    @property
    def scope(self) -> str:
        """What it is in or, for an extension resource, on: the id before the last ``/providers/``; empty for the tenant."""
        return self.text[: max(self.key.rfind("/providers/"), 0)]

    @property
    def parent(self) -> str:
        """The id that must exist before this one: the parent resource, else the scope."""
        if len(self.names) > 1:
            return self.text.rsplit("/", 2)[0]
        return self.scope


@dataclass(frozen=True)
class Record:
    """A stored resource. ``body`` is the ARM body without ``id``, ``name`` and ``type`` (those are columns)."""

    id: str
    type: str
    name: str
    body: Json
    etag: str
    created_at: str
    modified_at: str
    created_by: str
    modified_by: str = ""


@dataclass(frozen=True)
class Call:
    """A request, as behaviour sees it: no transport types."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    #: the raw body; ``body`` is its JSON or None
    content: bytes
    body: Any
    #: the object id of the caller; None where the request carries no token (data planes check their own keys)
    principal_id: str | None
    #: what the route's patterns captured
    captured: Mapping[str, str] = field(default_factory=dict[str, str])
    #: where the connection comes from (``access.vantage``); empty: the internet
    vantage: str = ""

    @property
    def api_version(self) -> str:
        """The ``api-version`` of the query, empty if there is none."""
        return self.query.get("api-version", "")


@dataclass(frozen=True)
class Answer:
    """A response: ``body`` is JSON-encoded unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ResourceType:
    """What is particular about one ARM resource type. Everything has a default that does nothing.

    ``prepare(azure, id, body, old)`` validates a PUT's (or merged PATCH's) body, fills Azure's defaults and read-only
    fields, and returns what to store; it raises ``ArmError`` and has no effects. ``settle(azure, record)`` is the work
    of a long-running create or update: until it returns, the resource shows ``Creating`` or ``Updating`` in
    ``properties.provisioningState``; what it returns (a new body or None) is stored and shows ``Succeeded``; what it
    raises shows as ``Failed`` with the operation's error. ``vanish`` is the same for DELETE (202); ``guard_delete``
    may refuse beforehand. ``view`` adds to what GET, list and PUT answer. ``actions`` are POSTs below the resource
    (``listKeys``), ``actions[name](azure, call, record)``.
    """

    name: str
    prepare: Callable[[Azure, ResourceId, Json, Record | None], Json] | None = None
    settle: Callable[[Azure, Record], Awaitable[Json | None]] | None = None
    guard_delete: Callable[[Azure, Record], None] | None = None
    vanish: Callable[[Azure, Record], Awaitable[None]] | None = None
    view: Callable[[Azure, Record, Json, str], Json] | None = None
    actions: Mapping[str, Callable[[Azure, Call, Record], Awaitable[Answer]]] = field(default_factory=dict)
    #: whether PATCH merges into the stored body (JSON merge patch on top-level, tags and properties)
    patch: bool = True
    #: shape of the long-running operation's URL, e.g. ``mfeOperationsStatus`` and ``oe`` for online endpoints
    operation: tuple[str, str] = ("operationStatuses", "op")
    #: the status of a PUT that creates; 202: no body, and a ``Location`` to follow
    created: int = 201
    #: the status of a PUT over what exists, and of PATCH: clients take the documented ones only
    updated: int = 200
    patched: int = 200
    #: the status of a DELETE that is done at once
    deleted: int = 200
    #: whether PUT answers only when ``settle`` is done, with no operation to follow; if that fails, nothing stays behind
    settle_now: bool = False
    #: the same for DELETE and ``vanish``
    vanish_now: bool = False
    #: the body of a resource that Azure makes together with its parent (``blobServices/default``) and that nobody has
    #: changed yet, ``(azure, id) -> body``; None: there is none of that name
    implicit: Callable[[Azure, ResourceId], Json | None] | None = None
    #: what a PUT makes of a missing parent, ``body -> the parent's body`` (an asset's container comes with its first
    #: version); lists under a missing parent are empty then
    makes_parent: Callable[[Json], Json] | None = None
    #: what PATCH makes of the stored body, ``(stored, patch) -> body``, where Azure doesn't merge all of it
    merge: Callable[[Json, Json], Json] | None = None
    #: whether PATCH stores what ``merge`` makes as it is and answers at once, without ``prepare`` and ``settle``
    merge_now: bool = False
    #: sees a DELETE's query before anything else, also where the resource is gone; what it returns is the answer
    on_delete: Callable[[Azure, Call, ResourceId, Record | None], Answer | None] | None = None
    #: whether a PUT needs no body
    bodiless: bool = False
    #: filter and order of list, ``(azure, call, records) -> records``; None: by name
    listing: Callable[[Azure, Call, list[Record]], list[Record]] | None = None
    #: what GET of one resource shows besides, by the request's query (``$expand``), ``(azure, call, record, body) -> body``
    expand: Callable[[Azure, Call, Record, Json], Json] | None = None
    #: sees every request to a resource before it is served, and may refuse it, ``(azure, call, id)``
    admit: Callable[[Azure, Call, ResourceId], None] | None = None
    #: whether ``settle`` runs at updates too; False: an update is written at once and shows no state in between
    settle_updates: bool = True
    #: the actions, in lower case, that answer 202: ``settle`` does what they asked for, as after an update
    long_actions: frozenset[str] = frozenset()
    #: what ``provisioningState`` says while a new resource settles
    creating: str = "Creating"


@dataclass(frozen=True)
class Route:
    """Requests that are not an ARM resource: ``host`` and ``path`` are full-match patterns, case-insensitive."""

    host: re.Pattern[str]
    path: re.Pattern[str]
    handle: Callable[[Azure, Call], Awaitable[Answer]]
    methods: tuple[str, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
    #: whether a bearer token of local Azure is required (401 without)
    authenticated: bool = True
    #: of a list in a subscription: whether ``handle`` leaves out what the caller may not read
    filtered: bool = False
    #: whether a body is somebody's own, and isn't read as JSON
    opaque: bool = False
