"""`pulumi config …`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError, UnsupportedError
from local.engine.workspace import config as configs
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.stack import Stack


def _open(arguments: Arguments) -> Stack:
    return stacks.open_(arguments.value("--stack"), arguments.value("--config-file"))


def _entry(value: Any, stack: Stack, *, show: bool) -> dict[str, Any]:
    """A value as `--json` shows it."""
    secret = configs.is_secret(value)
    if secret and not show:
        return {"secret": True}
    plain = configs.plain(value, stack.crypter if secret else None)
    row: dict[str, Any] = {"value": configs.text(plain)}
    if isinstance(plain, (dict, list)):
        row["objectValue"] = plain
    return {**row, "secret": secret}


def show(arguments: Arguments) -> int:
    """List the stack's configuration."""
    stack = _open(arguments)
    values = dict(sorted(stack.config.merged().items()))
    if arguments.has("--json"):
        rows = {
            key: _entry(value, stack, show=arguments.has("--show-secrets")) for key, value in values.items()
        }
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return 0
    prefix = f"{stack.project.name}:"
    lines = [("KEY", "VALUE")]
    for key, value in values.items():
        visible = not configs.is_secret(value) or arguments.has("--show-secrets")
        text = (
            configs.text(configs.plain(value, stack.crypter if configs.is_secret(value) else None))
            if visible
            else "[secret]"
        )
        lines.append((key.removeprefix(prefix), text))
    width = max(len(key) for key, _ in lines)
    sys.stdout.writelines(f"{key.ljust(width)}  {value}\n" for key, value in lines)
    return 0


def get(arguments: Arguments) -> int:
    """Print one value."""
    stack = _open(arguments)
    if not arguments.positional:
        raise EngineError("accepts 1 arg(s), received 0")
    key = arguments.positional[0]
    name, *rest = configs.parse_path(key) if arguments.has("--path") else [key]
    missing = EngineError(f"configuration key '{key}' not found for stack '{stack.name}'")
    value = stack.config.merged().get(stack.config.full_key(str(name)))
    if value is None:
        raise missing
    for part in rest:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError) as error:
            raise missing from error
    if arguments.has("--json"):
        sys.stdout.write(json.dumps(_entry(value, stack, show=True), indent=2, ensure_ascii=False) + "\n")
    else:
        plain = configs.plain(value, stack.crypter if configs.is_secret(value) else None)
        sys.stdout.write(configs.text(plain) + "\n")
    return 0


def set_(arguments: Arguments) -> int:
    """Set one value, encrypted with --secret; from standard input if none is given."""
    stack = _open(arguments)
    if not arguments.positional:
        raise EngineError("accepts between 1 and 2 arg(s), received 0")
    if kind := arguments.value("--type"):
        raise UnsupportedError(f"--type {kind} of `pulumi config set`")
    key = arguments.positional[0]
    value = arguments.positional[1] if len(arguments.positional) > 1 else sys.stdin.read().removesuffix("\n")
    _store(stack, key, value, secret=arguments.has("--secret"), path=arguments.has("--path"))
    stack.config.save()
    return 0


def _store(stack: Stack, key: str, value: str, *, secret: bool, path: bool) -> None:
    if secret:
        stored: Any = configs.encrypted(value, stack.crypter)
    else:
        stored = configs.adjusted(value) if path else value
    stack.config.set(key, stored, path=path)


def set_all(arguments: Arguments) -> int:
    """Set several values: `--plaintext key=value`, `--secret key=value`, or what `config --json` printed."""
    stack = _open(arguments)
    path = arguments.has("--path")
    for flag, pair in arguments.order:
        if flag not in {"--plaintext", "--secret"}:
            continue
        key, equals, value = pair.partition("=")
        if not equals:
            raise EngineError(f"config value '{pair}' must be KEY=VALUE")
        _store(stack, key, value, secret=flag == "--secret", path=path)
    if text := arguments.value("--json"):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise EngineError(f"could not parse --json argument: {error}") from error
        for key, row in rows.items():
            if "objectValue" in row and not row.get("secret"):
                stack.config.set(key, row["objectValue"])
            else:
                _store(stack, key, row["value"], secret=bool(row.get("secret")), path=False)
    stack.config.save()
    return 0


def rm(arguments: Arguments) -> int:
    """Remove one value."""
    return rm_all(arguments)


def rm_all(arguments: Arguments) -> int:
    """Remove several values."""
    stack = _open(arguments)
    if not arguments.positional:
        raise EngineError("requires at least 1 arg(s), only received 0")
    for key in arguments.positional:
        stack.config.remove(key, path=arguments.has("--path"))
    stack.config.save()
    return 0


def refresh(arguments: Arguments) -> int:
    """Set the configuration to that of the last operation."""
    stack = _open(arguments)
    rows = stack.store.history()
    if not rows:
        raise EngineError("no previous deployment")
    stack.config.document["config"] = rows[0].get("config") or {}
    stack.config.save()
    return 0
