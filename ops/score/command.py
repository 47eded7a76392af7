"""``python -m ops score``: scores a folder of files through a model's batch endpoint, into one file.

The folder is uploaded, the endpoint's default deployment scores it as a job on the platform's cluster, and what the job
wrote is downloaded as it is. Where the endpoint is, the outputs of a stack say, or options, or the environment.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ml.client import AzureMLError
from ops.failure import Failure
from ops.score.run import Wanted, run
from ops.score.target import Target, deployed


def score(
    model: Annotated[str, typer.Argument(help="The model, as its folder is called.")],
    folder: Annotated[Path, typer.Argument(help="The files to score.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the predictions go.")] = Path(
        "predictions.csv"
    ),
    stack: Annotated[
        str | None,
        typer.Option(
            help="Where the model is deployed; the selected stack unless a workspace is named here or in the environment."
        ),
    ] = None,
    subscription_id: Annotated[
        str | None, typer.Option("--subscription", envvar="AZURE_SUBSCRIPTION_ID", help="Its subscription.")
    ] = None,
    resource_group: Annotated[
        str | None, typer.Option(envvar="AZURE_RESOURCE_GROUP", help="The workspace's resource group.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(envvar="AZURE_WORKSPACE_NAME", help="The workspace, without a stack.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="The batch endpoint; the model's unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Score a folder of files through a model's batch endpoint, into one file."""
    files = _files(folder, output)
    if stack is None and resource_group and workspace:
        target = Target(subscription_id, resource_group, workspace, endpoint)
    else:
        target = deployed(stack, model, subscription_id, endpoint)
    console = Console(stderr=True, highlight=False)
    try:
        done = run(console, target, Wanted(model, folder, files, output))
    except AzureMLError as error:
        raise Failure(str(error)) from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
    else:
        sys.stdout.write(
            f"{done.output}: {done.rows:,} rows from {done.files:,} files in {done.seconds:.0f} s (job {done.job})\n"
        )


def _files(folder: Path, output: Path) -> tuple[Path, ...]:
    """What there is to score, in order, hidden files aside; refuses what can't end well before anything is sent."""
    if not folder.is_dir():
        raise Failure(f"{folder}: is no folder, so there is nothing to score; name one with files", code=2)
    files = tuple(
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not files:
        raise Failure(f"{folder}: has no files, so there is nothing to score; put some into it", code=2)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise Failure(f"{output}: can't be written; name a file in a folder that is there", code=2)
    return files
