"""`pulumi stack new|select|unselect|list|remove|rename` and `pulumi cancel`: which stacks there are."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.command import presentation
from local.engine.command.printing import (
    ago,
    moment,
    say,
    say_json,
    say_table,
    skip_confirmations,
    stamp,
    tell,
)
from local.engine.error import EngineError, NoStackError, UnsupportedError
from local.engine.state import checkpoint, passphrase, tags
from local.engine.state import rename as renaming
from local.engine.state.backend import NO_SUCH_STACK, StackStore
from local.engine.workspace import config
from local.engine.workspace import project as projects
from local.engine.workspace import stack as stacks

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments

_SECRETS_PROVIDERS = ["default", "passphrase", "awskms", "azurekeyvault", "gcpkms", "hashivault"]
_LOCAL = {"", "default", "passphrase"}


def check_secrets_provider(provider: str) -> None:
    """Raise EngineError unless it is the passphrase provider."""
    kind = provider.partition(":")[0]
    if provider and kind not in _SECRETS_PROVIDERS:
        raise EngineError(
            f"unknown secrets provider type '{kind}' (supported values: {','.join(_SECRETS_PROVIDERS)})"
        )
    if provider not in _LOCAL:
        raise UnsupportedError(f"the secrets provider '{provider}'")


def _named(arguments: Arguments) -> str:
    """The stack that --stack or the argument names."""
    name = arguments.value("--stack")
    if name and arguments.positional:
        raise EngineError("only one of --stack or argument stack name may be specified, not both")
    return name or (arguments.positional[0] if arguments.positional else "")


def init(arguments: Arguments) -> int:
    """Make a stack, with a salt of its own, and select it."""
    home = projects.here()
    backend = projects.backend(home)
    name = _named(arguments)
    check_secrets_provider(arguments.value("--secrets-provider"))
    if not name and presentation.interactive(arguments) and not arguments.has("--yes"):
        name = input("stack name (dev): ").strip() or "dev"
    if not name:
        raise EngineError("missing stack name")
    store = stacks.locate(name, home, backend)
    if arguments.all("--teams"):
        here = socket.gethostname()
        raise EngineError(f"stack {name} uses the {here} backend: {here} does not support --teams")
    source = arguments.value("--copy-config-from")
    make(
        store,
        home or projects.absent(store.project),
        selects=not arguments.has("--no-select") and home is not None,
    )
    if source:
        stacks.open_(source).copy_config(stacks.open_(store.qualified_name))
    return 0


def make(store: StackStore, home: projects.Project, *, selects: bool) -> None:
    """Make a stack; raises EngineError for another project's, and where there is one of its name."""
    if store.project != home.name:
        raise EngineError(
            f'could not create stack: provided project name "{store.project}" doesn\'t match Pulumi.yaml'
        )
    if store.exists():
        raise EngineError(f"stack '{store.qualified_name}' already exists")
    settings = config.load(home, store.stack)
    try:
        phrase = passphrase.from_environment()
        crypter = passphrase.open_(phrase, settings.salt) if settings.salt else passphrase.new(phrase)
    except EngineError as error:
        raise EngineError(f"could not create secrets manager for new stack: {error}") from error
    if not settings.salt and home.file.exists():
        settings.document["encryptionsalt"] = crypter.state
        settings.save()
    store.write(checkpoint.empty(store.qualified_name, crypter.state))
    if selects:
        projects.select_stack(home, store.backend, store.qualified_name)
    tell(f"Created stack '{store.stack}'")


def select(arguments: Arguments) -> int:
    """Choose the stack that commands without --stack mean."""
    home = projects.here()
    backend = projects.backend(home)
    name = _named(arguments)
    if not name:
        if presentation.interactive(arguments):
            from local.engine.command import stack_choice  # noqa: PLC0415 - at a terminal only

            stack_choice.choose(arguments, NoStackError("", 1, offers_new=True))
            return 0
        raise EngineError("no stack selected; specify a stack name with --stack", exit_code=NO_SUCH_STACK)
    store = stacks.locate(name, home, backend)
    if not store.exists():
        if not arguments.has("--create"):
            shown = store.stack if home and store.project == home.name else store.qualified_name
            raise EngineError(f"no stack named '{shown}' found", exit_code=NO_SUCH_STACK)
        check_secrets_provider(arguments.value("--secrets-provider"))
        make(store, home or projects.absent(store.project), selects=False)
    projects.select_stack(home or projects.find(Path.cwd()), backend, store.qualified_name)
    return 0


def unselect(_arguments: Arguments) -> int:
    """Choose none."""
    home = projects.find(Path.cwd())
    backend = projects.backend(home)
    if projects.selected_stack(home, backend):
        projects.select_stack(home, backend, "")
        tell("Stack was unselected")
    return 0


