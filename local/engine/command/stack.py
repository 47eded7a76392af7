"""`pulumi stack …` and `pulumi cancel`."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import urn as urns
from local.engine.error import EngineError, UnsupportedError
from local.engine.property_value import mapped
from local.engine.state import checkpoint, passphrase, resource_state
from local.engine.workspace import config
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.stack import Stack


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def _json(value: Any) -> None:
    _say(json.dumps(value, indent=2, ensure_ascii=False))


def _here() -> projects.Project:
    return projects.find(Path.cwd())


def _name(arguments: Arguments, missing: str = "") -> str:
    name = arguments.value("--stack") or (arguments.positional[0] if arguments.positional else "")
    if not name and missing:
        raise EngineError(missing)
    return name


def init(arguments: Arguments) -> int:
    """Make a stack, with a salt of its own, and select it."""
    provider = arguments.value("--secrets-provider", "passphrase")
    if provider not in {"passphrase", "default", ""}:
        raise UnsupportedError(f"the secrets provider '{provider}'")
    home = _here()
    store = stacks.locate(_name(arguments, "missing stack name"), home)
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", store.stack):
        raise EngineError(
            f"invalid stack name '{store.stack}': a stack name may only contain alphanumeric, hyphens, underscores, "
            "or periods"
        )
    if store.exists():
        raise EngineError(f"stack '{store.qualified_name}' already exists")
    if source := arguments.value("--copy-config-from"):
        raise UnsupportedError(f"--copy-config-from {source}")
    settings = config.load(home, store.stack)
    if not settings.salt:
        crypter = passphrase.new(passphrase.from_environment())
        settings.document = {"encryptionsalt": crypter.state, **settings.document}
        settings.save()
    store.write(checkpoint.empty(store.qualified_name))
    if not arguments.has("--no-select"):
        projects.select_stack(home, store.stack)
    _tell(f"Created stack '{store.stack}'")
    return 0


def select(arguments: Arguments) -> int:
    """Choose the stack that commands without --stack mean."""
    home = _here()
    store = stacks.locate(_name(arguments, "stack name required in non-interactive mode"), home)
    if not store.exists():
        if arguments.has("--create"):
            return init(arguments)
        store.require()
    projects.select_stack(home, store.stack)
    return 0


def unselect(_arguments: Arguments) -> int:
    """Choose none."""
    projects.select_stack(_here(), "")
    _say("Stack was unselected")
    return 0


def ls(arguments: Arguments) -> int:
    """List stacks."""
    home = None if arguments.has("--all") else _here()
    try:
        current_project: projects.Project | None = _here()
    except EngineError:
        current_project = None
    backend = projects.backend(home)
    selected = projects.selected_stack(current_project) if current_project else ""
    rows: list[dict[str, Any]] = []
    for project in [home.name] if home else backend.projects():
        for name in backend.stacks(project):
            latest = stacks.StackStore(backend, project, name).read()
            row: dict[str, Any] = {
                "name": name if home else f"organization/{project}/{name}",
                "current": bool(home) and name == selected,
            }
            if latest.get("manifest"):
                row["lastUpdate"] = latest["manifest"]["time"]
                row["resourceCount"] = len(latest.get("resources") or [])
            rows.append(row)
    if arguments.has("--json"):
        _json(rows)
        return 0
    table = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for row in rows:
        mark = "*" if row["current"] else ""
        updated = _ago(row["lastUpdate"]) if row.get("lastUpdate") else "n/a"
        table.append((row["name"] + mark, updated, str(row.get("resourceCount", "n/a"))))
    _table(table)
    return 0


def _table(rows: list[tuple[str, ...]], indent: str = "") -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        _say(indent + "  ".join([*cells, row[-1]]))


def _ago(time: str) -> str:
    elapsed = int((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if elapsed >= size:
            count = elapsed // size
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "now"


def show(arguments: Arguments) -> int:
    """Show the current stack; with --stack, select it first, as the Automation API wants."""
    stack = stacks.open_(arguments.value("--stack"))
    if arguments.value("--stack"):
        projects.select_stack(stack.project, stack.name)
    if arguments.has("--show-name"):
        _say(stack.name)
        return 0
    latest = stack.store.read()
    _say(f"Current stack is {stack.name}:")
    head = latest.get("manifest") or {}
    if head:
        _say("    Managed by the embedded engine's file backend")
        _say(f"    Last updated: {_ago(head['time'])} ({head['time']})")
        _say(f"    Pulumi version used: {head.get('version', '')}")
    rows = latest.get("resources") or []
    if not rows:
        _say(
            "    No updates yet; run `pulumi up`"
            if not head
            else "Current stack resources (0):\n    No resources currently in this stack"
        )
    else:
        _say(f"Current stack resources ({len(rows)}):")
        _table([("TYPE", "NAME"), *_tree(rows, arguments)], "    ")
    _say("")
    outputs = _outputs(stack, arguments)
    _say(f"Current stack outputs ({len(outputs)}):")
    if outputs:
        _table(
            [("OUTPUT", "VALUE"), *((key, _plain(value)) for key, value in sorted(outputs.items()))], "    "
        )
    else:
        _say("    No output values currently in this stack")
    _say("\nUse `pulumi stack select` to change stack; `pulumi stack ls` lists known ones")
    return 0


def _tree(rows: list[dict[str, Any]], arguments: Arguments) -> list[tuple[str, str]]:
    children: dict[str, list[dict[str, Any]]] = {}
    known = {row["urn"] for row in rows}
    root = next((row["urn"] for row in rows if row["type"] == urns.STACK_TYPE), "")
    for row in rows:
        parent = row.get("parent", "") if row.get("parent", "") in known else root
        children.setdefault("" if row["urn"] == root else parent, []).append(row)
    lines: list[tuple[str, str]] = []

    def walk(parent: str, lead: str, *, top: bool) -> None:
        # Providers nobody declared come last, as the official engine lists them.
        rows = sorted(children.get(parent, []), key=lambda row: urns.is_provider(row["type"]))
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            branch = "" if top else ("└─ " if last else "├─ ")
            lines.append((lead + branch + row["type"], urns.name_of(row["urn"])))
            below = lead + ("" if top else ("   " if last else "│  "))
            if arguments.has("--show-urns"):
                lines.append((f"{below}   URN: {row['urn']}", ""))
            if arguments.has("--show-ids") and row.get("id"):
                lines.append((f"{below}   ID: {row['id']}", ""))
            if row["urn"] != parent:
                walk(row["urn"], below, top=False)

    walk("", "", top=True)
    return lines


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _outputs(stack: Stack, arguments: Arguments) -> dict[str, Any]:
    latest = stack.store.read()
    raw = (
        next((r for r in latest.get("resources") or [] if r["type"] == urns.STACK_TYPE), {}).get("outputs")
        or {}
    )
    if not arguments.has("--show-secrets"):
        # Blinding needs no key.
        return {
            key: mapped(resource_state.opened(value, lambda _: '""'), lambda _: "[secret]")
            for key, value in raw.items()
        }
    root = stack.state().stack()
    return mapped(root.outputs, lambda secret: secret.value) if root else {}


def output(arguments: Arguments) -> int:
    """Show the stack's outputs, or one of them."""
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    outputs = _outputs(stack, arguments)
    if arguments.has("--shell"):
        raise UnsupportedError("--shell of `pulumi stack output`")
    if arguments.positional:
        name = arguments.positional[0]
        if name not in outputs:
            raise EngineError(f"current stack does not have output property '{name}'")
        if arguments.has("--json"):
            _json(outputs[name])
        else:
            _say(_plain(outputs[name]))
    elif arguments.has("--json"):
        _json(dict(sorted(outputs.items())))
    elif outputs:
        _say(f"Current stack outputs ({len(outputs)}):")
        _table(
            [("OUTPUT", "VALUE"), *((key, _plain(value)) for key, value in sorted(outputs.items()))], "    "
        )
    else:
        _say("Current stack outputs (0):\n    No output values currently in this stack")
    return 0


