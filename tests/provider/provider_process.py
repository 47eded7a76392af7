"""The provider as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def provider_process(environment: Mapping[str, str]) -> Generator[int]:
    """Its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "local.provider"],
        cwd=REPOSITORY,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
