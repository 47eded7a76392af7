"""`pulumi config …`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.command.printing import say, say_json, say_table
from local.engine.error import EngineError
from local.engine.state import checkpoint
from local.engine.workspace import config as configs
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks
from local.engine.workspace.config_value import typed
from local.engine.workspace.secret_guess import looks_secret

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.stack import Stack


def _open(arguments: Arguments, *, offers_new: bool = True) -> Stack:
    projects.find(Path.cwd())
    return stacks.open_(arguments.value("--stack"), arguments.value("--config-file"), offers_new=offers_new)


def _entry(value: Any, stack: Stack, *, show: bool) -> dict[str, Any]:
    """A value as `--json` shows it."""
    secret = configs.is_secret(value)
    if secret and not show:
        return {"secret": True}
    plain = configs.plain(value, stack.crypter if secret else None)
    row: dict[str, Any] = {"value": configs.text(plain)}
    if configs.is_object(value):
        row["objectValue"] = configs.in_order(plain)
    return {**row, "secret": secret}


def show(arguments: Arguments) -> int:
    """List the stack's configuration."""
    stack = _open(arguments)
    visible = arguments.has("--show-secrets")
    values = dict(sorted(stack.config.merged().items()))
    if arguments.has("--json"):
        say_json({key: _entry(value, stack, show=visible) for key, value in values.items()})
        return 0
    rows = [("KEY", "VALUE")]
    for key, value in values.items():
        crypter = stack.crypter if visible and configs.is_secret(value) else None
        rows.append((stack.config.shown(key), configs.text(configs.plain(value, crypter))))
    say_table(rows)
    return 0


def get(arguments: Arguments) -> int:
    """Print one value."""
    stack, word = _open(arguments), arguments.positional[0]
    key, path = stack.config.split(word, path=arguments.has("--path"))
    value, there = stack.config.get(key, path)
    if not there:
        shown = word.removeprefix(f"{stack.project.name}:")
        raise EngineError(f"configuration key '{shown}' not found for stack '{stack.shown_name}'")
    entry = _entry(value, stack, show=True)
    if arguments.has("--json"):
        say_json(entry)
    else:
        say(entry["value"])
    return 0


def set_(arguments: Arguments) -> int:
    """Set one value, encrypted with --secret; from standard input if none is given."""
    stack, key = _open(arguments), arguments.positional[0]
    full, _ = stack.config.split(key, path=False)
    path = arguments.has("--path")
    if len(arguments.positional) > 1:
        value = arguments.positional[1]
    else:
        value = _typed_in(raw=arguments.has("--raw"))
    if arguments.has("--secret"):
        stack.config.set_typed(key, configs.encrypted(value, stack.crypter), path=path)
    else:
        kind = arguments.value("--type")
        given = typed(value, kind) if kind else value
        if not arguments.has("--plaintext") and looks_secret(full.partition(":")[2], value):
            raise EngineError(
                f"config value for '{full}' looks like a secret; rerun with --secret to encrypt it, or --plaintext if you "
                "meant to store in plaintext"
            )
        if kind:
            stack.config.set_typed(key, given, path=path)
        else:
            stack.config.set(key, given, path=path)
    stack.config.save()
    return 0


def _typed_in(*, raw: bool) -> str:
    if sys.stdin.isatty():
        return input("value: ")
    text = sys.stdin.read()
    return text if raw else re.sub(r"\r?\n\Z", "", text)


def _pair(text: str) -> tuple[str, str]:
    """`key=value`; a key in quotes may have an equals sign in it."""
    if text[:1] in {'"', "'"} and f"{text[0]}=" in text[1:]:
        key, _, value = text[1:].partition(f"{text[0]}=")
        return key, value
    key, equals, value = text.partition("=")
    if not equals:
        raise EngineError("config value must be in the form [key]=[value]")
    return key, value


