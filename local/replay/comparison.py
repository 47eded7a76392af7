"""Whether an answer is what Azure's documentation answers. Pure.

Every documented key must be there, with the documented JSON type; what the request set must come back as documented;
enumerations must be spelled as Azure spells them; ids, GUIDs and times must look like such. Other values are free: a
documentation's names, dates and counters are not anybody else's.

Fair to the documentation, in general:

- a documented ``null`` says nothing: Azure leaves such keys out as it likes;
- ``nextLink`` is there only while there is a next page;
- elements of a list are found by their name (or id) where they have one, by place otherwise; where a documented name is
  unknown here, the element must at least look like one of ours;
- an element that only names a resource of a type which local Azure doesn't serve (a virtual machine's network interface),
  or nothing (a misspelt id), can't be there;
- an element whose id or value is documented as empty stands for any, and for none;
- keys that are ids ignore case, as Azure does;
- tags that a request doesn't set don't come back from it; what is set comes back as sent or as documented;
- a resource's own id and name are those asked for, whatever the documentation calls it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_NOTHING: Any = object()
#: Names of keys whose values come and go with what else is there.
_OPTIONAL = frozenset(
    {
        "nextLink",
        "@odata.nextLink",
        "skipToken",
        "$skipToken",
        # There where a version, a subscription, a failure, a price, a description of the interface is.
        "estimatedVMPrices",
        "swaggerUri",
        "latestVersion",
        "marketplaceSubscriptionId",
        "notebookPreparationError",
    }
)


@dataclass(frozen=True)
class Difference:
    """One way in which an answer isn't as documented. ``key``: where, e.g. ``properties.subnets[default].id``."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key or 'body'}: {self.problem}"


@dataclass(frozen=True)
class Terms:
    """What a comparison goes by."""

    #: whether local Azure serves a resource type
    serves: Callable[[str], bool] = lambda _type: True
    #: the spellings of an enumeration by the name of its key, where it is known: ``key, value -> members or None``
    members: Callable[[str, str], frozenset[str] | None] = lambda _key, _value: None


def differences(
    documented: Any, answered: Any, requested: Any = None, terms: Terms | None = None
) -> list[Difference]:
    """How ``answered`` differs from ``documented``; ``requested`` is the body that set it."""
    comparison = _Comparison(terms or Terms())
    comparison.values(documented, answered, _NOTHING if requested is None else requested, "")
    return comparison.found


class _Comparison:
    """Walks a documented value and the answered one side by side."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.found: list[Difference] = []

    def values(self, documented: Any, answered: Any, requested: Any, key: str) -> None:
        if documented is None:
            return
        if _kind(documented) != _kind(answered):
            self._tell(
                key, f"documented as {_kind(documented)}, answered {_kind(answered)} {_short(answered)}"
            )
        elif isinstance(documented, dict):
            self._objects(documented, answered, requested, key)
        elif isinstance(documented, list):
            self._lists(documented, answered, requested, key)
        elif requested is not _NOTHING and _folded(requested) == _folded(documented):
            if not _same(documented, answered, key) and answered != requested:
                self._tell(key, f"set to {_short(documented)}, answered {_short(answered)}")
        elif isinstance(documented, str):
            problem = self._problem(documented, answered, key)
            if problem is not None:
                self._tell(key, problem)

    def _tell(self, key: str, problem: str) -> None:
        self.found.append(Difference(key, problem))

    def _objects(self, documented: Json, answered: Json, requested: Any, key: str) -> None:
        folded = {name.lower(): name for name in answered}
        for name, value in documented.items():
            if (name == "tags" or key == "tags") and isinstance(requested, dict) and name not in requested:
                continue
            inner = f"{key}.{name}" if key else name
            wanted = requested.get(name, _NOTHING) if isinstance(requested, dict) else _NOTHING
            ours = folded.get(name.lower()) if name.startswith("/") else name if name in answered else None
            if ours is not None and (answered[ours] is not None or name not in _OPTIONAL):
                self.values(value, answered[ours], wanted, inner)
            elif wanted is _NOTHING and _callers(key, name, requested):
                continue
            elif value is not None and name not in _OPTIONAL and not self._only_unserved(value):
                self._tell(inner, f"documented ({_short(value)}), not answered")

    def _lists(self, documented: list[Any], answered: list[Any], requested: Any, key: str) -> None:
        asked = requested if isinstance(requested, list) else []
        if asked and asked == documented and _plain(documented):
            if _folded(documented) != _folded(answered):
                self._tell(key, f"set to {_short(documented)}, answered {_short(answered)}")
            return
        by_name = {name: item for item in answered if (name := name_of(item)) is not None}
        asked_by_name = {name: item for item in asked if (name := name_of(item)) is not None}
        for place, item in enumerate(documented):
            if self._only_unserved(item):
                continue
            name = name_of(item)
            inner = f"{key}[{name if name is not None else place}]"
            wanted = (
                asked_by_name.get(name, _NOTHING)
                if name
                else asked[place]
                if place < len(asked)
                else _NOTHING
            )
            if name is not None and name in by_name:
                self.values(item, by_name[name], wanted, inner)
            elif name is not None and wanted is not _NOTHING:
                self._tell(inner, "set, not answered")
            elif name is None and place < len(answered):
                self.values(item, answered[place], wanted, inner)
            elif not answered and _blank(item):
                continue
            elif not answered:
                self._tell(inner, "documented, but the answered list is empty")
            else:
                self.found += self._closest(item, answered, inner)

    def _closest(self, documented: Any, answered: list[Any], key: str) -> list[Difference]:
        """The differences from the element that looks most like the documented one."""
        tries: list[list[Difference]] = []
        for item in answered:
            one = _Comparison(self._terms)
            one.values(documented, item, _NOTHING, key)
            tries.append(one.found)
        return min(tries, key=len)

    def _only_unserved(self, value: Any) -> bool:
        """Whether a documented value does nothing but name resources of types that aren't served."""
        if isinstance(value, list):
            return bool(value) and all(self._only_unserved(item) for item in value)
        if isinstance(value, dict) and isinstance(named := value.get("id"), str):
            if named.startswith("/subscriptions/") and type_of(named) is None:
                return True  # misspelt ("…/provders/…"), so nowhere
            return any(not self._terms.serves(kind) for kind in _types_of(named))
        return False

    def _problem(self, documented: str, answered: str, key: str) -> str | None:
        """What is wrong with a text that the request didn't set."""
        name = re.sub(r"\[[^]]*\]$", "", key).rsplit(".", 1)[-1]
        if (
            answered != documented
            and answered.lower() == documented.lower()
            and documented.isalnum()
            and not _is_place(key)
        ):
            return f"documented as {_short(documented)}, answered {_short(answered)} (the spelling)"
        members = self._terms.members(name, documented)
        if members is not None and answered not in members:
            return f"{_short(answered)} isn't one of {', '.join(sorted(members))}"
        kind = type_of(documented)
        if kind is not None and (type_of(answered) or "").lower() != kind.lower():
            return f"documented as the id of a {kind}, answered {_short(answered)}"
        shape = next((what for what, looks in _SHAPES if looks(documented)), None)
        if shape is not None and not dict(_SHAPES)[shape](answered):
            return f"documented as a {shape}, answered {_short(answered)}"
        return None


