"""`pulumi stack`, `stack output` and `stack history`: what a stack is."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.command.printing import ago, duration, moment, say, say_json, say_table, stamp, whole
from local.engine.command.shell_quote import quoted
from local.engine.error import EngineError
from local.engine.property_value import mapped
from local.engine.state import resource_state, tags
from local.engine.workspace import config
from local.engine.workspace import stack as stacks
from local.engine.workspace.config_value import go_json

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.stack import Stack

_PAGE = 10


def show(arguments: Arguments) -> int:
    """Show the current stack."""
    stack = stacks.open_(arguments.value("--stack"), offers_new=True)
    stack.recover_if_abandoned()
    name = stack.store.qualified_name if arguments.has("--fully-qualify-stack-names") else stack.shown_name
    if arguments.has("--show-name"):
        say(name if arguments.has("--fully-qualify-stack-names") else stack.name)
        return 0
    stack.require_key()
    if arguments.value("--output") == "json":
        say_json(_document(stack, arguments))
        return 0
    latest = stack.store.read()
    head, rows = latest.get("manifest") or {}, latest.get("resources") or []
    say(f"Current stack is {name}:")
    say(f"    Managed by {socket.gethostname()}")
    if not head:
        say("    No updates yet; run `pulumi up`")
    else:
        say(f"    Last updated: {ago(moment(head['time']))} ({whole(head['time'])})")
        if head.get("version"):
            say(f"    Pulumi version used: {head['version']}")
        for plugin in head.get("plugins") or []:
            say(f"    Plugin {plugin['name']} [{plugin['type']}] version: {plugin.get('version') or '?'}")
    say(f"Current stack resources ({len(rows)}):")
    if not rows:
        say("    No resources currently in this stack")
    else:
        tree, more = _tree(rows, arguments)
        say_table([("TYPE", "NAME"), *tree], "    ", more)
        say("")
        _say_outputs(_outputs(stack, show_secrets=arguments.has("--show-secrets")))
    say("\nUse `pulumi stack select` to change stack; `pulumi stack ls` lists known ones")
    return 0


def _document(stack: Stack, arguments: Arguments) -> dict[str, Any]:
    latest = stack.store.read()
    head = latest.get("manifest") or {}
    resources = [
        {
            "urn": row["urn"],
            "type": row["type"],
            "name": urns.name_of(row["urn"]),
            **{key: row[key] for key in ("id", "parent") if row.get(key)},
        }
        for row in latest.get("resources") or []
    ]
    manifest = {
        "manifest": {"time": stamp(moment(head["time"])), "pulumiVersion": head.get("version", "")}
        if head
        else None
    }
    return {
        "project": stack.store.project,
        "stack": stack.name,
        "backend": socket.gethostname(),
        "tags": tags.read(stack.store),
        **({} if not head else manifest),
        "resources": resources,
        "outputs": dict(sorted(_outputs(stack, show_secrets=arguments.has("--show-secrets")).items())),
    }


def _tree(rows: list[dict[str, Any]], arguments: Arguments) -> tuple[list[tuple[str, str]], list[str]]:
    """(type, name) of each resource under its parent, and what is to be shown below each."""
    root = next(
        (row["urn"] for row in rows if row["type"] == urns.STACK_TYPE and not row.get("parent")), None
    )
    known = {row["urn"] for row in rows}
    lines: list[tuple[str, str]] = []
    more: list[str] = []

    def add(row: dict[str, Any], branch: str, below: str) -> None:
        lines.append((branch + row["type"], urns.name_of(row["urn"])))
        text = f"        {below}URN: {row['urn']}\n" if arguments.has("--show-urns") else ""
        if arguments.has("--show-ids") and row.get("id"):
            text += f"        {below}ID: {row['id']}\n"
        more.append(text)

    if root is None or any(row.get("parent") and row["parent"] not in known for row in rows):
        for row in rows:
            add(row, "", "    ")
        return lines, more
    children: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("parent"):
            children.setdefault(row["parent"], []).append(row)
    # What has no parent comes last: providers that nobody declared.
    children.setdefault(root, []).extend(row for row in rows if not row.get("parent") and row["urn"] != root)

    def walk(row: dict[str, Any], padding: str, branch: str) -> None:
        inner = padding + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
        under = children.get(row["urn"], [])
        add(row, padding + branch, inner + ("│  " if under else "   "))
        for index, child in enumerate(under):
            walk(child, inner, "└─ " if index == len(under) - 1 else "├─ ")

    walk(next(row for row in rows if row["urn"] == root), "", "")
    return lines, more


def plain(value: Any) -> str:
    """An output as people read it: JSON, but a text without quotes."""
    return value if isinstance(value, str) else go_json(value)


def _outputs(stack: Stack, *, show_secrets: bool) -> dict[str, Any]:
    rows = stack.store.read().get("resources") or []
    raw = next((row for row in rows if row["type"] == urns.STACK_TYPE), {}).get("outputs") or {}
    if not show_secrets:
        # Blinding needs no key.
        return {
            key: mapped(resource_state.opened(value, lambda _: '""'), lambda _: "[secret]")
            for key, value in raw.items()
        }
    root = stack.state().stack()
    return mapped(root.outputs, lambda secret: secret.value) if root else {}


def _say_outputs(outputs: dict[str, Any]) -> None:
    say(f"Current stack outputs ({len(outputs)}):")
    if outputs:
        rows = [(key, plain(value)) for key, value in sorted(outputs.items())]
        say_table([("OUTPUT", "VALUE"), *rows], "    ")
    else:
        say("    No output values currently in this stack")


def output(arguments: Arguments) -> int:
    """Show the stack's outputs, or one of them."""
    if arguments.has("--shell") and arguments.has("--json"):
        raise EngineError("only one of --json and --shell may be set")
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    outputs = dict(sorted(_outputs(stack, show_secrets=arguments.has("--show-secrets")).items()))
    chosen = arguments.positional
    if chosen and chosen[0] not in outputs:
        raise EngineError(f"current stack does not have output property '{chosen[0]}'")
    if arguments.has("--shell"):
        for key in chosen or outputs:
            say(f"{key}={quoted(plain(outputs[key]))}")
    elif arguments.has("--json"):
        say(json.dumps(outputs[chosen[0]] if chosen else outputs, indent=2, ensure_ascii=False))
    elif chosen:
        say(plain(outputs[chosen[0]]))
    else:
        _say_outputs(outputs)
    return 0


