"""What goes wrong for the user: one line, an exit code, never a traceback."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class EngineError(Exception):
    """An error to print as `error: message` before leaving with `exit_code`."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class NoStackError(EngineError):
    """No stack is selected, or that of a name isn't there; `offers_new`: on a terminal, one may be made."""

    def __init__(self, name: str, exit_code: int, *, offers_new: bool) -> None:
        new = " or `pulumi stack init`" if offers_new else ""
        super().__init__(
            f"no stack named '{name}' found"
            if name
            else f"no stack selected; please use `pulumi stack select`{new} to choose one",
            exit_code=exit_code,
        )
        self.name = name
        self.offers_new = offers_new


class UnsupportedError(EngineError):
    """Something the official engine does and this one does not."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not supported by the embedded engine; use the official Pulumi CLI for it"
        )


@contextlib.contextmanager
def prefixed(text: str) -> Generator[None]:
    """Say first, in the errors of what is done here, what it was done for."""
    try:
        yield
    except EngineError as error:
        raise EngineError(text + str(error), exit_code=error.exit_code) from error


class StepFailedError(Exception):
    """A step ended without the effect it was made for; the reason has been shown already."""


class ProtectedError(StepFailedError):
    """A resource that is protected was to be deleted: nothing was done to it."""


class ViolationError(StepFailedError):
    """A mandatory policy forbids a resource: nothing goes on, not even with --continue-on-error."""


class HookError(Exception):
    """A resource hook failed or isn't there."""