def _blank(item: Any) -> bool:
    """Whether an element stands for any: the documentation leaves what tells it apart empty."""
    return isinstance(item, dict) and any(item.get(key) == "" for key in ("id", "value"))


def name_of(item: Any) -> str | None:
    """What tells an element of a list from the others: its name, else its id; in lower case."""
    if not isinstance(item, dict):
        return None
    for key in ("name", "id"):
        value = item.get(key)
        if isinstance(value, str) and value:
            return value.lower()
    value = item.get("name")
    inner = value.get("value") if isinstance(value, dict) else None
    return inner.lower() if isinstance(inner, str) else None


def type_of(text: str) -> str | None:
    """The resource type of an id, or None for what is no id."""
    if not text.startswith("/") or "/" not in text[1:]:
        return None
    try:
        return parse(text).type
    except ArmError:
        return None


def _types_of(text: str) -> list[str]:
    """The types of a resource and of what it is on."""
    found: list[str] = []
    while (kind := type_of(text)) is not None:
        found.append(kind)
        text = text[: max(text.lower().rfind("/providers/"), 0)]
    return found


def _is_place(key: str) -> bool:
    """Whether a key holds a name or a location, which Azure writes in its own way."""
    return key.lower().endswith(("location", "name", "locations[0]", "id"))


def _same(documented: Any, answered: Any, key: str) -> bool:
    """Whether a value came back. Ids and locations ignore case, and Azure writes them in its own way."""
    if isinstance(documented, str) and (documented.startswith("/") or key.lower().endswith("location")):
        return _folded(documented) == _folded(answered)
    return documented == answered or (_is_time(documented) and _folded(documented) == _folded(answered))


def _callers(key: str, name: str, requested: Any) -> bool:
    """Whether a map's names are the caller's own, and the documentation shows another caller's."""
    return name == "string" or (key.endswith("tags") and isinstance(requested, dict) and bool(requested))


def _plain(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r"\.0+(?=Z$)", "", value).replace(" ", "").lower()
    if isinstance(value, list):
        return [_folded(item) for item in value]
    if isinstance(value, dict):
        return {key.lower(): _folded(item) for key, item in value.items() if item is not None}
    return value


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not _TIME.match(value):
        return False
    try:
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return False
    return True


#: What a text may look like, so that another one must look like it too.
_SHAPES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("GUID", lambda text: _GUID.fullmatch(text) is not None),
    ("time", _is_time),
    ("URL", lambda text: text.startswith(("https://", "http://"))),
)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "object"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def statuses(method: str, documented: Mapping[int, Any], *, began: bool) -> frozenset[int]:
    """The statuses of success that a first answer may have.

    The documented ones and, by ARM's protocol: 201 where a PUT creates, 202 and 201 where an operation ``began``
    (its end is documented); any success where the documentation names none.
    """
    given = frozenset(documented)
    if not given:
        return frozenset({200, 201, 202, 204})
    if min(given) >= 300:
        return given
    # The files know 200 alone for success; the clients of a few types take 201 from PATCH and nothing else.
    more = {"PUT": {200, 201}, "PATCH": {201}, "DELETE": {202}}.get(method, set[int]())
    return given | more | ({201, 202} if began else frozenset[int]())
