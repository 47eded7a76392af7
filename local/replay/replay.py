"""Replays an example: makes what it needs, sends it, and judges the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from local.azure.errors import ArmError
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.replay import learning
from local.replay.arising import ARISING
from local.replay.comparison import Difference, Terms, differences, statuses, type_of
from local.replay.preparation import Preparation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.replay.example import Example
    from local.replay.preparation import Library
    from local.replay.world import Reply, World

Judgement = Literal["ok", "unsupported", "wrong"]
_CODE = "NotSupportedByLocalAzure"


@dataclass(frozen=True)
class Verdict:
    """What came of an example. ``reasons``: one line each; why it is wrong, or what isn't supported."""

    example: Example
    judgement: Judgement
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aim:
    """What a path asks for: a resource, or what is called ``below`` (a list or an action) of a scope or a resource."""

    resource: str | None
    scope: str = ""
    below: str = ""


def aim(path: str) -> Aim:
    """Takes a path apart."""
    try:
        parse(path)
    except ArmError:
        scope, _, name = path.rpartition("/")
        return Aim(None, scope, name)
    return Aim(path)


async def replay_one(world: World, library: Library, example: Example, terms: Terms) -> Verdict:
    """Replays one example in an emptied world.

    A PUT creates or updates: one whose answer shows what the request doesn't say is replayed on a resource that is there.
    What others read or change was made from what is documented of it: with what is known to be writable first, then with more.
    """
    world.clear()
    if (asked := await _send(world, example)).status == 501:
        # What isn't served isn't for want of anything: nothing need be made to learn it.
        return _refused(example, asked)
    verdict = await _attempt(world, library, example, terms, exists=False)
    if verdict.judgement == "wrong" and example.method != "PUT":
        library.open = True
        again = await _attempt(world, library, example, terms, exists=False)
        library.open = False
        verdict = again if again.judgement == "ok" else verdict
    if verdict.judgement == "wrong" and example.method == "PUT" and example.answer is not None:
        for before in (example.answer, None):
            again = await _attempt(world, library, example, terms, exists=True, before=before)
            if again.judgement == "ok":
                return again
    return verdict


async def _attempt(
    world: World, library: Library, example: Example, terms: Terms, *, exists: bool, before: Any = None
) -> Verdict:
    """One try. ``exists``: with the resource made first, as ``before`` shows it, or the least of its type."""
    world.clear()
    preparation = Preparation(world, library)
    target = aim(example.path)
    try:
        if exists and target.resource is not None:
            await preparation.parents(target.resource)
            await preparation.make(target.resource, before)
        await _prepare(preparation, example, target)
        example = _renamed(example, preparation.names)
        target = aim(example.path)
        first = await _send(world, example)
        if first.status == 501:
            return _refused(example, first)
        reasons = await _judge(world, example, target, first, terms)
    except TimeoutError:
        reasons = ["an operation doesn't end"]
    if not reasons:
        return Verdict(example, "ok")
    if (said := _not_makeable(preparation, example, target)) is not None:
        return Verdict(example, "unsupported", (said,))
    notes = [f"(not made: {path}: {why})" for path, why in list(preparation.failures.items())[:2]]
    return Verdict(example, "wrong", (*reasons, *notes))


def _not_makeable(preparation: Preparation, example: Example, target: Aim) -> str | None:
    """What local Azure doesn't support (501) of the resources that an example shows or asks for, if any."""
    wanted = [path for path, _ in elements(example)] if target.resource is None else [target.resource]
    for path in wanted:
        for missing, said in preparation.unsupported.items():
            if f"{path.lower()}/".startswith(f"{missing}/"):
                return said
    return None


