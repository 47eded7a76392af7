"""A documented request and what Azure's documentation answers it: read from a file, brought to local Azure's ids. Pure.

A file is ``{"request": {"method", "url", "body"}, "response200": …}``: the examples of Azure's REST specifications as the
official SDKs carry them, grouped in one folder per provider. An example without ``responseNNN`` documents that the
request succeeds, and no body.

What the documentation leaves open is decided here, for every example alike:

- whatever subscription an example names is local Azure's one;
- a scope that is no path of Azure's (``/scope/providers/…``) stands for any scope: a resource group's;
- ``$skiptoken`` is left out: a token is what an earlier answer gave, and there was none;
- a query parameter with the placeholder ``string`` for a value stands for one that isn't given, and an ``offset`` into a list
  of one is none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from local.replay.learning import fitted
from local.replay.placeholder import filled, named
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json = dict[str, Any]

#: The resource group that stands for a scope which an example leaves open.
ANY_SCOPE = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/replay"
_SUBSCRIPTION = re.compile(r"(^|/)(subscriptions)/(?!providers|resource)[^/?]+", re.IGNORECASE)
_RESPONSE = re.compile(r"response(\d{3})")
_SCOPED = re.compile(r"/(?:subscriptions|providers|tenants)(?:/|$)", re.IGNORECASE)
#: The subscription as a scope of the tenant, as some services write it.
_TENANT_SUBSCRIPTION = re.compile(r"^/providers/Microsoft\.Subscription/(?=subscriptions/)", re.IGNORECASE)
_NOT_GIVEN = "string"


class ExampleError(Exception):
    """A file isn't an example; the message says which and why."""


@dataclass(frozen=True)
class Example:
    """One documented request and its documented answers by status."""

    provider: str
    name: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    documented: Mapping[int, Any] = field(default_factory=dict[int, Any])

    @property
    def title(self) -> str:
        """How people find the file."""
        return f"{self.provider}/{self.name}"

    @property
    def namespace(self) -> str:
        """The provider that is asked, ``Microsoft.Storage``; empty for what is in none."""
        found = re.findall(r"/providers/([^/]+)", self.path, re.IGNORECASE)
        return found[-1] if found else ""

    @property
    def answer(self) -> Any:
        """The documented body of success, or None."""
        return next((body for status, body in sorted(self.documented.items()) if status < 300), None)


def read(file: Path) -> Example:
    """Reads one file.

    Raises:
        ExampleError: it isn't an example.
    """
    try:
        content = json.loads(file.read_text())
        request = content["request"]
        method, url, body = str(request["method"]).upper(), str(request["url"]), request.get("body")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExampleError(
            f"{file} is no example: it needs request.method and request.url ({error})."
        ) from None
    path, query = _address(url)
    documented = {
        int(found[1]): fitted(filled(here(value), path), path)
        for key, value in content.items()
        if (found := _RESPONSE.fullmatch(key))
    }
    return Example(
        file.parent.name, file.stem, method, path, query, fitted(filled(here(body), path), path), documented
    )


def read_all(folder: Path) -> list[Example]:
    """All examples below a folder, in order.

    Raises:
        ExampleError: there are none, or a file isn't one.
    """
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise ExampleError(f"There are no examples (*.json) in {folder}.")
    return [read(file) for file in files]


def _address(url: str) -> tuple[str, dict[str, str]]:
    url = re.sub(r"^https?://[^/]+", "", url)
    path, _, rest = url.partition("?")
    path = _TENANT_SUBSCRIPTION.sub("/", unquote(path).rstrip("/"))
    if not _SCOPED.match(path):
        found = re.search(r"/providers/", path, re.IGNORECASE)
        path = ANY_SCOPE + path[found.start() :] if found else path
    query = {
        key: value
        for key, value in parse_qsl(rest, keep_blank_values=True)
        if key.lower() not in ("$skiptoken", "offset") and value != _NOT_GIVEN
    }
    return named(str(here(path))), query


def here(value: Any) -> Any:
    """A documented value with local Azure's subscription in its ids."""
    if isinstance(value, str):
        return _SUBSCRIPTION.sub(rf"\1\2/{SUBSCRIPTION_ID}", value) if "ubscriptions/" in value else value
    if isinstance(value, list):
        return [here(item) for item in value]
    if isinstance(value, dict):
        return {str(here(key)): here(item) for key, item in value.items()}
    return value
