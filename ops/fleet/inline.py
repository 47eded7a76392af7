"""What must be loaded before programs run beside each other in one process."""

from __future__ import annotations

import sys

_PROGRAM = ("infra", "ml", "ops")
_LAZY = "pulumi_azure_native."


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