def ls(arguments: Arguments) -> int:
    """List stacks."""
    if arguments.has("--all") and arguments.value("--project"):
        raise EngineError("only one of --all and --project may be set")
    home = _project_to_list(arguments)
    backend = projects.backend(home)
    only = "" if arguments.has("--all") else arguments.value("--project") or (home.name if home else "")
    key, _, value = arguments.value("--tag").partition("=")
    current = stacks.current(home, backend)
    rows: list[dict[str, Any]] = []
    for project in [only] if only else backend.projects():
        for name in backend.stacks(project):
            store = StackStore(backend, project, name)
            if key and (key not in (kept := tags.read(store)) or (value and kept[key] != value)):
                continue
            rows.append(_row(store, home, current, qualified=arguments.has("--fully-qualify-stack-names")))
    if arguments.has("--json"):
        say_json(rows)
        return 0
    table = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for row in rows:
        updated = ago(moment(row["lastUpdate"])) if row.get("lastUpdate") else "n/a"
        mark = "*" if row["current"] else ""
        table.append((row["name"] + mark, updated, str(row.get("resourceCount", "n/a"))))
    say_table(table)
    return 0


def _project_to_list(arguments: Arguments) -> projects.Project | None:
    try:
        return projects.find(Path.cwd())
    except projects.NoProjectError as error:
        if arguments.has("--all") or arguments.value("--project"):
            return None
        raise EngineError(f"could not detect current project: {error}") from error
    except UnsupportedError:
        raise
    except EngineError as error:
        raise EngineError(f"could not load current project: {error}") from error


def _row(
    store: StackStore, home: projects.Project | None, current: StackStore | None, *, qualified: bool
) -> dict[str, Any]:
    latest = store.read()
    short = home is not None and store.project == home.name and not qualified
    row: dict[str, Any] = {
        "name": store.stack if short else store.qualified_name,
        "current": store == current,
    }
    if latest.get("manifest"):
        row["lastUpdate"] = stamp(moment(latest["manifest"]["time"]))
        row["resourceCount"] = len(latest.get("resources") or [])
    return row


def rm(arguments: Arguments) -> int:
    """Remove a stack that has no resources, or with --force any."""
    stack = stacks.open_(_named(arguments))
    store, name = stack.store, stack.shown_name
    if not arguments.has("--yes") and not skip_confirmations():
        if arguments.has("--non-interactive") or not sys.stdin.isatty():
            raise EngineError("non-interactive mode requires --yes flag")
        if not _confirmed(f"This will permanently remove the '{name}' stack!", name):
            return 1
    with store.lock():
        stack.recover()
        rows = store.read().get("resources") or []
        if rows and not arguments.has("--force") and [row["type"] for row in rows] != ["pulumi:pulumi:Stack"]:
            raise EngineError(
                f"'{name}' still has resources; removal rejected. Possible actions:\n"
                f"- Make sure that '{name}' is the stack that you want to destroy\n"
                "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
                "- Run `pulumi stack rm --force` to override this error"
            )
        store.remove()
        tags.write(store, {})
        if arguments.has("--remove-backups"):
            shutil.rmtree(store.backend.root / "backups" / store.project / store.stack, ignore_errors=True)
            store.path.with_name(store.path.name + ".bak").unlink(missing_ok=True)
    if not arguments.has("--preserve-config") and store.project == stack.project.name:
        stack.config.file.unlink(missing_ok=True)
    say(f"Stack '{name}' has been removed!")
    projects.select_stack(stack.project, store.backend, "")
    return 0


def _confirmed(what: str, name: str) -> bool:
    """Have the user type a name; whether they did."""
    try:
        typed = input(f"{what}\nPlease confirm that this is what you'd like to do by typing `{name}`: ")
    except EOFError:
        typed = ""
    if typed.strip() == name:
        return True
    say("confirmation declined")
    return False


def rename(arguments: Arguments) -> int:
    """Give a stack another name: in its state, its history and its configuration file."""
    stack = stacks.open_(arguments.value("--stack"))
    new = stacks.locate(arguments.positional[0], stack.project, stack.store.backend)
    with stack.store.lock():
        stack.recover()
        if new.exists():
            raise EngineError(f"a stack named {stacks.Stack(new, stack.project).shown_name} already exists")
        renaming.rename(stack.store, new)
    before, after = stack.config.file, config.load(stack.project, new.stack).file
    if before.is_file():
        before.replace(after)
    projects.select_stack(stack.project, new.backend, new.qualified_name)
    say(f"Renamed {stack.shown_name} to {stacks.Stack(new, stack.project).shown_name}")
    return 0


def cancel(arguments: Arguments) -> int:
    """Remove the stack's locks."""
    stack = stacks.open_(_named(arguments))
    if presentation.interactive(arguments) and not arguments.has("--yes") and not skip_confirmations():
        name = stack.shown_name
        if not _confirmed(f"This will irreversibly cancel the currently running update for '{name}'!", name):
            return 1
    for lock in stack.store.locks():
        lock.unlink(missing_ok=True)
    say(f"The currently running update for '{stack.name}' has been canceled!")
    return 0
