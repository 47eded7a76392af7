"""``python -m infra``: what the platform's configuration means, without Pulumi and without Azure."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(
    help="Explains the platform's configuration. Nothing is deployed, and nobody signs in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _infra() -> None:  # pyright: ignore[reportUnusedFunction] (with it, a single command is still called by its name)
    pass


@app.command()
def schema(
    *,
    write: Annotated[bool, typer.Option("--write", help="Write Pulumi.schema.json instead.")] = False,
) -> None:
    """Print the JSON Schema of stack files."""
    from infra import schema as stack_schema  # noqa: PLC0415 (other commands don't need it)

    if write:
        stack_schema.FILE.write_text(stack_schema.text(), encoding="utf-8")
    else:
        sys.stdout.write(stack_schema.text())


if __name__ == "__main__":
    app()
