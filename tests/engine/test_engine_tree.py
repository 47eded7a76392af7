"""The tree of an operation: rows from events, what fits a terminal, and what a terminal shows in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from dataclasses import replace

import pyte
import pytest

from local.engine.display import colour
from local.engine.display.options import DisplayOptions
from local.engine.display.prompt import Choice, is_interactive
from local.engine.display.rows import Rows
from local.engine.display.tree import frame, table
from local.engine.display.view import step_view
from local.engine.state.resource_state import ResourceState
from local.engine.steps.step import Step

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"


class Clock:
    """A time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Operation:
    """Feeds rows with the events of an operation."""

    def __init__(self, *, preview: bool = False, terminal: bool = True, **options: object) -> None:
        self.clock = Clock()
        shown = replace(DisplayOptions(terminal=terminal), **options)
        self.rows = Rows(shown, preview=preview, stack_urn=STACK, clock=self.clock)
        self.preview = preview

    def state(self, name: str, parent: str = STACK, **fields: object) -> ResourceState:
        if name == STACK:
            return ResourceState(STACK, "pulumi:pulumi:Stack")
        return ResourceState(
            f"urn:pulumi:dev::shop::a:b:C::{name}", "a:b:C", custom=True, parent=parent, **fields
        )

    def tell(self, kind: str, op: str, name: str, old: ResourceState | None = None, **fields: object) -> None:
        state = self.state(name, **fields)
        step = Step(op, state.urn, old, None if op == "delete" else state)
        self.rows.feed(kind, {"metadata": step_view(step), "planning": self.preview})

    def begin(self, op: str, name: str, old: ResourceState | None = None, **fields: object) -> None:
        self.tell("resourcePreEvent", op, name, old, **fields)

    def end(self, op: str, name: str, old: ResourceState | None = None, **fields: object) -> None:
        self.tell("resOutputsEvent", op, name, old, **fields)

    def say(self, severity: str, text: str, urn: str = "") -> None:
        note = {
            "prefix": f"{severity}: ",
            "message": text,
            "severity": severity,
            "stream": 0,
            "ephemeral": False,
        }
        self.rows.feed("diagnosticEvent", {**note, "urn": urn})

    def lines(self) -> list[str]:
        return [colour.plain(line).rstrip() for line in table(self.rows)]


def test_rows_hang_on_their_parents_and_say_how_long_they_take() -> None:
    operation = Operation()
    operation.begin("create", STACK)
    operation.begin("create", "net")
    operation.begin("create", "disk", parent="urn:pulumi:dev::shop::a:b:C::net")
    operation.clock.now = 3.2
    operation.end("create", "disk", parent="urn:pulumi:dev::shop::a:b:C::net")
    assert operation.lines() == [
        "     Type                 Name      Status",
        " +   pulumi:pulumi:Stack  shop-dev  creating (3s)",
        " +   └─ a:b:C             net       creating (3s)",
        " +      └─ a:b:C          disk      created (3s)",
    ]
    operation.clock.now = 3.6
    operation.end("create", "net")
    operation.rows.done = True
    assert operation.lines()[2:] == [
        " +   └─ a:b:C             net       created (3s)",
        " +      └─ a:b:C          disk      created (3s)",
    ]


def test_what_stays_the_same_shows_only_above_what_changes_or_when_asked_for() -> None:
    def fed(**options: bool) -> list[str]:
        operation = Operation(preview=True, **options)
        for name in ("net", "other"):
            operation.begin("same", name, operation.state(name))
        net = "urn:pulumi:dev::shop::a:b:C::net"
        before = operation.state("disk", parent=net, inputs={"size": 1})
        operation.begin("update", "disk", before, parent=net, inputs={"size": 2})
        return operation.lines()

    assert [line for line in fed() if " other" in line] == []
    assert next(line for line in fed() if "disk" in line).split() == [
        "~",
        "└─",
        "a:b:C",
        "disk",
        "update",
        "[diff:",
        "~size]",
    ]
    assert next(line for line in fed() if "net" in line).split() == ["└─", "a:b:C", "net"]
    assert [line.split()[-1] for line in fed(show_sames=True) if " other" in line] == ["other"]


def test_a_failure_shows_its_message_while_others_go_on_and_is_counted_in_the_end() -> None:
    operation = Operation()
    operation.begin("create", "disk")
    operation.say("error", "no space\nleft", "urn:pulumi:dev::shop::a:b:C::disk")
    assert operation.lines()[-1].endswith("creating (0s)     error: no space")
    operation.tell("resOpFailedEvent", "create", "disk")
    operation.rows.done = True
    assert "  **creating failed**  " in operation.lines()[-1]
    assert operation.lines()[-1].endswith("1 error")


def test_what_was_under_way_when_the_operation_ended_is_called_interrupted() -> None:
    operation = Operation()
    operation.begin("create", "disk")
    operation.rows.done = True
    assert operation.lines()[-1].endswith("creating (interrupted)")


