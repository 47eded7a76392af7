"""``python -m infra``: what the platform's configuration means, without Pulumi and without Azure."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

#: Of tables in a file or a pipe.
_WIDTH = 140

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


@app.command()
def explain(
    *,
    stack: Annotated[
        str, typer.Option("--stack", "-s", help="The stack, as in Pulumi.STACK.yaml.")
    ] = "local",
    profile: Annotated[
        str | None, typer.Option("--profile", help="As if the stack had this profile instead of its own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a stack would have, what it costs to leave running, and why its settings are what they are."""
    import pulumi  # noqa: PLC0415 (it takes long, and the schema doesn't need it)

    from infra.explain import explanation, report, stack_file  # noqa: PLC0415
    from ops import program  # noqa: PLC0415

    try:
        found = explanation.explain(stack_file.read(stack), program.main, profile)
    except (stack_file.StackFileError, pulumi.RunError) as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(error).splitlines()))
        sys.exit(1)
    if as_json:
        sys.stdout.write(f"{json.dumps(found.document(), indent=2, ensure_ascii=False)}\n")
    else:
        console = Console()
        report.write(found, console if console.is_terminal else Console(width=_WIDTH))


if __name__ == "__main__":
    app()
