"""`pulumi state get`: what is known of one resource."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, prefixed
from local.engine.property_value import mapped
from local.engine.state import edit, resource_state
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.state.rows import Row


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _name(arguments: Arguments) -> str:
    if not arguments.positional:
        raise EngineError("Must supply <resource> unless pulumi is run interactively")
    return arguments.positional[0]


def get(arguments: Arguments) -> int:
    """Show what is known of one resource, secrets blinded."""
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    with prefixed("load stack snapshot: "):
        stack.require_key()
    row = _found(stack.store.read().get("resources") or [], _name(arguments))
    if arguments.value("--output", "default") not in {"default", "json"}:
        raise EngineError(f'invalid --output value "{arguments.value("--output")}" (default and json are)')
    properties: dict[str, dict[str, Any]] = {}
    for key in ("inputs", "outputs"):
        shown = {name: value for name, value in (row.get(key) or {}).items() if not name.startswith("__")}
        if arguments.has("--show-secrets"):
            opened = resource_state.opened(shown, stack.state_crypter.decrypt)
            properties[key] = mapped(opened, lambda secret: mapped(secret.value, lambda inner: inner.value))
        else:
            properties[key] = mapped(resource_state.opened(shown, lambda _: '""'), lambda _: "[secret]")
    if arguments.value("--output") == "json":
        fields: dict[str, Any] = {"id": row.get("id", ""), **properties}
        if row.get("delete"):
            fields["pendingDeletion"] = True
        _say(json.dumps({**fields, "type": row["type"], "urn": row["urn"]}, indent=2, ensure_ascii=False))
        return 0
    _say(f"Type: {row['type']}\nURN:  {row['urn']}")
    if row.get("id"):
        _say(f"ID:   {row['id']}")
    if row.get("delete"):
        _say("Pending deletion: yes")
    for key, shown in properties.items():
        if shown:
            width = max(len(name) for name in row[key])  # hidden ones count
            _say("\n".join([f"{key.capitalize()}:", *_lines(shown, "    ", width), ""]))
    return 0


def _found(rows: list[Row], text: str) -> Row:
    """A resource by its URN, or by its name where only one has it."""
    if edit.is_urn(text):
        candidates = [row for row in rows if row["urn"] == text]
        if not candidates:
            raise EngineError(edit.not_found(rows, text))
        alive = [row for row in candidates if not row.get("delete")]
        if alive and len(alive) < len(candidates):
            sys.stderr.write(
                f"warning: {len(candidates) - len(alive)} copy(ies) of this resource are pending deletion; showing the "
                "live resource (`pulumi stack export` lists all copies)\n"
            )
        return (alive or candidates)[0]
    if text.startswith("urn:"):
        raise EngineError(f'"{text}" is not a valid resource URN\n{edit.where_to_look()}')
    named = list(dict.fromkeys(row["urn"] for row in rows if row["urn"].split("::", 3)[-1] == text))
    if not named:
        raise EngineError(
            f'no resource identified by "{text}" found in the stack; run `pulumi stack --show-urns` to list them'
        )
    if len(named) > 1:
        raise EngineError(
            f'{len(named)} resources in the stack are named "{text}":\n    '
            + "\n    ".join(named)
            + "\nspecify one by URN"
        )
    return _found(rows, named[0])


def _lines(values: dict[str, Any], pad: str, width: int = 0) -> list[str]:
    """Properties, one a line, what is in them below."""
    width = max([width, *(len(name) for name in values)])
    return [
        line
        for name, value in sorted(values.items())
        for line in _value(f"{pad}{name.ljust(width)}: ", value, pad)
    ]


def _value(head: str, value: Any, pad: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [f"{head}{{", *_lines(value, pad + "    "), f"{pad}}}"]
    if isinstance(value, list) and value:
        inner = pad + "    "
        items = [
            line for index, item in enumerate(value) for line in _value(f"{inner}[{index}]: ", item, inner)
        ]
        return [f"{head}[", *items, f"{pad}]"]
    text = "[secret]" if value == "[secret]" else json.dumps(value, ensure_ascii=False)
    return [head + text]
