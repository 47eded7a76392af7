"""`pulumi plugin …`: providers are part of the repository and of the SDK, so there is nothing to install."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from local.engine.error import UnsupportedError

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def ls(arguments: Arguments) -> int:
    """List plugins: none was installed."""
    _say(
        "[]"
        if arguments.has("--json")
        else "NAME  KIND  VERSION  SIZE  INSTALLED  LAST USED\n\nTOTAL plugin cache size: 0 B"
    )
    return 0


def install(arguments: Arguments) -> int:
    """Nothing to do for a provider that is part of the engine; others it can't run."""
    kind, name = (*arguments.positional, "", "")[:2]
    if kind and kind != "resource":
        raise UnsupportedError(f"the {kind} plugin '{name}' of `pulumi plugin install`")
    if name:
        from local.engine.providers.host import refuse  # noqa: PLC0415 - gRPC is loaded when it is used

        refuse(name)
    return 0


def rm(_arguments: Arguments) -> int:
    """Remove plugins: there is none that was installed."""
    _say("no plugins found to uninstall")
    return 0
