"""Shared access signatures that ARM hands out: ``ListAccountSas`` and ``ListServiceSas``. Pure.

The strings are signed as version 2015-04-05, which is what ARM uses and what every storage service still takes.
Source: Microsoft Learn, "Create an account SAS" and "Create a service SAS", and the REST reference of both actions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.azure.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = "2015-04-05"
_FRACTION = re.compile(r"\.\d+")
_RESOURCES = {"b": "blob", "c": "blob", "f": "file", "s": "file"}


def account_sas(account: str, key: str, given: Mapping[str, Any]) -> str:
    """A signature for an account's services.

    Raises:
        ArmError: 400, something needed is missing.
    """
    _need(given, "signedServices", "signedResourceTypes", "signedPermission", "signedExpiry")
    start, expiry = _time(given.get("signedStart")), _time(given["signedExpiry"])
    protocol = str(given.get("signedProtocol") or "")
    ip = str(given.get("signedIp") or "")
    fields = (
        account,
        given["signedPermission"],
        given["signedServices"],
        given["signedResourceTypes"],
        start,
        expiry,
        ip,
        protocol,
        _VERSION,
        "",
    )
    return _token(
        ("sv", _VERSION),
        ("ss", given["signedServices"]),
        ("srt", given["signedResourceTypes"]),
        ("st", start),
        ("se", expiry),
        ("sp", given["signedPermission"]),
        ("sip", ip),
        ("spr", protocol),
        ("sig", _sign(key, fields)),
    )


def service_sas(account: str, key: str, given: Mapping[str, Any]) -> str:
    """A signature for one container, blob, share, file, queue or table.

    Raises:
        ArmError: 400, something needed is missing, or the resource is another account's.
    """
    _need(given, "canonicalizedResource")
    resource = str(given["canonicalizedResource"])
    service, _, rest = resource.strip("/").partition("/")
    if rest.partition("/")[0] != account or service not in ("blob", "file", "queue", "table"):
        raise bad_request(
            f"The canonicalizedResource '{resource}' must begin with /blob/{account}/, /file/, /queue/ or /table/.",
            code="InvalidValuesForRequestParameters",
        )
    kind = str(given.get("signedResource") or "")
    if service in ("blob", "file") and _RESOURCES.get(kind) != service:
        raise bad_request(
            f"The signedResource '{kind}' is none of the {service} service's.",
            code="InvalidValuesForRequestParameters",
        )
    if not given.get("signedIdentifier"):
        _need(given, "signedPermission", "signedExpiry")
    permission = str(given.get("signedPermission") or "")
    start, expiry = _time(given.get("signedStart")), _time(given.get("signedExpiry"))
    ip, protocol = str(given.get("signedIp") or ""), str(given.get("signedProtocol") or "")
    identifier = str(given.get("signedIdentifier") or "")
    names = {
        "blob": ("rscc", "rscd", "rsce", "rscl", "rsct"),
        "file": ("rscc", "rscd", "rsce", "rscl", "rsct"),
        "table": ("startPk", "startRk", "endPk", "endRk"),
    }.get(service, ())
    rest_values = [str(given.get(name) or "") for name in names]
    fields = (permission, start, expiry, resource, identifier, ip, protocol, _VERSION, *rest_values)
    where = ("tn", rest.partition("/")[2]) if service == "table" else ("sr", kind)
    return _token(
        ("sv", _VERSION),
        where,
        ("st", start),
        ("se", expiry),
        ("sp", permission),
        ("si", identifier),
        ("sip", ip),
        ("spr", protocol),
        *((name.lower(), value) for name, value in zip(names, rest_values, strict=True)),
        ("sig", _sign(key, fields)),
    )


def key_number(given: Mapping[str, Any]) -> int:
    """Which key signs.

    Raises:
        ArmError: 400, there is no such key.
    """
    wanted = given.get("keyToSign") or "key1"
    if wanted not in ("key1", "key2"):
        raise bad_request(
            f"The key '{wanted}' is not key1 or key2.", code="InvalidValuesForRequestParameters"
        )
    return int(wanted[-1])


def _need(given: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if not given.get(name)]
    if missing:
        raise bad_request(
            f"Values for request parameters are invalid: {', '.join(missing)}.",
            code="InvalidValuesForRequestParameters",
        )


def _time(given: Any) -> str:
    return _FRACTION.sub("", str(given)).replace("+00:00", "Z") if given else ""


def _sign(key: str, fields: tuple[Any, ...]) -> str:
    text = "\n".join(str(field) for field in fields)
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def _token(*pairs: tuple[str, Any]) -> str:
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs if value)
