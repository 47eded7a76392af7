"""How a command fails: one line on standard error, and an exit code that pipelines can tell apart."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 (it is what happened to the command, in the field's word)
    """A command can't go on, or its answer is no; the message is one line that says what to do.

    Exit codes: 1 for "the answer is no" (a gate refused, a change isn't allowed, the engine failed), 2 for "this can't be
    judged" (wrong arguments, an unreadable file).
    """

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
