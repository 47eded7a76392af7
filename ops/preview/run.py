"""Runs a stack's preview with whichever engine there is, and says meanwhile what it is at."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ops.engine import EngineError, choose
from ops.failure import Failure
from ops.preview import plan
from ops.preview.redaction import Redactor
from ops.stack import project, reason

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAUSE = 0.1


@dataclass(frozen=True)
class Ran:
    """A preview that was run: its plan, and why the engine would refuse the update, if it would."""

    plan: plan.Plan
    failure: str = ""


def run(
    stack: str,
    *,
    policy_pack: Path | None = None,
    policy_pack_config: Path | None = None,
    config_file: Path | None = None,
) -> Ran:
    """Previews ``stack`` of the project in the working directory, or else of this repository.

    Raises:
        Failure: there is no engine, or the preview failed.
    """
    try:
        engine = choose(os.environ)
    except EngineError as error:
        raise Failure(str(error), code=2) from None
    options = [
        word
        for name, value in (
            ("--policy-pack", policy_pack),
            ("--policy-pack-config", policy_pack_config),
            ("--config-file", config_file),
        )
        if value is not None
        for word in (name, str(value))
    ]
    with tempfile.TemporaryDirectory(prefix="mlops-preview-") as scratch:
        log = Path(scratch) / "events.json"
        command = [
            str(engine.executable),
            *("preview", "--json", "--non-interactive", "--stack", stack, "--event-log", str(log)),
            *options,
        ]
        # The official engine knows --event-log only with its debug commands switched on.
        environment = {**os.environ, "PULUMI_DEBUG_COMMANDS": "true"}
        code, out, said = _follow(command, environment, log)
        events = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if code and not out.strip():
        raise Failure(f"the preview of {stack} failed: {Redactor().text(reason(said))}", code=2)
    seen = plan.read(out, source=f"the preview of {stack}", events=events)
    if not code:
        return Ran(seen)
    broken = [violation.policy for violation in seen.violations if violation.mandatory]
    if not broken:
        raise Failure(f"the preview of {stack} failed: {Redactor().text(reason(said))}", code=2)
    return Ran(seen, f"mandatory policies refuse this change: {', '.join(dict.fromkeys(broken))}")


def _follow(command: Sequence[str], environment: dict[str, str], log: Path) -> tuple[int, str, str]:
    """Runs the command; exit code, standard output and standard error."""
    console = Console(stderr=True, highlight=False)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        console.status("Reading the program") as status,
        subprocess.Popen(  # noqa: S603 (the engine, our own arguments)
            command, cwd=project(), env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=said
        ) as process,
    ):
        while process.poll() is None:
            if planned := _planned(log):
                status.update(f"Previewing: {planned} resources seen")
            time.sleep(_PAUSE)
        out.seek(0)
        said.seek(0)
        return process.returncode, out.read(), said.read()


def _planned(log: Path) -> int:
    """How many resources the engine has looked at."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").count('"resourcePreEvent"')
    except OSError:
        return 0