def export(arguments: Arguments) -> int:
    """Print the stack's deployment; with --show-secrets, in plain text."""
    stack = stacks.open_(arguments.value("--stack"))
    stack.recover_if_abandoned()
    latest = stack.store.read() or {"manifest": {"time": "0001-01-01T00:00:00Z", "magic": "", "version": ""}}
    if arguments.has("--show-secrets"):
        latest = _decrypted(latest, stack)
    latest.setdefault("metadata", {})
    text = json.dumps({"version": 3, "deployment": latest}, indent=4, ensure_ascii=False)
    if file := arguments.value("--file"):
        Path(file).write_text(text + "\n", encoding="utf-8")
    else:
        _say(text)
    return 0


def _decrypted(value: Any, stack: Stack) -> Any:
    if isinstance(value, dict):
        if value.get(resource_state.SIGNATURE) == resource_state.SECRET and "ciphertext" in value:
            return {
                resource_state.SIGNATURE: resource_state.SECRET,
                "plaintext": stack.crypter.decrypt(value["ciphertext"]),
            }
        return {key: _decrypted(item, stack) for key, item in value.items()}
    if isinstance(value, list):
        return [_decrypted(item, stack) for item in value]
    return value


def rm(arguments: Arguments) -> int:
    """Remove a stack that has no resources, or with --force any."""
    home = _here()
    name = _name(arguments) or projects.selected_stack(home)
    if not name:
        raise EngineError(
            "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one"
        )
    store = stacks.locate(name, home)
    store.require()
    if not arguments.has("--yes"):
        if arguments.has("--non-interactive") or not sys.stdin.isatty():
            raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
        if (
            input(f"This will permanently remove the '{store.stack}' stack! Please confirm by its name: ")
            != store.stack
        ):
            raise EngineError("confirmation declined")
    with store.lock():
        if store.read().get("resources") and not arguments.has("--force"):
            raise EngineError(
                f"'{store.stack}' still has resources; removal rejected. Possible actions:\n"
                "- Make sure that 'protect' is not true for any resources in the stack\n"
                "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
                "- Run `pulumi stack rm --force` to override this error"
            )
        store.remove()
    if not arguments.has("--preserve-config"):
        config.load(home, store.stack).file.unlink(missing_ok=True)
    if projects.selected_stack(home) == store.stack:
        projects.select_stack(home, "")
    _say(f"Stack '{store.stack}' has been removed!")
    return 0


