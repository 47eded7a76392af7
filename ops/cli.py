"""The commands of ``python -m ops`` (installed as ``mlops``): each lives in a module of its own, this one registers them."""

from __future__ import annotations

import sys

import typer

from ops import pull_request, retrain, share
from ops.failure import Failure
from ops.fleet import command as fleet
from ops.preview import command as preview
from ops.score import command as score

app = typer.Typer(
    help="Runs the platform: what people and pipelines call.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _mlops() -> None:  # pyright: ignore[reportUnusedFunction] (with it, a single command is still called by its name)
    pass


# One line per command: app.command()(module.function), or app.add_typer(module.app, name="…").
app.command()(preview.preview)
app.command()(pull_request.comment)
app.command()(retrain.retrain)
app.command()(share.share)
app.add_typer(fleet.app, name="fleet")
app.command()(score.score)


def main() -> None:
    """Runs a command; what it can't do is one line and its exit code."""
    try:
        app()
    except Failure as failure:
        sys.stderr.write(f"error: {failure}\n")
        sys.exit(failure.code)