def test_a_long_tree_shows_its_end_and_says_what_is_above() -> None:
    operation = Operation()
    for number in range(30):
        operation.begin("create", f"disk-{number}")
    rows = table(operation.rows)
    whole = frame(rows, [], sames=0, width=80, height=60)
    assert len(whole.lines) == len(rows)
    end = frame(rows, [], sames=2, width=80, height=12)
    shown = [colour.plain(line) for line in end.lines]
    assert len(shown) < 12
    assert "disk-29" in shown[-5]
    assert shown[-4].strip() == "⬆ more"
    assert shown[-1] == "    2 unchanged"
    top = frame(rows, [], sames=0, width=80, height=12, offset=0, scrolled=True)
    assert colour.plain(top.lines[-1]).strip() == "more⬇"
    assert "shop-dev" not in shown[1]


def test_a_narrow_terminal_cuts_what_is_said_last() -> None:
    operation = Operation()
    operation.begin("create", "disk")
    operation.say("warning", "x" * 200, "urn:pulumi:dev::shop::a:b:C::disk")
    for width in (80, 40, 4):
        cut = frame(table(operation.rows), [], sames=0, width=width, height=24).lines
        assert max(colour.width(line) for line in cut) <= width - 1
    assert "disk" in frame(table(operation.rows), [], sames=0, width=40, height=24).lines[-1]


def test_keys_choose_an_answer_and_letters_narrow_the_list() -> None:
    choice = Choice(("yes", "no", "details"), "no")
    assert choice.pressed(b"\x1b[A").focus == "yes"
    assert choice.pressed(b"\x1b[B").focus == "details"
    assert choice.pressed(b"\x1b[B").pressed(b"\x1b[B").focus == "yes"
    assert choice.pressed(b"y").shown == ("yes",)
    assert choice.pressed(b"y").focus == "yes"
    assert choice.pressed(b"y").pressed(b"\x7f").shown == choice.options
    assert choice.pressed(b"q").shown == ()


@pytest.mark.parametrize(
    ("environment", "interactive"),
    [({}, True), ({"TERM": "dumb"}, False), ({"GITHUB_ACTIONS": "true"}, False), ({"TERM": "xterm"}, True)],
)
def test_nobody_is_asked_in_ci_or_on_a_dumb_terminal(environment: dict[str, str], interactive: bool) -> None:
    assert is_interactive(environment) is interactive


class Terminal:
    """A command at a terminal whose screen can be read."""

    def __init__(self, words: list[str], folder: object, env: dict[str, str], size: tuple[int, int]) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self._fd = ours
        self.screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self.screen)
        self.process = subprocess.Popen(
            words, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)

    def read(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is closed
            return False
        self._stream.feed(data)
        return bool(data)

    def until(self, text: str) -> None:
        while text not in "\n".join(self.screen.display):
            assert self.read(), f"the command ended without saying {text!r}: " + "\n".join(
                self.screen.display
            )

    def press(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def end(self) -> tuple[int, list[str]]:
        while self.read():
            pass
        os.close(self._fd)
        return self.process.wait(60), [line.rstrip() for line in self.screen.display]


def test_a_terminal_shows_the_tree_asks_and_ends_with_everything_on_the_screen(stack) -> None:
    stack.write_program(
        "g = Group('g')\na = Thing('a', text=pulumi.Output.secret('hu5h-hu5h'), opts=Opts(parent=g))\n"
        "b = Thing('b', text='hello')\npulumi.log.warn('look out', resource=b)\npulumi.export('out', b.shout)\n"
    )
    kept = {
        key: value
        for key, value in stack.env.items()
        if key not in {"CI", "GITHUB_ACTIONS", "NO_COLOR", "TF_BUILD"}
    }
    env = {**kept, "TERM": "xterm-256color"}
    terminal = Terminal(stack.command("up"), stack.program, env, (60, 80))
    terminal.until("Do you want to perform this update?")
    terminal.press(b"d\r")  # details
    terminal.until("[urn=urn:pulumi:dev::conformance::pulumi-python:dynamic:Resource::b]")
    terminal.until("> no")
    terminal.press(b"\x1b[A\r")  # up to yes
    terminal.until("Updating (dev):")
    code, shown = terminal.end()
    text = "\n".join(shown)
    assert code == 0, text
    after = text[text.index("Updating (dev):") :]
    after = re.sub(r"\(\d+(\.\d+)?s\)|\d+s\b", "(T)", after)
    assert sum("└─" in line or "├─" in line for line in after.splitlines()) == 3, after
    assert "  └─ pulumi-python:dynamic:Resource  a " in after  # below its component
    assert "warning: look out" in after
    assert '    out: "HELLO"' in after
    assert "    + 4 created" in after
    assert "Duration:" in after
    assert "hu5h" not in text.lower()
    assert max(len(line) for line in shown if "─ " in line) < 80