def history(arguments: Arguments) -> int:
    """List what was done with the stack, newest first."""
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    size, page = int(arguments.value("--page-size", str(_PAGE))), max(int(arguments.value("--page", "1")), 1)
    rows = stack.store.history()
    rows = rows[(page - 1) * size : page * size] if size > 0 else rows
    if arguments.has("--show-secrets"):
        stack.purpose = "decrypting secrets: "
        _ = stack.crypter
    if arguments.has("--json"):
        say_json([_summary(row, stack, show=arguments.has("--show-secrets")) for row in rows])
        return 0
    if not rows:
        say(f"No stack updates found on page '{page}'" if page > 1 else "Stack has never been updated")
    for row in rows:
        _say_update(row, full_dates=arguments.has("--full-dates"))
    return 0


def _say_update(row: dict[str, Any], *, full_dates: bool) -> None:
    began = datetime.fromtimestamp(row["startTime"], UTC).astimezone()
    when = whole(began.isoformat()) if full_dates else ago(began)
    changes = row.get("resourceChanges") or {}
    say(f"Version: {row.get('version', 0)}")
    say(f"UpdateKind: {row['kind']}")
    say(f"Status: {row['result']}")
    say(f"Message: {row['message']}")
    counts = "".join(
        f"{sign}{changes.get(kind, 0)}"
        for sign, kind in (("+", "create"), ("-", "delete"), ("~", "update"), (" ", "same"))
    )
    say(f"{counts} Updated {when} took {duration(row['endTime'] - row['startTime'])}")
    for key, value in sorted(row["environment"].items()):
        if value.strip():
            say(f"    {key}: {value}")
    say("")


def _time(seconds: int) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))


def _summary(row: dict[str, Any], stack: Stack, *, show: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in sorted((row.get("config") or {}).items()):
        secret = config.is_secret(value)
        entry: dict[str, Any] = {"secret": secret}
        if not secret or show:
            try:
                opened = config.plain(value, stack.crypter if secret else None)
            except EngineError:
                opened = "ERROR_UNABLE_TO_DECRYPT"
            entry = {
                "value": config.text(opened),
                **({"objectValue": opened} if isinstance(opened, (dict, list)) else {}),
                **entry,
            }
        settings[key] = entry
    return {
        "version": row.get("version", 0),
        "kind": row["kind"],
        "startTime": _time(row["startTime"]),
        "message": row["message"],
        "environment": row["environment"],
        "config": settings,
        "result": row["result"],
        "endTime": _time(row["endTime"]),
        "resourceChanges": dict(sorted((row.get("resourceChanges") or {}).items())),
    }
