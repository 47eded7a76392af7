"""Fields of policy rules: which aliases there are, and where they lead in a body. Pure.

Azure publishes some ten thousand aliases and refuses a definition with any other. ``policy_alias.json`` has those of the types that
local Azure serves, by type; others are refused by name, as it can't be told here whether Azure has them.

Source: the fields of the definitions in Azure/azure-policy and Azure/Azure-Landing-Zones-Library, less those whose path names a variant of a
type; Microsoft Learn, "Author policies for array properties", "Monitor Azure Machine Learning with Azure Policy".
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.azure.resource_type import Json

_ALIASES: Mapping[str, list[str]] = json.loads(
    Path(__file__).with_name("policy_alias.json").read_text(encoding="utf-8")
)
#: Every alias in lower case → its type and its path.
ALIASES: Mapping[str, tuple[str, str]] = {
    f"{kind}/{path}".lower(): (kind, path) for kind, paths in _ALIASES.items() for path in paths
}
#: Fields of every resource, besides tags.
COMMON = frozenset({"name", "fullname", "kind", "type", "location", "id", "identity.type"})
_TAG = re.compile(r"tags(?:\.(?P<plain>[^\[\]]+)|\[(?P<quote>'?)(?P<name>.+?)(?P=quote)\])", re.IGNORECASE)
#: What stands beside ``properties`` and not in it, unless a type has it there too.
_OUTSIDE = frozenset({"sku", "kind", "identity", "zones", "plan", "managedby", "extendedlocation"})
MISSING = object()


def tag_of(field: str) -> str | None:
    """The tag that a field names; None: it names none."""
    found = _TAG.fullmatch(field)
    return (found["plain"] or found["name"]) if found is not None else None


def is_known(field: str) -> bool:
    """Whether a field of a rule is one of every resource or a known alias."""
    lower = field.lower()
    return lower in COMMON or lower == "tags" or tag_of(field) is not None or lower in ALIASES


def steps(field: str) -> list[str] | None:
    """The path of an alias: keys, and ``[*]`` for the elements of an array; None: it is no alias."""
    found = ALIASES.get(field.lower())
    if found is None:
        return None
    return [step for part in found[1].split(".") for step in re.split(r"(?=\[\*\])", part) if step]


def applies(field: str, resource_type: str) -> bool:
    """Whether an alias is one of a resource's type."""
    found = ALIASES.get(field.lower())
    return found is not None and found[0].lower() == resource_type.lower()


def values(body: Json, path: list[str]) -> list[Any]:
    """What a path leads to: one value (``MISSING`` if there is none), or one per element of its arrays."""
    return list(_values(body, path, top=True))


def _values(value: Any, path: list[str], *, top: bool = False) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "[*]":
        for item in value if isinstance(value, list) else []:
            yield from _values(item, path[1:])
    else:
        found = _step(value, path[0], top=top)
        # An array that isn't there has no elements.
        if found is not MISSING or "[*]" not in path:
            yield from _values(found, path[1:]) if found is not MISSING else (MISSING,)


def _step(value: Any, key: str, *, top: bool) -> Any:
    """A key of an object, or of its ``properties``: aliases leave that out."""
    if not isinstance(value, dict):
        return MISSING
    inner = _key(value, "properties")
    if not isinstance(inner, dict):
        return _key(value, key)
    if top:
        # A compute's own properties are one deeper than its type's.
        found = _step(inner, key, top=False)
        return found if found is not MISSING else _key(value, key)
    found = _key(value, key)
    return found if found is not MISSING else _key(inner, key)


def _key(value: Mapping[str, Any], key: str) -> Any:
    return next((item for name, item in value.items() if name.lower() == key.lower()), MISSING)


def place(body: Json, path: list[str]) -> list[str]:
    """The keys by which a path without arrays is written into a body."""
    outside = path[0].lower() in _OUTSIDE and not isinstance(
        _key(body.get("properties") or {}, path[0]), dict
    )
    return list(path) if outside else ["properties", *path]
