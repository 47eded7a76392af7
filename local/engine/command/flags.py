"""The command line's grammar, that of the official CLI: a tree of commands, each with its flags and arguments.

A command's flags are written as its `--help` shows them, a line each:

    -m --message=string   What the operation is for
       --refresh[=true]   A value may be left out
       --plan=refused     What only the official CLI has
       --client=string    (without a description: not listed)

Types: string, int, list (may be repeated), words (repeated or with commas), refused; none is a switch.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, field

from local.engine.error import EngineError, UnsupportedError

BOOL, STRING, INT, LIST, WORDS, REFUSED = "bool", "string", "int", "list", "words", "refused"
_LINE = re.compile(r"(?:-(\w) )?--([\w-]+)(?:=(\w+))?(?:\[=(\w+)\])?(?:  +(.*))?$")
TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_COLORS = {"auto", "always", "never", "raw"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}


def boolean(text: str) -> bool:
    """A switch's value; raises ValueError for what is none."""
    if text not in TRUE | _FALSE:
        raise ValueError(text)
    return text in TRUE


@dataclass(frozen=True)
class Flag:
    """A flag; `bare` is its value where it is given without one."""

    name: str
    kind: str
    summary: str = ""
    short: str = ""
    bare: str = ""

    @property
    def shown(self) -> str:
        """Its names as errors show them."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass(frozen=True)
class Command:
    """A command; without `run`, it only groups others.

    `run` names the function, `module.function` in this package; `arguments` reads `<key> [value]` or `<key>...`.
    """

    summary: str
    run: str = ""
    arguments: str = ""
    flags: str = ""
    aliases: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()


GLOBAL = """
-C --cwd=string                       Run in another folder
   --color=string                     always, never, raw or auto
-e --emoji                            Allow emojis
   --non-interactive                  Never ask
   --logflow                          Hand log settings to child processes
   --logtostderr                      Log to standard error
-v --verbose=int                      How much to log
-Q --fully-qualify-stack-names        Print stacks as organization/PROJECT/STACK
   --disable-integrity-checking       Don't check state files
-h --help                             Show this
   --tracing=refused
   --tracing-header=refused
   --otel-traces=refused
   --profiling=refused
   --memprofilerate=int
"""


@functools.cache
def table(text: str) -> dict[str, Flag]:
    """The flags of a text, by name."""
    flags: dict[str, Flag] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _LINE.match(line.strip())
        assert match is not None, line  # noqa: S101 - the tables are ours
        short, name, kind, bare, summary = match.groups()
        kind = kind or (STRING if bare else BOOL)
        flags[name] = Flag(name, kind, summary or "", short or "", "true" if kind == BOOL else bare or "")
    return flags


def known(command: Command) -> dict[str, Flag]:
    """All flags of a command; its own go before the global ones."""
    return {**table(GLOBAL), **table(command.flags)}


@dataclass
class Arguments:
    """What a command line says."""

    command: str
    positional: list[str] = field(default_factory=list[str])
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    order: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def has(self, flag: str) -> bool:
        """Whether a switch is on."""
        given = self.values.get(flag)
        return bool(given) and given[-1] in TRUE

    def given(self, flag: str) -> bool:
        """Whether a flag was there at all."""
        return flag in self.values

    def value(self, flag: str, default: str = "") -> str:
        """A flag's last value."""
        return self.values.get(flag, [default])[-1]

    def all(self, flag: str) -> list[str]:
        """All values of a flag that may be repeated."""
        return self.values.get(flag, [])

    def add(self, flag: Flag, value: str, shown: str) -> None:
        """Take a flag's value; raises EngineError for one that isn't of its type."""
        problem = ""
        if flag.kind == REFUSED:
            raise UnsupportedError(f"--{flag.name} of `pulumi {self.command}`")
        if flag.kind == BOOL and value not in TRUE | _FALSE:
            problem = f'strconv.ParseBool: parsing "{value}": invalid syntax'
        elif flag.kind == INT and not re.fullmatch(r"[+-]?\d+", value):
            problem = f'strconv.ParseInt: parsing "{value}": invalid syntax'
        if problem:
            raise EngineError(f'invalid argument "{value}" for "{shown}" flag: {problem}')
        if flag.name == "color" and value not in _COLORS:
            raise EngineError(
                f"unsupported color option: '{value}'.  Supported values are: auto, always, never, raw"
            )
        if flag.name == "output" and value not in {"default", "json"}:
            raise EngineError(
                f'invalid argument "{value}" for "{shown}" flag: output "{value}" not supported, valid values are: default '
                "or json"
            )
        for part in value.split(",") if flag.kind == WORDS else [value]:
            self.values.setdefault(f"--{flag.name}", []).append(part)
            self.order.append((f"--{flag.name}", part))


