"""Which Pulumi engine runs a command: the official CLI where it is installed, else the embedded one.

``MLOPS_ENGINE=embedded|official`` forces the choice (``docs/adr/0002-embedded-engine.md`` says when to use which).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
EMBEDDED = REPOSITORY / "local" / "bin" / "pulumi"


@dataclass(frozen=True)
class Engine:
    """An engine and where its executable is."""

    kind: Literal["embedded", "official"]
    executable: Path


class EngineError(Exception):
    """The engine that was asked for isn't there; the message says what to do."""


def choose(environ: Mapping[str, str]) -> Engine:
    """The engine for commands run with ``environ``.

    Raises:
        EngineError: ``MLOPS_ENGINE`` names no engine, or the official one where none is on PATH.
    """
    forced = environ.get("MLOPS_ENGINE", "")
    if forced not in ("", "embedded", "official"):
        raise EngineError(f"MLOPS_ENGINE={forced} is no engine; write embedded or official, or unset it.")
    if forced == "embedded":
        return Engine("embedded", EMBEDDED)
    found = shutil.which("pulumi", path=environ.get("PATH"))
    if found and Path(found).resolve() == EMBEDDED:
        found = None
    if found:
        return Engine("official", Path(found))
    if forced == "official":
        raise EngineError(
            "MLOPS_ENGINE=official, but no pulumi is on PATH; install the Pulumi CLI, or unset MLOPS_ENGINE."
        )
    return Engine("embedded", EMBEDDED)
