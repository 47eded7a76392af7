"""The configuration that Pulumi.yaml declares: types, defaults, values; pure.

The rules are the official CLI's (pkg/workspace/config.go, sdk/go/common/workspace/project.go).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError
from local.engine.workspace.config_value import found, is_object, is_secret, parse_path, placed, plain, text

if TYPE_CHECKING:
    from local.engine.state.passphrase import Crypter
    from local.engine.workspace.project import Project

_ATTRIBUTES = {"type", "description", "items", "default", "value", "secret"}


def declared(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each key of the project's `config:` with its attributes; a bare value is a key's `default`."""
    rows: dict[str, dict[str, Any]] = {}
    for key, row in sorted((settings.get("config") or {}).items(), key=lambda item: str(item[0])):
        if isinstance(row, dict) and row.keys() <= _ATTRIBUTES:
            rows[str(key)] = row
        else:
            rows[str(key)] = {"value" if _is_foreign(settings, str(key)) else "default": row}
    return rows


def _is_foreign(settings: dict[str, Any], key: str) -> bool:
    return ":" in key and not key.startswith(f"{settings.get('name')}:")


def problem(settings: dict[str, Any]) -> str:
    """What is wrong with a project's `config:`, or an empty text."""
    for key, row in declared(settings).items():
        kind, items, default = row.get("type"), row.get("items"), row.get("default")
        if default is not None and row.get("value") is not None:
            return f"project config '{key}' cannot have both a 'default' and 'value' attribute"
        if _is_foreign(settings, key):
            if kind:
                return (
                    f"Configuration key '{key}' is not namespaced by the project and should not define a type"
                )
            if default is not None:
                return (
                    f"Configuration key '{key}' is not namespaced by the project and should not define a default value. "
                    "Did you mean to use the 'value' attribute instead of 'default'?"
                )
            if row.get("value") is None:
                return f"Configuration key '{key}' is namespaced and must provide an attribute 'value'"
        elif kind == "array" and not items:
            return (
                f"The configuration key '{key}' declares an array but does not specify the underlying type via the "
                "'items' attribute"
            )
        elif kind and default is not None and not fits(default, kind, items):
            return (
                f"The default value specified for configuration key '{key}' is not of the expected type "
                f"'{type_name(kind, items)}'"
            )
    return ""


def type_name(kind: str, items: dict[str, Any] | None) -> str:
    """`array<string>` and the like."""
    return (
        f"array<{type_name(items.get('type', ''), items.get('items'))}>"
        if kind == "array" and items
        else kind
    )


def fits(value: Any, kind: str, items: dict[str, Any] | None) -> bool:
    """Whether a plain value is of a declared type; texts that read as whole numbers or booleans are."""
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        if isinstance(value, str):
            return re.fullmatch(r"[+-]?\d+", value) is not None
        return not isinstance(value, bool) and isinstance(value, (int, float)) and value == int(value)
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind == "object":
        return isinstance(value, dict)
    return (
        isinstance(value, list)
        and bool(items)
        and all(fits(item, (items or {}).get("type", ""), (items or {}).get("items")) for item in value)
    )


def _full_key(project: Project, key: str) -> str:
    return key if ":" in key else f"{project.name}:{key}"


def _at(values: dict[str, Any], full: str) -> tuple[Any, bool, str, list[str | int]]:
    """A declared key may be a path."""
    namespace, _, name = full.partition(":")
    first, *rest = parse_path(name)
    top = f"{namespace}:{first}"
    value, there = found(values[top], rest) if top in values else (None, False)
    return value, there, top, rest


def applied(project: Project, values: dict[str, Any]) -> dict[str, Any]:
    """A stack's values with what the project gives under them."""
    result = dict(values)
    for key, row in declared(project.settings).items():
        given = row["default"] if row.get("default") is not None else row.get("value")
        _, there, top, rest = _at(result, _full_key(project, key))
        if there or given is None:
            continue
        given = given if is_object(given) or isinstance(given, float) else text(given)
        result[top] = placed(result.get(top), [top.partition(":")[2]], rest, given)
    return result


def check(project: Project, stack: str, values: dict[str, Any], crypter: Crypter | None) -> None:
    """Raise EngineError unless a stack's merged values are what the project declares."""
    rows = declared(project.settings)
    missing = [
        key
        for key, row in rows.items()
        if row.get("default") is None
        and row.get("value") is None
        and not _is_foreign(project.settings, key)
        and not _at(values, _full_key(project, key))[1]
    ]
    if missing:
        listed = [f"'{key}'" for key in missing]
        shown = " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else listed[0]
        raise EngineError(
            f"Stack '{stack}' is missing configuration {'values' if len(missing) > 1 else 'value'} {shown}"
        )
    for key, row in rows.items():
        if not (kind := row.get("type")):
            continue
        value = _at(values, _full_key(project, key))[0]
        secret = is_secret(value)
        if row.get("secret") and not secret:
            raise EngineError(
                f"Stack '{stack}' with configuration key '{key}' must be encrypted as it's secret"
            )
        opened = plain(value, crypter)
        if not fits(opened if is_object(value) else text(opened), kind, row.get("items")):
            raise EngineError(
                f"Stack '{stack}' with configuration key '{key}' must be of type '{type_name(kind, row.get('items'))}'"
            )
