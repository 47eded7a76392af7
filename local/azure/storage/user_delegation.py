"""Keys of users that sign for blobs, and the SAS that they sign (``az … --as-user``, ``get_user_delegation_key`` of the SDKs).

``POST /?restype=service&comp=userdelegationkey`` gives a user a key for a time, seven days at most, with which a client signs a
SAS. What comes with one is checked here: its signature and times; what its user's roles permit is checked by ``storage_data``.
Then it is signed anew as a service SAS, whose permissions, addresses and headers Azurite holds to. Omitted: directories,
SAS for one user's tokens (``sduoid``) and for certain headers and parameters (``srh``, ``srq``): 501.

Source: REST reference "Get User Delegation Key", "Create a user delegation SAS".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

from local.azure.errors import ArmError, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = timedelta(days=7)
#: What a key is of, in the order in which it is derived from them.
_KEY = ("skoid", "sktid", "skt", "ske", "sks", "skv")
#: The version that a SAS is signed anew for.
_VERSION = "2021-12-02"
_HEADERS = ("rscc", "rscd", "rsce", "rscl", "rsct")
#: All parameters of a SAS of a user.
_SAS = frozenset(
    {*_KEY, *_HEADERS, "sp", "st", "se", "sip", "spr", "sv", "sr", "ses", "sig", "sdd"}
    | {"saoid", "suoid", "scid", "skdutid", "sduoid", "srh", "srq"}
)


def _digest(secret: str, text: str) -> bytes:
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256)


def _sign(key: bytes, parts: list[str]) -> str:
    return base64.b64encode(hmac.digest(key, "\n".join(parts).encode(), hashlib.sha256)).decode()


def answer(content: bytes, *, user: str, tenant: str, version: str, secret: str, now: datetime) -> bytes:
    """The key that a request asks for, as XML.

    Args:
        content: the request's ``KeyInfo``.
        user: who signs: an object id.
        tenant: the user's tenant.
        version: the request's ``x-ms-version``.
        secret: what keys are derived from.
        now: the current time.

    Raises:
        ArmError: 400, its times are none, or too far away.
    """
    try:
        given = ET.fromstring(content)  # noqa: S314 (a few hundred bytes of a signed-in user's)
        start, end = given.findtext("Start") or f"{now:%Y-%m-%dT%H:%M:%SZ}", given.findtext("Expiry") or ""
        begin, until = _time(start), _time(end)
    except (ET.ParseError, ValueError):
        raise ArmError(
            400,
            "InvalidXmlDocument",
            "The XML specified is not syntactically valid: KeyInfo needs its times.",
        ) from None
    if until <= begin or until > now + _LONGEST:
        raise ArmError(
            400,
            "InvalidXmlNodeValue",
            "Expiry must be after Start and within seven days of the present time.",
        )
    parts = (user, tenant, start, end, "b", version)
    value = base64.b64encode(_digest(secret, "\n".join(parts))).decode()
    names = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion")
    inner = "".join(f"<{name}>{part}</{name}>" for name, part in zip(names, parts, strict=True))
    return (
        f'<?xml version="1.0" encoding="utf-8"?><UserDelegationKey>{inner}<Value>{value}</Value></UserDelegationKey>'
    ).encode()


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def service_query(
    query: Mapping[str, str], raw: str, *, account: str, path: str, secret: str, key: str, now: datetime
) -> str:
    """The query of a request with a SAS of a user, with a service SAS in its place.

    Args:
        query: the request's parameters.
        raw: the same, as they came.
        account: the account's name.
        path: the request's path, unquoted.
        secret: what keys of users are derived from.
        key: the account's key (base64).
        now: the current time.

    Raises:
        ArmError: 403, it isn't signed by the user's key, or not for now; 501.
    """
    for name, what in (("srh", "headers"), ("srq", "parameters"), ("sduoid", "one user's tokens")):
        if query.get(name):
            raise unsupported(f"A user delegation SAS for {what}")
    kind = query.get("sr", "")
    if kind not in ("b", "c", "bs"):
        raise unsupported(f"A user delegation SAS for '{kind}'")
    if not _signed(query, account, path, secret) or not _holds(query, now):
        raise ArmError(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of the Authorization header is formed "
            "correctly including the signature.",
        )
    new = {
        name: query[name]
        for name in ("sp", "st", "se", "sip", "spr", "sr", "ses", *_HEADERS)
        if name in query
    }
    new["sv"] = _VERSION
    parts = [
        new.get("sp", ""),
        new.get("st", ""),
        new.get("se", ""),
        _resource(query, account, path),
        "",
        new.get("sip", ""),
        new.get("spr", ""),
        _VERSION,
        kind,
        query.get("snapshot", "") if kind == "bs" else "",
        new.get("ses", ""),
        *(new.get(name, "") for name in _HEADERS),
    ]
    new["sig"] = _sign(base64.b64decode(key), parts)
    rest = [pair for pair in raw.split("&") if pair.partition("=")[0].lower() not in _SAS]
    return "&".join([*rest, *(f"{name}={quote(value, safe='')}" for name, value in new.items())])


def _resource(query: Mapping[str, str], account: str, path: str) -> str:
    whole = path.strip("/")
    return f"/blob/{account}/{whole.partition('/')[0] if query.get('sr') == 'c' else whole}"


def _signed(query: Mapping[str, str], account: str, path: str, secret: str) -> bool:
    """Whether the user's key signed it, by the rules of any version of the service."""
    key = _digest(secret, "\n".join(query.get(name, "") for name in _KEY))
    first = [*(query.get(name, "") for name in ("sp", "st", "se")), _resource(query, account, path)]
    first += [query.get(name, "") for name in (*_KEY, "saoid", "suoid", "scid")]
    kind = query.get("sr", "")
    middle = [query.get(name, "") for name in ("sip", "spr", "sv")]
    middle += [kind, query.get("snapshot", "") if kind == "bs" else "", query.get("ses", "")]
    last = [query.get(name, "") for name in _HEADERS]
    forms = (
        [*first, *middle, *last],  # 2020-12-06
        [*first, "", "", *middle, *last],  # 2025-07-05
        [*first, "", "", *middle, "", "", *last],  # 2026-04-06
    )
    given = query.get("sig", "")
    return any(hmac.compare_digest(_sign(key, form), given) for form in forms)


def _holds(query: Mapping[str, str], now: datetime) -> bool:
    try:
        return _time(query["skt"]) <= now <= _time(query["ske"]) and query["sks"] == "b"
    except (KeyError, ValueError):
        return False
