"""The command line of the official CLI, for what this engine supports."""

from __future__ import annotations

import getpass
import json
import os
import sys
from typing import TYPE_CHECKING

from local.engine.command import flags
from local.engine.command.flags import BOOL, LIST, REFUSED, VALUE, Arguments, Spec
from local.engine.error import EngineError, UnsupportedError
from local.engine.state.checkpoint import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

_CONFIG: Spec = {"--config-file": VALUE, "--path": BOOL}
# Command → what it takes and what it is for.
_COMMANDS: dict[str, tuple[Spec, str]] = {
    "stack init": (
        {"--no-select": BOOL, "--secrets-provider": VALUE, "--copy-config-from": VALUE},
        "Make a stack",
    ),
    "stack select": ({"--create": BOOL, "--secrets-provider": VALUE}, "Choose the current stack"),
    "stack unselect": ({}, "Choose no stack"),
    "stack ls": ({"--json": BOOL, "--all": BOOL, "--project": VALUE}, "List stacks"),
    "stack output": ({"--json": BOOL, "--show-secrets": BOOL, "--shell": BOOL}, "Show a stack's outputs"),
    "stack export": ({"--show-secrets": BOOL, "--file": VALUE}, "Print a stack's deployment"),
    "stack import": ({"--file": VALUE, "--force": BOOL}, "Replace a stack's deployment"),
    "stack rm": ({"--yes": BOOL, "--force": BOOL, "--preserve-config": BOOL}, "Remove a stack"),
    "stack history": (
        {"--json": BOOL, "--show-secrets": BOOL, "--page-size": VALUE, "--page": VALUE},
        "Show what was done with a stack",
    ),
    "stack": (
        {"--show-name": BOOL, "--show-ids": BOOL, "--show-urns": BOOL, "--show-secrets": BOOL},
        "Show the current stack",
    ),
    "config get": ({**_CONFIG, "--json": BOOL}, "Print a configuration value"),
    "config set": (
        {**_CONFIG, "--secret": BOOL, "--plaintext": BOOL, "--type": VALUE},
        "Set a configuration value",
    ),
    "config set-all": (
        {**_CONFIG, "--secret": LIST, "--plaintext": LIST, "--json": VALUE},
        "Set several values",
    ),
    "config rm": (_CONFIG, "Remove a configuration value"),
    "config rm-all": (_CONFIG, "Remove several configuration values"),
    "config refresh": ({**_CONFIG, "--force": BOOL}, "Take over the last operation's configuration"),
    "config": ({**_CONFIG, "--json": BOOL, "--show-secrets": BOOL}, "List a stack's configuration"),
    "state unprotect": ({"--yes": BOOL, "--all": BOOL}, "Take the protection off resources"),
    "state delete": (
        {"--yes": BOOL, "--force": BOOL, "--target-dependents": BOOL},
        "Forget a resource without touching it",
    ),
    "cancel": ({"--yes": BOOL}, "Remove a stack's locks"),
    "whoami": ({"--json": BOOL, "--verbose": BOOL}, "Show who you are and where state is"),
    "version": ({}, "Print the version"),
    "plugin ls": ({"--json": BOOL, "--project": BOOL}, "List plugins"),
    "plugin install": (
        {"--exact": BOOL, "--reinstall": BOOL, "--server": VALUE, "--file": REFUSED, "--checksum": REFUSED},
        "Check that a plugin is part of this engine",
    ),
    "plugin rm": ({"--yes": BOOL, "--all": BOOL}, "Remove plugins: there is none that was installed"),
}
_UPDATES = {
    "up": "Create or update a stack's resources",
    "update": "Create or update a stack's resources",
    "preview": "Show what an update would do",
    "refresh": "Bring a stack's state up to date with what is there",
    "destroy": "Delete a stack's resources",
}
_ALIASES = {"pre": "preview", "down": "destroy", "dn": "destroy", "history": "stack history"}
_ONLY_OFFICIAL = [
    "about",
    "ai",
    "auth",
    "completion",
    "console",
    "convert",
    "deployment",
    "env",
    "esc",
    "gen-completion",
    "import",
    "insights",
    "install",
    "login",
    "logout",
    "logs",
    "neo",
    "new",
    "org",
    "package",
    "policy",
    "query",
    "schema",
    "service",
    "template",
    "trace",
    "view-trace",
    "watch",
]
# Their words are commands of the official CLI, not arguments.
_ONLY_OFFICIAL_PARTS = {
    "stack": {"change-secrets-provider", "drift", "graph", "rename", "schedule", "tag", "webhook"},
    "config": {"cp", "env"},
}
_SHORT = {"config get": {"-j": "--json"}, "stack select": {"-c": "--create"}, "stack rm": {"-f": "--force"}}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main(words: list[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    try:
        return _dispatch(words)
    except EngineError as error:
        sys.stdout.flush()
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
    except BrokenPipeError:
        os._exit(1)


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The command and the words that aren't part of it: global flags may come first."""
    path: list[str] = []
    rest: list[str] = []
    index = 0
    known = {**_COMMANDS, **_UPDATES}
    groups = {name.split()[0] for name in known if " " in name} | set(known)
    while index < len(words):
        word = words[index]
        if word.startswith("-"):
            name = flags.SHORT.get(word, word)
            takes_value = {**flags.GLOBAL, "--stack": VALUE}.get(name) == VALUE and "=" not in word
            rest += words[index : index + (2 if takes_value else 1)]
            index += 2 if takes_value else 1
            continue
        word = _ALIASES.get(word, word) if not path else word
        candidate = " ".join([*path, word])
        if candidate in known or (not path and candidate in groups):
            path = candidate.split()
            index += 1
            if candidate in known and not any(name.startswith(candidate + " ") for name in known):
                break
            continue
        if not path or " ".join(path) not in known:
            path.append(word)
            index += 1
        break
    return " ".join(path), rest + words[index:]


def _dispatch(words: list[str]) -> int:
    command, rest = _command(words)
    if not command or command == "help":
        if "--version" in rest:
            _say(VERSION)
            return 0
        _overview()
        return 0
    _refuse_parts(command, rest)
    if command in _UPDATES:
        from local.engine.command import update as command_update  # noqa: PLC0415 - commands are loaded when they are used

        spec, summary = command_update.FLAGS, _UPDATES[command]
    elif command in _COMMANDS:
        spec, summary = _COMMANDS[command]
    elif command.split()[0] in _ONLY_OFFICIAL or command.split()[0] in {"stack", "config", "state", "plugin"}:
        raise UnsupportedError(f"`pulumi {command}`")
    else:
        raise EngineError(f'unknown command "{command}" for "pulumi"')
    arguments = flags.parse(command, rest, spec, _SHORT.get(command))
    if arguments.has("--help"):
        _say(flags.usage(command, spec, summary))
        return 0
    if folder := arguments.value("--cwd"):
        try:
            os.chdir(folder)
        except OSError as error:
            raise EngineError(f"--cwd {folder}: {error.strerror}") from error
    if command in {"stack", "config"} and arguments.positional:
        raise UnsupportedError(f"`pulumi {command} {arguments.positional[0]}`")
    return _handler(command)(arguments)


def _refuse_parts(command: str, words: list[str]) -> None:
    """Before flags are read, which are those of a command that isn't there."""
    for word in words:
        if word in _ONLY_OFFICIAL_PARTS.get(command, ()):
            raise UnsupportedError(f"`pulumi {command} {word}`")


def _handler(command: str) -> Callable[[Arguments], int]:
    if command in _UPDATES:
        from local.engine.command import update as command_update  # noqa: PLC0415

        return command_update.run
    own = {
        "whoami": _whoami,
        "version": _version,
        "plugin ls": _plugins,
        "plugin install": _install,
        "plugin rm": _remove_plugins,
    }
    if command in own:
        return own[command]
    group, _, verb = command.partition(" ")
    if group == "config":
        from local.engine.command import config as module  # noqa: PLC0415
    elif group == "state" or command == "stack import":
        from local.engine.command import state as module  # noqa: PLC0415
    else:
        from local.engine.command import stack as module  # noqa: PLC0415
    names = {"": "show", "set": "set_", "import": "import_", "set-all": "set_all", "rm-all": "rm_all"}
    return getattr(module, command if command == "cancel" else names.get(verb, verb))


def _whoami(arguments: Arguments) -> int:
    from pathlib import Path  # noqa: PLC0415

    from local.engine.workspace import project  # noqa: PLC0415

    try:
        home = project.find(Path.cwd())
    except EngineError:
        home = None
    backend = project.backend(home)
    user = getpass.getuser()
    if arguments.has("--json"):
        _say(json.dumps({"user": user, "url": backend.url}, indent=2))
    else:
        _say(f"User: {user}\nBackend URL: {backend.url}" if arguments.has("--verbose") else user)
    return 0


def _version(_arguments: Arguments) -> int:
    _say(VERSION)
    return 0


def _plugins(arguments: Arguments) -> int:
    # Providers are part of the repository and of the SDK: there is nothing that was installed.
    _say(
        "[]"
        if arguments.has("--json")
        else "NAME  KIND  VERSION  SIZE  INSTALLED  LAST USED\n\nTOTAL plugin cache size: 0 B"
    )
    return 0


def _install(arguments: Arguments) -> int:
    """Nothing to do for a provider that is part of the engine; others it can't run."""
    kind, name = (*arguments.positional, "", "")[:2]
    if kind and kind != "resource":
        raise UnsupportedError(f"the {kind} plugin '{name}' of `pulumi plugin install`")
    if name:
        from local.engine.providers.host import refuse  # noqa: PLC0415

        refuse(name)
    return 0


def _remove_plugins(_arguments: Arguments) -> int:
    _say("no plugins found to uninstall")
    return 0


def _overview() -> None:
    _say(
        "Pulumi's command line, embedded engine (for local Azure; the official CLI is for the real one)\n\nCommands:"
    )
    for name, summary in {**_UPDATES, **{name: text for name, (_, text) in _COMMANDS.items()}}.items():
        _say(f"  {name:<16} {summary}")
