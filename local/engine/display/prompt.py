"""The question before an update: yes, no or details; arrows or the first letters choose.

The words, the order and what follows an answer are the official CLI's (pkg/backend/apply.go, pkg/cmd/pulumi/ui/survey.go).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.engine import urn as urns
from local.engine.display import colour
from local.engine.display.diff_display import details
from local.engine.display.keys import Keys
from local.engine.display.progress import write
from local.engine.error import EngineError
from local.engine.steps import step as op

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.display.events import Event
    from local.engine.display.options import DisplayOptions
    from local.engine.display.view import StepView

YES, NO, DETAILS = "yes", "no", "details"
_ENTER, _ERASE, _INTERRUPT = {b"\r", b"\n"}, {b"\x7f", b"\b"}, {b"\x03", b"\x04"}
_UP, _DOWN = {b"\x1b[A", b"\x1bOA", b"\x10"}, {b"\x1b[B", b"\x1bOB", b"\x0e", b"\t"}
_HINT = "  [Use arrows to move, type to filter]"
# What says that nobody is there to answer, though there is a terminal.
_CI = (
    "PULUMI_CI_SYSTEM", "APPVEYOR", "CODEBUILD_BUILD_ARN", "bamboo_planKey", "BITBUCKET_COMMIT", "TF_BUILD",
    "BUILDKITE", "CIRCLECI", "CF_BUILD_URL", "CODESHIP", "DRONE", "GITHUB_ACTIONS", "GITLAB_CI", "GO_PIPELINE_LABEL",
    "HUDSON_URL", "JENKINS_URL", "MAGNUM", "SAILCI", "SEMAPHORE", "SPACELIFT", "TASK_ID", "TEAMCITY_VERSION",
    "TRAVIS", "CI", "BUILD_NUMBER",
)  # fmt: skip


def is_interactive(environment: Mapping[str, str]) -> bool:
    """Whether the environment lets somebody look on and answer."""
    return environment.get("TERM", "").lower() != "dumb" and not any(environment.get(name) for name in _CI)


def interactive_terminal() -> bool:
    """Whether this process is at a terminal with somebody before it."""
    return sys.stdin.isatty() and sys.stdout.isatty() and is_interactive(os.environ)


@dataclass(frozen=True)
class Choice:
    """A list to choose from: what is typed narrows it down."""

    options: tuple[str, ...]
    focus: str
    filter: str = ""
    every_key: bool = False  # whether names with other signs than letters are typed

    @property
    def shown(self) -> tuple[str, ...]:
        """What is left to choose from."""
        return tuple(option for option in self.options if self.filter.lower() in option.lower())

    def pressed(self, key: bytes) -> Choice:
        """The list after a key."""
        if key in _UP | _DOWN:
            if not self.shown:
                return self
            index = self.shown.index(self.focus) if self.focus in self.shown else 0
            return replace(self, focus=self.shown[(index + (1 if key in _DOWN else -1)) % len(self.shown)])
        if key in _ERASE:
            return self._filtered(self.filter[:-1])
        if key.isalnum() or (self.every_key and key in {b"-", b"_", b"."}):
            return self._filtered(self.filter + key.decode())
        return self

    def _filtered(self, text: str) -> Choice:
        narrowed = replace(self, filter=text)
        if narrowed.shown and self.focus not in narrowed.shown:
            narrowed = replace(narrowed, focus=narrowed.shown[0])
        return narrowed

    def lines(self, message: str, mode: str) -> list[str]:
        """The question with its options."""
        typed = f" {self.filter}" if self.filter else ""
        cursor = colour.colorize(f"{colour.BRIGHT_GREEN}>{colour.RESET}", mode)
        options = [f"{cursor if option == self.focus else ' '} {option}" for option in self.shown]
        return [*f"{message}{typed}{_HINT}".split("\n"), *options]


def choose(
    message: str, options: tuple[str, ...], default: str, mode: str, *, every_key: bool = False
) -> str:
    """Have the user choose; raises KeyboardInterrupt when they break off."""
    message = colour.colorize(f"{colour.PROMPT}{message}{colour.RESET}", mode)
    choice = Choice(options, default, every_key=every_key)
    keys = Keys()
    drawn = 0
    try:
        while True:
            lines = choice.lines(message, mode)
            write(_up(drawn) + "".join(f"{line}\r\n" for line in lines))
            drawn = len(lines)
            for key in keys.wait():
                if key in _INTERRUPT:
                    raise KeyboardInterrupt
                if key in _ENTER and choice.focus in choice.shown:
                    write(f"{_up(drawn)}{message} {choice.focus}\r\n")
                    return choice.focus
                choice = choice.pressed(key)
    finally:
        keys.close()


def _up(lines: int) -> str:
    """Back to where the question began, with what was there taken away."""
    return f"\x1b[{lines}A\r\x1b[J" if lines else ""


def confirm(kind: str, events: list[Event], options: DisplayOptions, *, called: str = "") -> bool:
    """Ask whether to go on after a preview, and say so if not; raises EngineError where the user breaks off.

    `called` is what an answer of no calls the operation, if it isn't its kind.
    """
    mode = options.colour
    for line in notes(kind, events):
        write(colour.colorize(line, mode) + "\n")
    question = f"Do you want to perform this {kind}?"
    if kind == "refresh":
        question += (
            f"{colour.RESET}\n{colour.YELLOW}No resources will be modified as part of this refresh; "
            "just your stack's state will be.\n"
        )
    while True:
        try:
            answer = choose(question, (YES, NO, DETAILS), NO, mode)
        except KeyboardInterrupt as error:
            raise EngineError(
                f"confirmation cancelled, not proceeding with the {called or kind}: interrupt"
            ) from error
        if answer == YES:
            return True
        if answer == NO:
            write(f"confirmation declined, not proceeding with the {called or kind}\n")
            return False
        write(details(events, options) + "\n")


def notes(kind: str, events: list[Event]) -> list[str]:
    """What to say before asking: that there is nothing, or that something stays behind."""
    steps: list[StepView] = [
        event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event
    ]
    steps = [step for step in steps if not step.internal]
    info = f"{colour.YELLOW}info: {colour.RESET}"
    lines: list[str] = []
    if kind == "update" and all(step.type == urns.STACK_TYPE for step in steps):
        lines.append(f"{info}There are no resources in your stack (other than the stack resource).\n")
    kept = [step for step in steps if step.op in {op.DELETE, op.REPLACE} and step.retained]
    if kind in {"update", "destroy"} and kept:
        lines.append(f"{info}This update will leave {len(kept)} resource(s) untracked in your environment:")
        lines += [f"    - {urns.type_of(step.urn)} {urns.name_of(step.urn)}" for step in kept] + [""]
    return lines
