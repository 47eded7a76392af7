"""``python -m local replay DIR``: the command."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import typer
from rich.console import Console
from rich.progress import Progress

from local.replay import enumeration, report
from local.replay.comparison import Terms
from local.replay.example import ExampleError, read_all
from local.replay.preparation import Library
from local.replay.replay import Judgement, Verdict, replay_one
from local.replay.world import world
from local.replay.writable import Writable
from local.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.replay.example import Example


async def replay_all(
    examples: Sequence[Example],
    chosen: Sequence[Example] | None = None,
    done: Callable[[Verdict], None] = lambda _verdict: None,
) -> list[Verdict]:
    """Replays the ``chosen`` (all unless given) of a folder's examples, each in an emptied private local Azure."""
    library = Library(examples, Writable(examples))
    verdicts: list[Verdict] = []
    async with world() as azure:
        for example in examples if chosen is None else chosen:
            terms = Terms(serves=azure.serves, members=enumeration.members(example.namespace))
            verdicts.append(await replay_one(azure, library, example, terms))
            done(verdicts[-1])
    return verdicts


def replay_folder(folder: str, *, only: Sequence[str], show: Sequence[str], as_json: bool) -> None:
    """Replays a folder and prints what came of it.

    Raises:
        typer.Exit: 1, an answer is wrong or the folder has no examples; 2, the options are.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    shown = frozenset(show)
    if unknown := sorted(shown - {*get_args(Judgement), "none"}):
        errors.print(f"[red]error:[/] --show knows ok, unsupported, wrong and none, not '{unknown[0]}'.")
        raise typer.Exit(2)
    # What fails on purpose (a body that is refused, a deployment that isn't run) is no news.
    logger = logging.getLogger("local")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        examples = read_all(Path(folder))
        wanted = [text.lower() for text in only]
        chosen = [
            example
            for example in examples
            if not wanted or any(text in f"{example.title} {example.path}".lower() for text in wanted)
        ]
        began = time.monotonic()
        with Progress(console=errors, transient=True, disable=as_json or not errors.is_terminal) as progress:
            task = progress.add_task("Replaying", total=len(chosen))
            verdicts = asyncio.run(replay_all(examples, chosen, lambda _verdict: progress.advance(task)))
        seconds = time.monotonic() - began
    except (ExampleError, ServiceError) as error:
        errors.print("[red]error:[/] ", end="")
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    finally:
        logger.setLevel(level)
    if as_json:
        sys.stdout.write(json.dumps(report.document(verdicts, seconds), indent=2) + "\n")
    else:
        report.show(Console(highlight=False, soft_wrap=True), verdicts, shown, seconds)
    if report.counts(verdicts)["wrong"]:
        raise typer.Exit(1)
