"""Runs the engine on the local stack as a process of its own, and tells what it does while it does it."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

from local.progress import Run, events
from local.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from local.stack import LocalStack


class EngineRunError(Exception):
    """The engine failed; the message has its errors and where its log is."""


def run(console: Console, stack: LocalStack, command: str) -> dict[str, int]:
    """Runs the engine and tells what it does; returns how many resources were created, updated, deleted and same."""
    log = stack.directory.logs / f"{command}.log"
    event_log = stack.directory.logs / f"{command}-events.json"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    event_log.unlink(missing_ok=True)
    options = ["--yes", "--non-interactive", "--color", "never", "--event-log", str(event_log)]
    if command != "refresh":
        options.append("--skip-preview")
    with (
        console.status("Reading the program") as status,
        stack.provider() as extra,
        log.open("w") as file,
    ):
        seen = Run(console, status)
        environment = {**stack.environment(), **extra}
        with subprocess.Popen(  # noqa: S603 (our own engine, our own arguments)
            stack.arguments(command, *options),
            cwd=REPOSITORY,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            code = _follow(process, seen, event_log)
    if code:
        problems = seen.errors or [_said_at_the_end(log.read_text())]
        shown = "\n".join(f"  {problem}" for problem in dict.fromkeys(problems))
        raise EngineRunError(
            f"the engine's {command} failed:\n{shown}\n"
            f"What was finished is kept; mend it and run this again. (log: {log})"
        )
    return seen.changes


def _follow(process: subprocess.Popen[bytes], seen: Run, event_log: Path) -> int:
    """Shows events until the process ends. Ctrl-C once lets the engine finish what is in flight; twice stops it."""
    offset = 0
    interrupts = 0
    while True:
        try:
            ended = process.poll() is not None
            for event, behind in events(event_log, offset):
                offset = behind
                seen.see(event)
            if ended:
                break
            time.sleep(0.05)
        except KeyboardInterrupt:
            interrupts += 1
            process.send_signal(signal.SIGINT)
            seen.console.print("  Finishing what is in flight; Ctrl-C again stops at once.", style="yellow")
    if interrupts:
        raise KeyboardInterrupt
    return process.returncode


def _said_at_the_end(text: str) -> str:
    """What the engine wrote from its error on, for where it ended before there were events."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    start = next((at for at, line in enumerate(lines) if line.startswith("error:")), len(lines) - 1)
    return "\n  ".join(lines[start:]).removeprefix("error: ") or "it ended without a word"
