"""An engine that stays loaded while a fleet's command runs, where the engine can: else each command loads it anew."""

from __future__ import annotations

import gc
import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from ops.engine import Engine

VARIABLE = "MLOPS_WARM_ENGINE"
_END_SECONDS = 15.0


@contextmanager
def kept_loaded(
    engine: Engine, variables: Mapping[str, str]
) -> Generator[tuple[dict[str, str], Callable[[], None]]]:
    """Has the engine stay loaded until the end, also that of this process, kill -9 included.

    Yields the variables that commands need to find it, and a function that waits until it has loaded. They do the
    same without it, only slower: whatever goes wrong here isn't an error.
    """
    program = engine.executable.with_name("warm-engine")
    if engine.kind != "embedded" or not program.exists():
        yield {}, lambda: None
        return
    with tempfile.TemporaryDirectory(prefix="mlops-warm-") as folder:  # mode 0700
        process = subprocess.Popen(  # noqa: S603 (of this repository)
            [str(program), folder],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,  # ends with this process, and the engine with it
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for those that run commands, which finish what is in flight
        )
        given, said = process.stdin, process.stdout
        assert given is not None and said is not None  # noqa: PT018, S101 (pipes were asked for)
        with said:
            try:
                yield {VARIABLE: folder}, said.readline
            finally:
                given.close()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)


@contextmanager
def little_garbage() -> Generator[None]:
    """Looks for garbage less often: programs make little, and looking takes a third of the SDK's time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
