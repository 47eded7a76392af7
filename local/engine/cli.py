"""The command line of the official CLI, for what this engine supports."""

from __future__ import annotations

import importlib
import os
import sys

from local.engine.command import flags, suggestion
from local.engine.command.flags import Command, UsageError
from local.engine.command.table import COMMANDS, ONLY_OFFICIAL
from local.engine.error import EngineError, NoStackError, UnsupportedError
from local.engine.state.checkpoint import VERSION

_ROOT = Command(
    "Pulumi's command line, embedded engine (for local Azure; the official CLI is for the real one)"
)
_PATHS = {
    f"{path.rpartition(' ')[0]} {name}".strip(): path
    for path, command in COMMANDS.items()
    for name in (path.rpartition(" ")[2], *command.aliases)
}


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


def find(words: list[str]) -> tuple[str, list[str]]:
    """The path of the command and the words that aren't part of it; flags may stand between its words."""
    path, rest = "", list(words)
    while True:
        index = _next(rest, flags.known(COMMANDS.get(path, _ROOT)))
        if index is None:
            return path, rest
        candidate = f"{path} {rest[index]}".strip() if rest[index] else ""
        if candidate in ONLY_OFFICIAL:
            raise UnsupportedError(f"`pulumi {candidate}`")
        if candidate not in _PATHS:
            return path, rest
        path = _PATHS[candidate]
        del rest[index]


def _next(words: list[str], known: dict[str, flags.Flag]) -> int | None:
    """Where the first word is that is neither a flag nor the value of one."""
    letters = {flag.short: flag for flag in known.values() if flag.short}
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return None
        if word.startswith("--") and "=" not in word:
            flag = known.get(word[2:])
            index += 1 if flag and flag.bare else 2
        elif word.startswith("-") and "=" not in word and len(word) == 2:
            flag = letters.get(word[1])
            index += 1 if flag and flag.bare else 2
        elif word.startswith("-") and word != "-":
            index += 1
        else:
            return index
    return None


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words[:1] == ["--version"]:
        _say(VERSION.removeprefix("v"))
        return 0
    path, rest = find(words)
    command = COMMANDS.get(path, _ROOT)
    parts = {
        name.rpartition(" ")[2]: part
        for name, part in COMMANDS.items()
        if name.rpartition(" ")[0] == path and name
    }
    if command.run:
        try:
            arguments = flags.parse(path, rest, command)
        except UsageError as error:
            if parts or any(name.startswith(f"{path} ") for name in ONLY_OFFICIAL):
                raise _unknown(path, rest, command) from error
            _say(flags.usage(path, command, parts))
            raise
    else:
        arguments = flags.parse(
            path, rest, Command(command.summary, arguments="[word]...", flags=command.flags)
        )
        if arguments.positional and not arguments.has("--help"):
            raise _unknown(path, arguments.positional)
    if arguments.has("--help") or not command.run:
        _say(flags.usage(path, command, parts))
        return 0 if arguments.has("--help") else 1
    if folder := arguments.value("--cwd"):
        try:
            os.chdir(folder)
        except OSError as error:
            raise EngineError(f"chdir {folder}: {(error.strerror or '').lower()}") from error
    return _carried_out(command, arguments)


def _carried_out(command: Command, arguments: flags.Arguments) -> int:
    module, _, function = command.run.partition(".")
    run = getattr(importlib.import_module(f"local.engine.command.{module}"), function)
    try:
        return run(arguments)
    except NoStackError as error:  # commands look for their stack before they do anything
        from local.engine.command import stack_choice  # noqa: PLC0415 - at a terminal only

        stack_choice.settle(arguments, error)
        return run(arguments)


def _unknown(path: str, words: list[str], command: Command | None = None) -> EngineError:
    """The first word that could have been a command and is none."""
    if command is not None:
        index = _next(words, flags.known(command))
        words = words[index:] if index is not None else words
    name = f"pulumi {path}".strip()
    meant = "".join(f"\t{found}\n" for found in suggestion.suggestions(path, words, COMMANDS))
    told = f"\n\nDid you mean this?\n{meant}" if meant else ""
    return EngineError(f'unknown command "{words[0]}" for "{name}"{told}\nRun \'{name} --help\' for usage.')
