"""What programs need that run beside each other in one process."""

from __future__ import annotations

import gc
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_PROGRAM = ("infra", "ml", "ops")
_LAZY = "pulumi_azure_native."
#: the SDK's coroutines around a program
_COROUTINES = frozenset({"run_in_stack", "run_pulumi_func"})


def load_modules() -> None:
    """Loads those modules of azure-native that the program uses.

    They load themselves at the first attribute that is asked for, and Pulumi's loader does so without a lock: of two
    threads that come at once, one would see a module that is still empty. The settings, the configuration and the
    connections of a program are context variables in the SDK, and so each thread's own.
    """
    used = {
        id(value)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in _PROGRAM
        for value in vars(module).values()
    }
    for name, module in list(sys.modules.items()):
        if name.startswith(_LAZY) and id(module) in used:
            hasattr(module, "outputs")  # any attribute does


@contextmanager
def dropped_in_silence() -> Generator[None]:
    """Keeps Python from printing a traceback for each program that an engine ended.

    Where a resource fails, the SDK stops the program's event loop and drops the program's coroutine half way, and outputs
    that nobody waited for yet. Python then complains that the one can't be closed and that the others were never awaited.
    Why the program ended was told before.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if getattr(unraisable.object, "__name__", "") not in _COROUTINES:
            before(unraisable)

    sys.unraisablehook = hook
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"coroutine '.*' was never awaited", RuntimeWarning)
        try:
            yield
        finally:
            # Coroutines in reference cycles are dropped when they are found, which should be now.
            gc.collect()
            sys.unraisablehook = before