def history(arguments: Arguments) -> int:
    """List what was done with the stack, newest first."""
    stack = stacks.open_(arguments.value("--stack"))
    rows = stack.store.history()
    if size := arguments.value("--page-size"):
        start = (int(arguments.value("--page", "1") or 1) - 1) * int(size)
        rows = rows[start : start + int(size)] if int(size) else rows
    if arguments.has("--json"):
        _json([_summary(row, stack, show=arguments.has("--show-secrets")) for row in rows])
        return 0
    for row in rows:
        _say(
            f"{row['kind']} {row['result']}, {_time(row['endTime'])}, took {row['endTime'] - row['startTime']}s"
        )
        _say(
            "    "
            + (
                " ".join(f"{kind} {count}" for kind, count in sorted(row["resourceChanges"].items()))
                or "nothing"
            )
        )
    return 0


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _summary(row: dict[str, Any], stack: Stack, *, show: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in sorted((row.get("config") or {}).items()):
        secret = config.is_secret(value)
        entry: dict[str, Any] = {"secret": secret}
        if not secret or show:
            plain = config.plain(value, stack.crypter if secret else None)
            entry = {
                "value": config.text(plain),
                **({"objectValue": plain} if isinstance(plain, (dict, list)) else {}),
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
        "resourceChanges": row["resourceChanges"],
    }


def cancel(arguments: Arguments) -> int:
    """Remove the stack's locks."""
    stack = stacks.open_(arguments.value("--stack") or _name(arguments))
    for lock in stack.store.locks():
        lock.unlink(missing_ok=True)
    _say(f"The currently running update for '{stack.name}' has been canceled!")
    return 0
