"""The engine's own process, run by path: what is set up before the command line is read, so that it starts and runs fast.

Only processes that are the engine's alone may do this: in a process with a program in it, `pulumi` must be the SDK.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import types

# Most of what an operation allocates lives until its end; looking for garbage in it every 700 objects, as Python
# would, takes a fifth of the time and finds next to nothing.
_COLLECT_EVERY = (50_000, 20, 50)

# Run by path, in processes of their own.
_SCRIPTS = (".program_main", ".leash", ".client", ".server", ".servers")
# What others import when they need it.
_LATE = (
    "grpc._channel",
    "grpc._simple_stubs",
    "cryptography.hazmat.primitives.ciphers.aead",
    "pulumi.runtime.proto.status_pb2",
    "encodings.idna",
    "psutil",
)


def main(words: list[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    prepare()
    from local.engine.cli import main as run  # noqa: PLC0415 - after the preparations

    return run(words)


def preload() -> None:
    """Import all that a command may need, for a process whose forks run commands."""
    prepare()
    import pkgutil  # noqa: PLC0415 - nobody else needs it

    import local.engine  # noqa: PLC0415

    for module in pkgutil.walk_packages(local.engine.__path__, "local.engine."):
        if not module.name.endswith(_SCRIPTS):
            importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)


def prepare() -> None:
    """Set the process up."""
    gc.set_threshold(*_COLLECT_EVERY)
    _stubs_only()


def _stubs_only() -> None:
    """Have `pulumi.runtime.proto` imported without the SDK around it, which takes as long as all the rest.

    `pulumi` and `pulumi.runtime` become packages that have their folders and run nothing.
    """
    spec = importlib.util.find_spec("pulumi") if "pulumi" not in sys.modules else None
    if spec is None or not spec.submodule_search_locations:
        return
    folder = spec.submodule_search_locations[0]
    sdk, runtime = types.ModuleType("pulumi"), types.ModuleType("pulumi.runtime")
    sdk.__path__, runtime.__path__ = [folder], [f"{folder}/runtime"]
    sdk.runtime = runtime  # pyright: ignore[reportAttributeAccessIssue] - what importing a submodule does
    sys.modules |= {"pulumi": sdk, "pulumi.runtime": runtime}


if __name__ == "__main__":
    # -I: no folder of a script is on the path.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before there was a command
        sys.exit(130)
