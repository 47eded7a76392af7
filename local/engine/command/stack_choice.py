"""Questions at a terminal about the stack a command is for: which one, and whether to make one that isn't there.

The words and what follows an answer are the official CLI's (pkg/cmd/pulumi/stack/io.go in pulumi/pulumi); where nobody can
be asked, the command ends with the error that brought it here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.command import presentation
from local.engine.command.stack import make
from local.engine.display import colour, prompt
from local.engine.error import EngineError
from local.engine.state.backend import NO_SUCH_STACK
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.error import NoStackError

_NEW = "<create a new stack>"


def settle(arguments: Arguments, error: NoStackError) -> None:
    """Have the user choose the stack, or make the one that isn't there; raises the error where nobody is asked."""
    if not presentation.interactive(arguments):
        raise error
    if error.name:
        _offer(error)
    else:
        choose(arguments, error)


def choose(arguments: Arguments, error: NoStackError) -> None:
    """Have the user choose a stack, which is the selected one from now on."""
    home = projects.find(Path.cwd())
    backend = projects.backend(home)
    names = sorted(backend.stacks(home.name))
    if not names and not error.offers_new:
        raise EngineError("this command requires a stack, but there are none", exit_code=NO_SUCH_STACK)
    current = stacks.current(home, backend)
    default = current.stack if current is not None and current.project == home.name else ""
    options = (*names, _NEW) if error.offers_new else tuple(names)
    message = "Please choose a stack, or create a new one:" if error.offers_new else "Please choose a stack:"
    mode = colour.mode(arguments.value("--color"))
    try:
        name = prompt.choose(
            message, options, default or (_NEW if error.offers_new else names[0]), mode, every_key=True
        )
    except KeyboardInterrupt:
        raise EngineError(str(error), exit_code=error.exit_code) from None
    if name == _NEW:
        store = stacks.locate(_asked("Please enter your desired stack name: "), home, backend)
        make(store, home, selects=True)
    else:
        projects.select_stack(home, backend, stacks.locate(name, home, backend).qualified_name)


def _offer(error: NoStackError) -> None:
    home = projects.here()
    store = stacks.locate(error.name, home)
    print(f"The stack '{error.name}' does not exist.\n")  # noqa: T201
    _asked("If you would like to create this stack now, please press <ENTER>, otherwise press ^C: ")
    make(store, home or projects.absent(store.project), selects=False)


def _asked(question: str) -> str:
    try:
        return input(question).strip()
    except (EOFError, KeyboardInterrupt) as error:
        raise EngineError("EOF") from error