def set_all(arguments: Arguments) -> int:
    """Set several values: `--plaintext key=value`, `--secret key=value`, or what `config --json` printed."""
    path, document = arguments.has("--path"), arguments.value("--json")
    if document and (path or arguments.all("--plaintext") or arguments.all("--secret")):
        raise EngineError("the --json option cannot be used with the --plaintext, --secret or --path options")
    stack = _open(arguments)
    for text in arguments.all("--plaintext"):
        key, value = _pair(text)
        stack.config.set(key, value, path=path)
    for text in arguments.all("--secret"):
        key, value = _pair(text)
        stack.config.set_typed(key, configs.encrypted(value, stack.crypter), path=path)
    if document:
        _set_rows(stack, document)
    stack.config.save()
    return 0


def _set_rows(stack: Stack, document: str) -> None:
    try:
        rows = json.loads(document)
    except json.JSONDecodeError as error:
        told = "unexpected end of JSON input" if error.pos >= len(document.rstrip()) else str(error)
        raise EngineError(f"could not parse --json argument: {told}") from error
    for key, row in _rows(rows).items():
        if row.get("value") is None:
            raise EngineError(f'value for --json object key "{key}" is nil')
        structured = "objectValue" in row
        if structured and row.get("secret"):
            raise EngineError(
                f'--json object key "{key}" is a structure with secrets; set each with --secret --path'
            )
        if row.get("secret"):
            stack.config.set_typed(key, configs.encrypted(row["value"], stack.crypter), path=False)
        else:
            stack.config.set_typed(key, json.loads(row["value"]) if structured else row["value"], path=False)


def _rows(document: Any) -> dict[str, dict[str, Any]]:
    """The rows of `set-all --json`; raises EngineError for JSON that is something else."""
    target = "value of type map[string]config.configValueJSON"
    if isinstance(document, dict):
        target = "value of type config.configValueJSON"
        wrong = next((row for row in document.values() if not isinstance(row, dict)), None)
        if wrong is None:
            target = "struct field configValueJSON.value of type string"
            wrong = next(
                (
                    row["value"]
                    for row in document.values()
                    if not isinstance(row.get("value", ""), str | None)
                ),
                None,
            )
        if wrong is None:
            return document
        document = wrong
    kind = {bool: "bool", str: "string", list: "array", dict: "object"}.get(type(document), "number")
    raise EngineError(f"could not parse --json argument: json: cannot unmarshal {kind} into Go {target}")


def rm(arguments: Arguments) -> int:
    """Remove one value."""
    return rm_all(arguments)


def rm_all(arguments: Arguments) -> int:
    """Remove several values."""
    stack = _open(arguments)
    for key in arguments.positional:
        stack.config.remove(key, path=arguments.has("--path"))
    stack.config.save()
    return 0


def cp(arguments: Arguments) -> int:
    """Copy one value, or all, to another stack."""
    stack = _open(arguments, offers_new=False)
    destination = arguments.value("--dest")
    if stack.name == destination:
        raise EngineError("current stack and destination stack are the same")
    other = stacks.open_(destination, arguments.value("--config-file"))
    if arguments.positional:
        stack.purpose = "could not create a decrypter: "
    stack.copy_config(
        other, arguments.positional[0] if arguments.positional else "", path=arguments.has("--path")
    )
    return 0


def refresh(arguments: Arguments) -> int:
    """Set the configuration to that of the last operation; the file before stays as a copy, without --force."""
    stack = _open(arguments, offers_new=False)
    rows = stack.store.history()
    if not rows:
        raise EngineError("getting latest configuration: no previous deployment")
    document = stack.config.document
    document["config"] = {
        stack.config.full_key(str(k)): value for k, value in (rows[0].get("config") or {}).items()
    }
    if not document["config"]:
        del document["config"]
    if salt := checkpoint.salt_of(stack.store.read()):
        document["encryptionsalt"] = salt
    file = stack.config.file
    keeps = file.is_file() and not arguments.has("--force")
    if keeps:
        copy = file.with_name(file.name + ".bak")
        while copy.exists():
            copy = copy.with_name(copy.name + ".bak")
        copy.write_bytes(file.read_bytes())
        say(f"backed up existing configuration file to {copy}")
    stack.config.save()
    if keeps:
        say(f"refreshed configuration for stack '{stack.name}'")
    return 0
