"""Sections of the stack's configuration, and how a wrong value in one is explained.

Every component keeps its section right above itself; ``config.py`` puts them together.
"""

from __future__ import annotations

import copy
import difflib
from typing import TYPE_CHECKING, Any

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
            return f"{key}: unknown key, it would have no effect; {_nearest(owner, str(error['loc'][-1]))}"
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
    text = " ".join(repr(value).split())
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
    for part in location:
        if isinstance(part, int) or inner is None:
            continue
        owner = inner
        found = next((f for name, f in owner.model_fields.items() if (f.alias or name) == part), None)
        field = found or field
        inner = _section(found.annotation) if found else None
    return owner, field


def _section(annotation: Any) -> type[Section] | None:
    """The section in ``X``, ``X | None``, ``tuple[X, ...]``."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Section)), None)


def _nearest(section: type[Section], key: str) -> str:
    known = sorted(field.alias or name for name, field in section.model_fields.items())
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
