"""ARM ids: read, taken apart, put together. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.resource_type import ResourceId

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBSCRIPTION = "Microsoft.Resources/subscriptions"
RESOURCE_GROUP = "Microsoft.Resources/resourceGroups"

_SPLIT_PROVIDERS = re.compile(r"/providers/", re.IGNORECASE)


def parse(text: str) -> ResourceId:
    """An ARM id, taken apart.

    Raises:
        ArmError: 400, it is no id of a subscription, a resource group or a resource.
    """
    path = "/" + text.strip("/")
    scope, *extensions = _SPLIT_PROVIDERS.split(path)
    if path.lower().startswith("/providers/"):
        # A resource of the tenant: "/providers/Microsoft.X/…"
        scope, extensions = "", _SPLIT_PROVIDERS.split(path)[1:]
    subscription, group = _scope(scope, path)
    if not extensions:
        if group is not None:
            return ResourceId(path, subscription, group, RESOURCE_GROUP, (group,))
        if subscription:
            return ResourceId(path, subscription, None, SUBSCRIPTION, (subscription,))
        raise _no_id(path)
    namespace, *rest = extensions[-1].split("/")
    if not namespace or not rest or len(rest) % 2 or not all(rest):
        raise _no_id(path)
    return ResourceId(path, subscription, group, "/".join([namespace, *rest[::2]]), tuple(rest[1::2]))


def _scope(scope: str, path: str) -> tuple[str, str | None]:
    if not scope:
        return "", None
    match [part for part in scope.split("/") if part]:
        case [first, subscription] if first.lower() == "subscriptions":
            return subscription, None
        case [first, subscription, second, group] if (first.lower(), second.lower()) == (
            "subscriptions",
            "resourcegroups",
        ):
            return subscription, group
        case _:
            raise _no_id(path)


def _no_id(path: str) -> Exception:
    return bad_request(f"The path '{path}' is not the id of a resource.", code="InvalidResourceId")


def resource_group_id(subscription_id: str, group: str) -> str:
    """The id of a resource group."""
    return f"/subscriptions/{subscription_id}/resourceGroups/{group}"


def join(scope: str, resource_type: str, names: Sequence[str]) -> str:
    """The id of a resource of ``resource_type`` (``Microsoft.X/parents/children``) in or on ``scope``."""
    namespace, *types = resource_type.split("/")
    pairs = "".join(f"/{kind}/{name}" for kind, name in zip(types, names, strict=True))
    return f"{scope}/providers/{namespace}{pairs}"
