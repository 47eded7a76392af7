"""The Shared Key signature of Azure Storage's blob, queue and table services. Pure.

Source: Microsoft Learn, "Authorize with Shared Key", 2009-09-19 version and later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def authorization(
    account: str, key: str, *, method: str, path: str, query: str, headers: Mapping[str, str]
) -> str:
    """The ``Authorization`` header.

    Args:
        account: the account's name.
        key: its key, base64.
        method: the verb.
        path: the path as it is sent, encoded.
        query: the query string as it is sent, encoded.
        headers: all headers that are sent; ``x-ms-date`` must be among them.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    fields = [lower.get(name, "") for name in _SIGNED]
    if fields[2] == "0":
        fields[2] = ""
    if "x-ms-date" in lower:
        fields[5] = ""
    own = [
        f"{name}:{' '.join(value.split())}"
        for name, value in sorted(lower.items())
        if name.startswith("x-ms-")
    ]
    text = "\n".join([method.upper(), *fields, *own, _resource(account, path, query)])
    signature = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(signature).decode()}"


def table_authorization(
    account: str, key: str, *, method: str, path: str, query: str, headers: Mapping[str, str]
) -> str:
    """The ``Authorization`` header of the table service, which signs less. Arguments as of ``authorization``."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    operation = [
        value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name == "comp"
    ]
    resource = f"/{account}{path}{f'?comp={unquote_plus(operation[0])}' if operation else ''}"
    text = "\n".join(
        [
            method.upper(),
            lower.get("content-md5", ""),
            lower.get("content-type", ""),
            lower.get("x-ms-date") or lower.get("date", ""),
            resource,
        ]
    )
    signature = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(signature).decode()}"


def _resource(account: str, path: str, query: str) -> str:
    values: dict[str, list[str]] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        values.setdefault(unquote_plus(name).lower(), []).append(unquote_plus(value.replace("+", "%2B")))
    lines = [f"{name}:{','.join(sorted(found))}" for name, found in sorted(values.items())]
    return "\n".join([f"/{account}{path}", *lines])