def _renamed(example: Example, names: Mapping[str, str]) -> Example:
    """An example that asks for what Azure named itself, by that name."""
    path = example.path
    for documented, name in names.items():
        path = re.sub(rf"(?<=/){re.escape(documented)}(?=/|$)", name, path)
    if path == example.path:
        return example
    documented = {status: renamed(body, names) for status, body in example.documented.items()}
    return replace(example, path=path, documented=documented)


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A documented body with the names that Azure gave."""
    if isinstance(value, str):
        for documented, name in names.items():
            value = re.sub(rf"(^|/){re.escape(documented)}(?=/|$)", rf"\g<1>{name}", value)
        return value
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: renamed(item, names) for key, item in value.items()}
    return value


async def _send(world: World, example: Example) -> Reply:
    return await world.send(example.method, example.path, example.query, example.body)


def _refused(example: Example, reply: Reply) -> Verdict:
    return Verdict(example, "unsupported" if reply.code == _CODE else "wrong", (reply.error,))


async def _prepare(preparation: Preparation, example: Example, target: Aim) -> None:
    await preparation.needed(learning.needed(example.path))
    if target.resource is not None and example.method == "POST":
        scope, _, below = target.resource.rpartition("/")
        await _prepare_below(preparation, example, Aim(None, scope.rpartition("/")[0], below))
    elif target.resource is not None:
        await preparation.parents(target.resource)
        if example.method == "PATCH":
            await preparation.make(target.resource, _before(example.answer, example.body))
        elif example.method != "PUT" or parse(target.resource).type.lower() in ARISING:
            await preparation.make(target.resource, example.answer)
        if example.answer is not None and example.method != "DELETE":
            if example.method == "PUT" and preparation.refers(target.resource, example.answer):
                await preparation.make(target.resource, example.body)
            await preparation.referring(target.resource, example.answer)
    else:
        await _prepare_below(preparation, example, target)
    await preparation.refer(example.body, but=example.path)
    await preparation.send(learning.before(example.method, example.path), example.query)


async def _prepare_below(preparation: Preparation, example: Example, target: Aim) -> None:
    """Makes what a list shows, and what an action needs."""
    await _prepare_scope(preparation, target.scope)
    if example.method in ("GET", "POST"):
        for path, item in elements(example):
            await preparation.make(path, item)
            await preparation.referring(path, item)
            if target.below.lower().startswith("deleted") and "deleted" not in path.lower():
                await preparation.send([("DELETE", path)], example.query)
    if target.scope.count("/") > 7:
        await preparation.before(target.scope, target.below, example.body)


async def _prepare_scope(preparation: Preparation, scope: str) -> None:
    """Makes the resource that a list or an action is below."""
    scope = re.sub(r"/providers/[^/]+$", "", scope, flags=re.IGNORECASE)
    if not scope:
        return
    try:
        parsed = parse(scope)
    except ArmError:
        return
    if parsed.type == SUBSCRIPTION:
        return
    if parsed.type != RESOURCE_GROUP:
        await preparation.parents(scope)
    await preparation.make(scope)


def _before(answer: Any, patch: Any) -> Any:
    """A documented resource as it was before a PATCH: without the values that the PATCH sets."""
    if not isinstance(answer, dict) or not isinstance(patch, dict):
        return answer
    before: dict[str, Any] = {}
    for key, value in answer.items():
        if key not in patch or key == "identity":
            before[key] = value
        elif isinstance(value, dict) and isinstance(patch[key], dict):
            before[key] = _before(value, patch[key])
        elif key in ("location", "kind", "sku"):
            before[key] = value
    return before


def elements(example: Example) -> list[tuple[str, Any]]:
    """The documented elements of a list, each with the id it has there: that of the asked scope where it names another."""
    answer = example.answer
    value = answer.get("value") if isinstance(answer, dict) else answer
    # What is POSTed to a list (``queries/search``) shows the list's elements.
    searched = example.method == "POST" and aim(example.path).resource is not None
    collection = example.path.rpartition("/")[0] if searched else example.path
    return [
        (path, item)
        for item in (value if isinstance(value, list) else [])
        if isinstance(item, dict) and (path := _place(collection, item)) is not None
    ]


def _place(collection: str, item: dict[str, Any]) -> str | None:
    """Where an element of a list lives."""
    text, name = item.get("id"), item.get("name")
    kind = re.split(r"/providers/", collection, flags=re.IGNORECASE)[-1].split("/")
    try:
        parsed = parse(text) if isinstance(text, str) and text.startswith("/") else None
    except ArmError:
        parsed = None
    if parsed is not None:
        own = "/".join([kind[0], *kind[1::2]]).lower()
        group = re.match(r"/subscriptions/[^/]+/resourceGroups/[^/]+", collection, re.IGNORECASE)
        if parsed.type.lower() != own or (group is None and len(kind) == 2):
            return parsed.text
        return f"{collection}/{parsed.name}"
    if isinstance(name, str) and re.search(r"/resourceGroups/[^/]+/providers/", collection, re.IGNORECASE):
        return f"{collection}/{name}"
    if isinstance(name, str) and re.match(r"/subscriptions/[^/]+/providers/[^/]+/[^/]+$", collection):
        return f"{collection.replace('/providers/', '/resourceGroups/replay/providers/', 1)}/{name}"
    return None


async def _judge(world: World, example: Example, target: Aim, first: Reply, terms: Terms) -> list[str]:
    began = "Azure-AsyncOperation" in first.headers or (first.status == 202 and "Location" in first.headers)
    allowed = statuses(example.method, example.documented, began=began)
    if first.status not in allowed:
        return [
            f"answered {first.error}; documented: {', '.join(map(str, sorted(example.documented) or ['success']))}"
        ]
    last = first
    if began:
        ended = await world.follow(first)
        if ended.status >= 400:
            return [f"the operation failed: {ended.error}"]
        if example.method in ("PUT", "PATCH") and target.resource is not None:
            last = await world.send("GET", example.path, example.query)
        elif example.method == "POST" and "Location" in first.headers:
            last = await world.follow(_only_location(first))
    if example.answer is None:
        return []
    if last.status >= 300:
        return [f"afterwards answered {last.error}"]
    if last.body is None:
        return ["answered no body; one is documented"]
    requested = example.body if example.method in ("PUT", "PATCH") else None
    if isinstance(requested, dict):
        requested = {key: value for key, value in requested.items() if key not in ("id", "name", "type")}
    found = differences(_fair(example, target), last.body, requested, terms)
    found += _identity(example, target, last.body)
    return [str(difference) for difference in found]


def _fair(example: Example, target: Aim) -> Any:
    """The documented answer, less what contradicts the documented request.

    - A resource's answer has the resource's own id: one that is documented with the id of another type, or with no id of
      Azure's, is asked about with its own. For the same reason a name and an id in a request's body set nothing.
    - A storage account that shows no second region has no status of one.
    - Tags are the client's: none can be in the answer to a PUT that didn't send them.
    """
    answer = example.answer
    if not isinstance(answer, dict) or target.resource is None:
        return answer
    fair = dict(answer)
    asked, documented = parse(target.resource), str(answer.get("id") or "/")
    shown = type_of(documented)
    if not documented.startswith("/") or (shown is not None and shown.lower() != asked.type.lower()):
        fair["id"] = asked.text
    properties = fair.get("properties")
    if isinstance(properties, dict) and "secondaryLocation" not in properties:
        fair["properties"] = {key: value for key, value in properties.items() if key != "statusOfSecondary"}
    sent = example.body.get("tags") if isinstance(example.body, dict) else None
    if example.method == "PUT" and isinstance(fair.get("tags"), dict):
        fair["tags"] = {key: value for key, value in fair["tags"].items() if key in (sent or {})}
        if not fair["tags"] and answer["tags"]:
            del fair["tags"]
    return fair


def _only_location(first: Reply) -> Reply:
    return replace(first, headers={"Location": first.headers["Location"]})


def _identity(example: Example, target: Aim, body: Any) -> list[Difference]:
    """A resource's own id is the one asked for, where the documentation says so too."""
    documented = example.answer.get("id") if isinstance(example.answer, dict) else None
    answered = body.get("id") if isinstance(body, dict) else None
    if target.resource is None or not isinstance(documented, str) or not isinstance(answered, str):
        return []
    if (
        documented.strip("/").lower() != target.resource.strip("/").lower()
        or answered.lower() == target.resource.lower()
    ):
        return []
    return [Difference("id", f"asked for {target.resource}, answered {answered}")]
