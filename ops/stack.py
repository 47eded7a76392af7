"""A stack as its engine knows it: outputs and settings."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.engine import REPOSITORY, EngineError, choose
from ops.failure import Failure


@dataclass(frozen=True)
class Stack:
    """A stack of the project in the working directory, or else of this repository."""

    name: str

    def outputs(self) -> dict[str, Any]:
        """What the stack's last update has put out; secrets are masked.

        Raises:
            Failure: there is no such stack, or its state can't be read.
        """
        result = self._run("stack", "output", "--json")
        if result.returncode:
            raise Failure(f"stack {self.name}: its outputs can't be read: {reason(result.stderr)}")
        return json.loads(result.stdout)

    def setting(self, key: str) -> str | None:
        """The value of a key in the stack's settings; None where it isn't set."""
        result = self._run("config", "get", key)
        return result.stdout.strip() or None if result.returncode == 0 else None

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        try:
            engine = choose(os.environ)
        except EngineError as error:
            raise Failure(str(error), code=2) from None
        return subprocess.run(  # noqa: S603 (the engine, our own arguments)
            [str(engine.executable), *command, "--stack", self.name, "--non-interactive"],
            cwd=project(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def project() -> Path:
    """The folder of the Pulumi project that commands are about."""
    here = Path.cwd()
    return here if (here / "Pulumi.yaml").is_file() else REPOSITORY


def reason(said: str) -> str:
    """Why an engine failed, in one line of what it wrote on standard error."""
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it ended without a word"])[-1][:600]