def parse(path: str, words: list[str], command: Command) -> Arguments:
    """The arguments of a command; raises EngineError for a flag it hasn't, UnsupportedError for one only the official CLI has."""
    flags = known(command)
    letters = {flag.short: flag for flag in flags.values() if flag.short}
    arguments = Arguments(path)
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            arguments.positional += words
            break
        if not word.startswith("-") or word == "-":
            arguments.positional.append(word)
        elif word.startswith("--"):
            _long(arguments, word, flags, words)
        else:
            _short(arguments, word, letters, words)
    if not arguments.has("--help"):
        _check(arguments, command)
        _from_environment(arguments, flags)
        if "json" in flags and arguments.given("--output") and ("output", "json") not in command.exclusive:
            # With operations it is something else.
            _apart(arguments, ("output", "json"))
            arguments.add(flags["json"], "true" if arguments.value("--output") == "json" else "false", "")
    return arguments


def _long(arguments: Arguments, word: str, flags: dict[str, Flag], words: list[str]) -> None:
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise EngineError(f"bad flag syntax: {word}")
    flag = flags.get(name)
    if flag is None:
        raise EngineError(f"unknown flag: --{name}")
    if not equals:
        if flag.bare:
            value = flag.bare
        elif words:
            value = words.pop(0)
        elif flag.kind != REFUSED:
            raise EngineError(f"flag needs an argument: --{name}")
    arguments.add(flag, value, flag.shown)


def _short(arguments: Arguments, word: str, letters: dict[str, Flag], words: list[str]) -> None:
    """`-s dev`, `-sdev`, `-s=dev`, and switches together: `-yf`."""
    rest = word[1:]
    while rest:
        letter, rest = rest[0], rest[1:]
        flag = letters.get(letter)
        if flag is None:
            raise EngineError(f"unknown shorthand flag: '{letter}' in -{letter}{rest}")
        if rest.startswith("="):
            value, rest = rest[1:], ""
        elif flag.bare:
            value = flag.bare
        elif rest:
            value, rest = rest, ""
        elif words:
            value = words.pop(0)
        else:
            raise EngineError(f"flag needs an argument: '{letter}' in {word}")
        arguments.add(flag, value, flag.shown)


def _check(arguments: Arguments, command: Command) -> None:
    """How many arguments there are, and flags that exclude each other."""
    names = command.arguments.split()
    least = sum(name.startswith("<") for name in names)
    most = None if any(name.endswith("...") for name in names) else len(names)
    given = len(arguments.positional)
    problem = ""
    if most == least and given != least:
        problem = f"accepts {least} arg(s), received {given}"
    elif given < least:
        problem = f"requires at least {least} arg(s), only received {given}"
    elif most is not None and given > most:
        problem = f"accepts at most {most} arg(s), received {given}"
    if problem:
        raise UsageError(problem)
    for group in command.exclusive:
        _apart(arguments, group)


def _apart(arguments: Arguments, group: tuple[str, ...]) -> None:
    """Raise EngineError where more than one of these flags is given."""
    given = sorted(name for name in group if arguments.given(f"--{name}"))
    if len(given) > 1:
        raise EngineError(
            f"if any flags in the group [{' '.join(group)}] are set none of the others can be; "
            f"[{' '.join(given)}] were all set"
        )


class UsageError(EngineError):
    """A wrong number of arguments: the command's help is shown as well."""


def _from_environment(arguments: Arguments, flags: dict[str, Flag]) -> None:
    """PULUMI_OPTION_NAME stands for a flag that isn't given."""
    for name, flag in flags.items():
        value = os.environ.get("PULUMI_OPTION_" + name.upper().replace("-", "_"))
        if value and not arguments.given(f"--{name}") and name != "help":
            parts = value.split(",") if flag.kind == LIST else [value]
            for part in parts:
                arguments.add(flag, part.lower() if flag.kind == BOOL else part, flag.shown)


def usage(path: str, command: Command, parts: dict[str, Command]) -> str:
    """What `--help` prints; `parts` are the commands under it."""
    lines = [command.summary, "", "Usage:"]
    if command.run or not parts:
        lines.append(" ".join(word for word in ("  pulumi", path, command.arguments, "[flags]") if word))
    if parts:
        lines.append(f"  pulumi {path} [command]".replace("  [", " ["))
        lines += ["", "Available Commands:"]
        width = max(len(name) for name in parts)
        lines += [f"  {name.ljust(width)}  {part.summary}" for name, part in sorted(parts.items())]
    if command.aliases:
        lines += ["", "Aliases:", "  " + ", ".join((path.rsplit(" ", 1)[-1], *command.aliases))]
    own = table(command.flags)
    for title, flags in (
        ("Flags:", own),
        ("Global Flags:", {k: v for k, v in table(GLOBAL).items() if k not in own}),
    ):
        rows = [(_column(flag), flag.summary) for flag in flags.values() if flag.summary]
        if rows:
            width = max(len(column) for column, _ in rows)
            lines += [
                "",
                title,
                *(
                    f"  {column.ljust(width)}  {summary}".rstrip()
                    for column, summary in sorted(rows, key=lambda row: row[0].split("--")[1])
                ),
            ]
    return "\n".join(lines)


def _column(flag: Flag) -> str:
    kind = {BOOL: "", LIST: " string (repeatable)", WORDS: " string,…"}.get(flag.kind, f" {flag.kind}")
    return (
        (f"-{flag.short}, " if flag.short else "    ")
        + f"--{flag.name}{kind}"
        + (f"[={flag.bare}]" if flag.bare and flag.kind != BOOL else "")
    )
