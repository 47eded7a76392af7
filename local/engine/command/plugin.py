"""`pulumi plugin …`: providers are part of the repository and of the SDK, so there is nothing to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.command.printing import say, tell
from local.engine.error import EngineError, UnsupportedError

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments


def ls(arguments: Arguments) -> int:
    """List plugins: none was installed."""
    say(
        "[]"
        if arguments.has("--json")
        else "NAME  KIND  VERSION  SIZE  INSTALLED  LAST USED\n\nTOTAL plugin cache size: 0 B"
    )
    return 0


_KINDS = {"analyzer", "language", "resource", "converter", "tool"}


def install(arguments: Arguments) -> int:
    """Nothing to do for a provider that is part of the engine; others it can't run."""
    kind, name = (*arguments.positional, "", "")[:2]
    if kind and kind not in _KINDS:
        raise EngineError(f"unrecognized plugin kind: {kind}")
    if kind and not name:
        raise EngineError("missing plugin name argument")
    if kind and kind != "resource":
        raise UnsupportedError(f"the {kind} plugin '{name}' of `pulumi plugin install`")
    if name:
        from local.engine.providers.host import refuse  # noqa: PLC0415 - gRPC is loaded when it is used

        refuse(name)
    return 0


def rm(arguments: Arguments) -> int:
    """Remove plugins: there is none that was installed."""
    kind = arguments.positional[0] if arguments.positional else ""
    if kind and kind not in _KINDS:
        raise EngineError(f"unrecognized plugin kind: {kind}")
    if not kind and not arguments.has("--all"):
        raise EngineError("please pass --all if you'd like to remove all plugins")
    tell("no plugins found to uninstall")
    return 0
