"""The command line's grammar: commands with their flags, `-s`, `--flag=value`, `--`; what isn't there is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.engine.error import EngineError, UnsupportedError

BOOL, VALUE, LIST, REFUSED = "bool", "value", "list", "refused"
Spec = dict[str, str]

GLOBAL: Spec = {
    "--cwd": VALUE,
    "--color": VALUE,
    "--emoji": BOOL,
    "--non-interactive": BOOL,
    "--logflow": BOOL,
    "--logtostderr": BOOL,
    "--verbose": VALUE,
    "--fully-qualify-stack-names": BOOL,
    "--disable-integrity-checking": BOOL,
    "--help": BOOL,
    "--tracing": REFUSED,
    "--profiling": REFUSED,
}
SHORT = {
    "-C": "--cwd",
    "-s": "--stack",
    "-y": "--yes",
    "-f": "--skip-preview",
    "-m": "--message",
    "-p": "--parallel",
    "-r": "--refresh",
    "-t": "--target",
    "-c": "--config",
    "-j": "--json",
    "-d": "--debug",
    "-v": "--verbose",
    "-e": "--emoji",
    "-h": "--help",
    "-Q": "--fully-qualify-stack-names",
    "-a": "--all",
    "-i": "--show-ids",
    "-u": "--show-urns",
}
_TRUE = {"true", "1", "t", "yes"}


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
        return bool(given) and given[-1].lower() in _TRUE

    def given(self, flag: str) -> bool:
        """Whether a flag was there at all."""
        return flag in self.values

    def value(self, flag: str, default: str = "") -> str:
        """A flag's last value."""
        return self.values.get(flag, [default])[-1]

    def all(self, flag: str) -> list[str]:
        """All values of a flag that may be repeated."""
        return self.values.get(flag, [])


def parse(command: str, words: list[str], spec: Spec, short: dict[str, str] | None = None) -> Arguments:  # noqa: C901 - one branch a form of words
    """The arguments of a command; raises EngineError for a flag it hasn't, UnsupportedError for one only the official CLI has."""
    known = {**GLOBAL, "--stack": VALUE, **spec}
    letters = {**SHORT, **(short or {})}
    arguments = Arguments(command)
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            arguments.positional += words
            break
        if not word.startswith("-") or word == "-":
            arguments.positional.append(word)
            continue
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            if len(name) > 2 and not equals:  # -sdev
                name, value, equals = name[:2], name[2:], "="
            name = letters.get(name, name)
        kind = known.get(name)
        if kind is None:
            raise EngineError(
                f"unknown flag: {name} (`pulumi {command} --help` lists what the embedded engine takes)"
            )
        if kind == REFUSED:
            raise UnsupportedError(f"{name} of `pulumi {command}`")
        if kind == BOOL:
            value = value if equals else "true"
        elif not equals:
            if not words:
                raise EngineError(f"flag needs an argument: {name}")
            value = words.pop(0)
        arguments.values.setdefault(name, []).append(value)
        arguments.order.append((name, value))
    return arguments


def usage(command: str, spec: Spec, summary: str) -> str:
    """What `--help` prints."""
    lines = [summary, "", f"Usage:\n  pulumi {command} [flags]", "", "Flags:"]
    for name, kind in sorted({**spec, **GLOBAL, "--stack": VALUE}.items()):
        if kind != REFUSED:
            lines.append(f"      {name}{'' if kind == BOOL else ' value'}")
    return "\n".join(lines)
