"""Microsoft.Resources/tags: the tags of any scope, read and changed without the rest of it.

Scope: GET, PUT (all tags), PATCH (``Merge``, ``Replace``, ``Delete``) and DELETE of ``{scope}/providers/Microsoft.Resources/tags/default``
for the subscription, resource groups and resources. ``tagNames`` of
a subscription sums up what is used. Omitted: tag names that are defined beforehand.

Source: REST reference "Tags"; Microsoft Learn, "Tag resources in Azure": 50 tags, names to 512 characters, values to 256.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from local.azure.arm_rule import no_group
from local.azure.errors import bad_request, not_found, unsupported
from local.azure.resource_id import RESOURCE_GROUP, parse
from local.azure.resource_type import Answer, Call, Json, Record, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure

_LIMIT, _NAME_LIMIT, _VALUE_LIMIT = 50, 512, 256


def changed(old: Json, patch: Json) -> Json:
    """The tags after a PATCH.

    Raises:
        ArmError: 400, the operation is none.
    """
    given = _tags(patch)
    match str(patch.get("operation", "")).lower():
        case "merge":
            return _checked({**old, **given})
        case "replace":
            return _checked(given)
        case "delete":
            return {key: value for key, value in old.items() if key not in given or given[key] != value}
        case _:
            raise bad_request(
                f"The operation '{patch.get('operation')}' is none of Merge, Replace and Delete.",
                code="InvalidTagsPatch",
            )


def _tags(body: Any) -> Json:
    tags = (body.get("properties") or {}).get("tags") if isinstance(body, dict) else None
    if not isinstance(tags, dict):
        raise bad_request(
            "The request content needs properties.tags, an object.", code="InvalidRequestContent"
        )
    return tags


def _checked(tags: Json) -> Json:
    check(tags)
    if wrong := next((name for name, value in tags.items() if not isinstance(value, str)), None):
        raise bad_request(f"The value of the tag '{wrong}' is no text.", code="InvalidTagValue")
    return tags


def check(tags: Any) -> None:
    """Refuses tags that no scope and no resource can have: too many, too long, or with reserved characters.

    Raises:
        ArmError: 400.
    """
    if not isinstance(tags, dict):
        return
    if len(tags) > _LIMIT:
        raise bad_request(
            f"There are {len(tags)} tags; a scope has {_LIMIT} at most.", code="InvalidTagCount"
        )
    for name, value in tags.items():
        if not 0 < len(name) <= _NAME_LIMIT:
            raise bad_request(
                f"Tag key too large. Following tag name '{name}' exceeded the maximum length. Maximum allowed length for tag "
                f"name - '{_NAME_LIMIT}' characters.",
                code="InvalidTagName",
            )
        # Azure's own tags name resources.
        if set(name) & set("<>%&\\?/") and not name.lower().startswith(("hidden-", "link:")):
            raise bad_request(
                f"The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control characters.",
                code="InvalidTagNameCharacters",
            )
        if isinstance(value, str) and len(value) > _VALUE_LIMIT:
            raise bad_request(
                f"Tag value too large. Following tag value '{value}' exceeded the maximum length. Maximum allowed length for "
                f"tag value - '{_VALUE_LIMIT}' characters.",
                code="InvalidTagValueLength",
            )


def _scope(azure: Azure, call: Call) -> Record:
    parsed = parse(call.captured["scope"])
    record = azure.store.get(parsed.text)
    if record is None:
        raise no_group(parsed.name) if parsed.type == RESOURCE_GROUP else not_found(parsed.text)
    return record


async def _serve(azure: Azure, call: Call) -> Answer:
    record = _scope(azure, call)
    tags: Json = dict(record.body.get("tags") or {})
    match call.method:
        case "PUT":
            tags = _checked(_tags(call.body))
        case "PATCH":
            tags = changed(tags, call.body if isinstance(call.body, dict) else {})
        case "DELETE":
            tags = {}
        case _:
            pass
    if call.method != "GET":
        azure.store.put(record.id, {**record.body, "tags": tags}, by=call.principal_id or "")
    if call.method == "DELETE":
        return Answer(200)
    return Answer(
        200,
        {
            "id": f"{record.id}/providers/Microsoft.Resources/tags/default",
            "name": "default",
            "type": "Microsoft.Resources/tags",
            "properties": {"tags": tags},
        },
    )


async def _names(azure: Azure, call: Call) -> Answer:
    """Which tags a subscription's resources have, and how many have them (``Tags_List``)."""
    scope = f"/subscriptions/{parse(call.path.rpartition('/')[0]).subscription_id}"
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in [azure.store.get(scope), *azure.store.below(scope)]:
        for name, value in ((record.body.get("tags") or {}) if record is not None else {}).items():
            counts[name][str(value)] += 1

    def total(number: int) -> Json:
        return {"type": "Total", "value": number}

    value: list[Json] = [
        {
            "id": f"{scope}/tagNames/{name}",
            "tagName": name,
            "count": total(counts[name].total()),
            "values": [
                {"id": f"{scope}/tagNames/{name}/tagValues/{text}", "tagValue": text, "count": total(number)}
                for text, number in sorted(counts[name].items())
            ],
        }
        for name in sorted(counts)
    ]
    return Answer(200, {"value": value})


async def _predefined(_azure: Azure, _call: Call) -> Answer:
    raise unsupported("A predefined tag of a subscription (tagNames)")


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/tagNames", re.IGNORECASE),
        _names,
        ("GET",),
    ),
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(r"/subscriptions/[^/]+/tagNames/.+", re.IGNORECASE),
        _predefined,
        ("PUT", "DELETE"),
    ),
    Route(
        re.compile(r"management\.azure\.com"),
        re.compile(
            r"(?P<scope>/subscriptions/.+)/providers/Microsoft\.Resources/tags/default", re.IGNORECASE
        ),
        _serve,
        ("GET", "PUT", "PATCH", "DELETE"),
    ),
)
