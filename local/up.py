"""``python -m local up`` and ``down``: the local stack with its sample model, from nothing to a scored prediction.

Up is idempotent: what is there is left as it is. It ends with the endpoint's URL, a prediction it just made, the
monitor's finding and what to try next.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from typing import Any

import typer

from local import engine_run, sample, service
from local.command import Work, check_room, counted, started, told
from local.endpoint import WorkspaceClient
from local.settings import REPOSITORY, LocalDir
from local.stack import STACK, checkpoint_of, forget

_PROGRAM_COMMANDS = ("up", "preview", "refresh", "destroy")
# Those that look at the program's interpreter, and what they are told besides.
_PROJECT_COMMANDS = {"about": ("--stack", STACK), "install": ()}


def up() -> None:
    """Bring up local Azure and the local stack with the sample model, and score it once."""
    with told("make up") as (console, directory):
        check_room(directory)
        work = started(console, directory)
        began = time.monotonic()
        with console.status("Reading the stack"):
            work.stack.prepare()
            _forget_what_is_gone(work)
        console.print("Deploying the stack [bold]local[/]")
        changes = engine_run.run(work.console, work.stack, "up")
        outputs = work.stack.outputs()
        _remember(work, outputs)
        with console.status("Asking the endpoint"):
            result = asyncio.run(sample.try_out(work.directory, work.stack.azure, outputs))
        _report(work, result, changes, time.monotonic() - began)


def down() -> None:
    """Destroy the local stack and stop local Azure."""
    with told("make down") as (console, directory):
        if checkpoint_of(directory).exists():
            work = started(console, directory)
            work.stack.prepare()
            console.print("Destroying the stack [bold]local[/]")
            changes = engine_run.run(work.console, work.stack, "destroy")
            work.directory.stack.unlink(missing_ok=True)
            console.print(f"Destroyed: {counted(changes) or 'nothing was deployed'}.")
        with console.status("Stopping local Azure"):
            stopped = service.stop(directory)
        if stopped:
            console.print(f"Local Azure is stopped. Its data stays in {directory.root} until `make clean`.")
        else:
            console.print("Local Azure was not running.")


def clean() -> None:
    """Stop local Azure and remove everything of it and of the local stack, whatever state they are in."""
    with told("make clean") as (console, directory):
        service.reset(directory)
        demo = LocalDir(directory.root / "demo")
        if demo.root.exists():
            service.reset(demo)
            shutil.rmtree(demo.root)
        forget(directory)
        for file in ("start.lock", "server.lock", "up.lock"):
            (directory.root / file).unlink(missing_ok=True)
        if any(directory.root.iterdir()):
            left = ", ".join(sorted(path.name for path in directory.root.iterdir()))
            console.print(f"Removed what was ours in {directory.root}; left there: {left}.")
            return
        directory.root.rmdir()
        console.print(f"Removed {directory.root}.")


def pulumi(context: typer.Context) -> None:
    """Run an engine command on the local stack, e.g. `python -m local pulumi preview --diff`."""
    with told("pulumi") as (console, directory):
        work = started(console, directory)
        work.stack.prepare()
        arguments = context.args
        # Commands on the stack alone run where it was made and selected, and where its settings are.
        command, folder = [str(work.stack.engine.executable), *arguments], work.stack.project
        if arguments and arguments[0] in _PROGRAM_COMMANDS:
            command, folder = work.stack.arguments(*arguments), REPOSITORY
        elif arguments and arguments[0] in _PROJECT_COMMANDS:
            command, folder = [*command, *_PROJECT_COMMANDS[arguments[0]]], REPOSITORY
        with work.stack.provider() as extra:
            environment = {**work.stack.environment(), **extra}
            code = subprocess.run(command, cwd=folder, env=environment, check=False).returncode  # noqa: S603
        if code:
            raise typer.Exit(code)


def _forget_what_is_gone(work: Work) -> None:
    """Refreshes a stack whose workspace local Azure doesn't have any more, so that it is made again."""
    noted = sample.recorded(work.directory)
    if "workspace" not in noted or not work.stack.checkpoint.exists():
        return
    if asyncio.run(_workspace_exists(work, noted)):
        return
    work.console.print("Local Azure has lost the stack's workspace: refreshing before deploying again.")
    engine_run.run(work.console, work.stack, "refresh")


async def _workspace_exists(work: Work, noted: dict[str, Any]) -> bool:
    async with WorkspaceClient(work.stack.azure, noted["resourceGroup"], noted["workspace"]) as client:
        return await client.exists()


def _remember(work: Work, outputs: dict[str, Any]) -> None:
    sample.record(
        work.directory,
        resourceGroup=outputs["resourceGroup"],
        workspace=outputs["workspace"],
    )


def _report(work: Work, outcome: sample.Outcome, changes: dict[str, int], seconds: float) -> None:
    console = work.console
    flight, answer = outcome.flight, outcome.answer
    changed = counted(changes)
    console.print()
    console.print(f"[bold green]Up[/] in {seconds:.0f} s: {changed or 'nothing to change'}.")
    console.print()
    console.print(f"[bold]Endpoint[/]    {outcome.url}")
    console.print(
        f"[bold]Prediction[/]  {flight['carrier']} {flight['origin']}→{flight['destination']}, left "
        f"{flight['departure_delay']} min late: {answer['probability']:.0%} likely to arrive more than 15 min late "
        f"([dim]deployment {outcome.deployment}[/])",
    )
    colour = "yellow" if outcome.drifted else "green"
    console.print(
        f"[bold]Monitor[/]     [{colour}]{outcome.finding}[/] [dim](flights of June and July)[/]",
    )
    console.print()
    console.print("[bold]Next[/]")
    for command, what in _NEXT:
        console.print(f"  {command:<48} [dim]{what}[/]")


_NEXT = (
    ('eval "$(.venv/bin/python -m local env)"', "point this shell's Azure clients at local Azure"),
    (".venv/bin/python -m ml.drift report", "the drift as a page (in that shell)"),
    (".venv/bin/python -m local pulumi preview --diff", "what a change would do"),
    ("make down", "destroy the stack and stop everything"),
)
