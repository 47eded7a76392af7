"""Sections of the stack's configuration, and how a wrong value in one is explained.

Every component keeps its section right above itself; ``config.py`` puts them together.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


class Section(BaseModel):
    """A part of the configuration: frozen, camelCase in YAML, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True
    )

    #: Keys that were, and what to write instead.
    moved: ClassVar[Mapping[str, str]] = {}


def setting(default: Any = PydanticUndefined, *, breaks: str, write: str, **constraints: Any) -> Any:
    """A key of a section. ``breaks``: what a wrong value would break; ``write``: what to write instead."""
    return Field(default, description=breaks, json_schema_extra={"write": write}, **constraints)


def inherited(section: type[Section], name: str, default: Any) -> Any:
    """The key ``name`` of a parent section with a default of its own."""
    field = copy.copy(section.model_fields[name])
    field.default = default
    return field


def explain(prefix: str, section: type[Section], error: ErrorDetails, *, secret: bool = False) -> str:
    """One line for one of pydantic's errors: the full key, what would break, what to write instead.

    Args:
        prefix: what comes before the first key, ``mlops:``.
        section: the model that was validated.
        error: one item of ``ValidationError.errors()``.
        secret: whether the value must not be shown.
    """
    key = prefix + _dotted(error["loc"])
    owner, field = _find(section, error["loc"])
    breaks, write = _words(field)
    match error["type"]:
        case "extra_forbidden":
            unknown = str(error["loc"][-1])
            remedy = f"write {owner.moved[unknown]}" if unknown in owner.moved else _nearest(owner, unknown)
            return f"{key}: unknown key, it would have no effect; {remedy}"
        case "missing":
            return f"{key}: missing; {breaks}; write {write}"
        case "value_error":
            return f"{key}: {error['msg'].removeprefix('Value error, ')}"
        case _:
            shown = "this value" if secret else _shown(error["input"])
            return f"{key}: {shown} can't be used: {breaks}; write {write}"


def _dotted(location: Sequence[int | str]) -> str:
    text = ""
    for part in location:
        if part == "[key]":  # pydantic's word for a mapping's key
            continue
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _shown(value: object) -> str:
    text = json.dumps(value) if value is None or isinstance(value, bool) else " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _words(field: FieldInfo | None) -> tuple[str, str]:
    if field is None or not isinstance(field.json_schema_extra, dict):
        return "it is a section with keys of its own", "a mapping of keys to values"
    return field.description or "", str(field.json_schema_extra["write"])


def _find(section: type[Section], location: Sequence[int | str]) -> tuple[type[Section], FieldInfo | None]:
    """The section that the last key is in, and its field if it has one."""
    owner: type[Section] = section
    inner: type[Section] | None = section
    field: FieldInfo | None = None
    named = False  # whether the next part is a name of the stack's own, in a mapping
    for part in location:
        if isinstance(part, int) or inner is None:
            continue
        if named:
            named = False
            continue
        owner = inner
        found = next((f for name, f in owner.model_fields.items() if (f.alias or name) == part), None)
        field = found or field
        inner = next(_sections(found.annotation), None) if found else None
        named = found is not None and _is_mapping(found.annotation)
    return owner, field


def section_in(section: type[Section], key: str) -> type[Section] | None:
    """The section that ``key`` is, or None where it is a setting."""
    found = next((f for name, f in section.model_fields.items() if (f.alias or name) == key), None)
    if found is None:
        return None
    plain = [found.annotation, *(get_args(found.annotation) if _is_union(found.annotation) else ())]
    return next((one for one in plain if isinstance(one, type) and issubclass(one, Section)), None)


def is_object(annotation: Any) -> bool:
    """Whether values are sections, mappings or lists, which Pulumi hands over as JSON."""
    plain = (annotation, *(get_args(annotation) if _is_union(annotation) else ()))
    return any(
        get_origin(one) in (dict, tuple, list, Mapping)
        or (isinstance(one, type) and issubclass(one, Section))
        for one in plain
    )


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _is_mapping(annotation: Any) -> bool:
    origins = (annotation, *(get_args(annotation) if _is_union(annotation) else ()))
    return any(get_origin(one) in (dict, Mapping) for one in origins)


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The sections in ``X``, ``X | None``, ``tuple[X, ...]``, ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)


def _nearest(section: type[Section], key: str) -> str:
    known = sorted(field.alias or name for name, field in section.model_fields.items())
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
