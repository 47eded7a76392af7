"""One stack as commands use it: its files, its configuration, its key."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.error import EngineError, NoStackError
from local.engine.state import checkpoint, passphrase, resource_state, rows
from local.engine.state.backend import NO_SUCH_STACK, ORGANIZATION, StackStore
from local.engine.state.recovery import Recovery, recover
from local.engine.workspace import config, project, project_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.state.backend import Backend
    from local.engine.state.checkpoint import Deployment
    from local.engine.state.passphrase import Crypter
    from local.engine.workspace.project import Project

_LONGEST = 100


class Stack:
    """A stack that was made."""

    def __init__(self, store: StackStore, home: Project, config_file: str = "") -> None:
        self.store = store
        self.project = home
        self.config = config.load(home, store.stack, Path(config_file) if config_file else None)
        self._crypter: Crypter | None = None
        self.purpose = ""  # what the key is for, as errors begin
        self._deriving: threading.Thread | None = None
        self.checks_integrity = True  # whether entries of the state have to fit together

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.store.stack

    @property
    def shown_name(self) -> str:
        """The name as messages have it: in full for another project's stack."""
        if self.store.project == self.project.name and self.project.file.exists():
            return self.store.stack
        return self.store.qualified_name

    def derive_key_meanwhile(self) -> None:
        """Start deriving the key, which takes a third of a second, in a thread; raises EngineError without a passphrase."""
        if salt := self.config.salt:
            try:
                phrase = passphrase.from_environment()
            except passphrase.PassphraseError as error:
                raise type(error)(self.purpose + str(error)) from error
            self._deriving = threading.Thread(target=passphrase.derive, args=(phrase, salt), daemon=True)
            self._deriving.start()

    @property
    def crypter(self) -> Crypter:
        """Encrypts and decrypts the stack's secrets; made, and its salt saved, if the stack has none yet."""
        if self._crypter is None:
            if self._deriving is not None:
                self._deriving.join()
            salt = self.config.salt or checkpoint.salt_of(self.store.read())
            try:
                phrase = passphrase.from_environment()
                self._crypter = passphrase.open_(phrase, salt) if salt else passphrase.new(phrase)
            except passphrase.PassphraseError as error:
                raise type(error)(self.purpose + str(error)) from error
            if self.config.salt != self._crypter.state and self.project.file.exists():
                if not self.config.file.is_file():
                    self.config.document = {"encryptionsalt": "", **self.config.document}
                self.config.document["encryptionsalt"] = self._crypter.state
                self.config.save()
        return self._crypter

    def recover(self, say: Callable[[str], None] = lambda _text: None) -> Recovery:
        """Bring the state file up to date after an engine was killed; call it while holding the stack."""
        return recover(self.store, lambda: self.crypter, say=say)

    def recover_if_abandoned(self) -> None:
        """The same for commands that only read: not while another engine holds the stack, and without waiting."""
        if self.store.journal.exists():
            with contextlib.suppress(EngineError), self.store.lock():
                recover(self.store, lambda: self.crypter, wait=False)

    @property
    def state_crypter(self) -> Crypter:
        """Opens the secrets of the state, whose salt is another one after the configuration file was copied or lost."""
        salt = checkpoint.salt_of(self.store.read())
        try:
            if not salt or salt == self.config.salt:
                return self.crypter
            return passphrase.open_(passphrase.from_environment(), salt)
        except passphrase.PassphraseError as error:
            if self.purpose:
                raise
            raise EngineError(error.of_state.format(error)) from error

    def require_key(self) -> None:
        """Raise EngineError unless there is a passphrase, the right one if the state has secrets."""
        latest = self.store.read()
        if not checkpoint.salt_of(latest):
            return
        if resource_state.has_secrets([latest.get("resources"), latest.get("pending_operations")]):
            _ = self.state_crypter
            return
        try:
            passphrase.from_environment()
        except passphrase.PassphraseError as error:
            raise EngineError(error.of_state.format(error)) from error

    def state(self, *, keep: bool = True) -> Deployment:
        """The stack's resources, secrets decrypted; without `keep`, they are encrypted anew when they are written.

        Raises EngineError for entries that don't fit together, unless that isn't to be checked.
        """
        latest = self.store.read()
        if not latest.get("resources") and not latest.get("pending_operations"):
            return checkpoint.load(latest, str)
        if keep and self.checks_integrity:
            rows.require_integrity(latest.get("resources") or ())
        crypter = self.state_crypter
        return checkpoint.load(latest, crypter.decrypt, keep=keep and crypter.state == self.crypter.state)

    def check_config(self) -> None:
        """Raise EngineError unless the configuration is what the project declares."""
        if declared := project_config.declared(self.project.settings):
            values = self.config.merged()
            typed = any(row.get("type") for row in declared.values())
            crypter = self.crypter if typed and any(map(config.is_secret, values.values())) else None
            try:
                project_config.check(self.project, self.name, values, crypter)
            except EngineError as error:
                raise EngineError(f"validating stack config: {error}") from error

    def copy_config(self, other: Stack, key: str = "", *, path: bool = False) -> None:
        """Give another stack this one's configuration, or one value of it, its secrets encrypted anew."""
        chosen = self.config.values
        rest: list[str | int] = []
        if key:
            full, rest = self.config.split(key, path=path)
            value, there = config.found(chosen.get(full), rest)
            if full not in chosen or not there:
                raise EngineError(
                    f"configuration key '{self.config.shown(self.config.split(key, path=False)[0])}' not found for stack "
                    f"'{self.shown_name}'"
                )
            chosen = {key: value}
        for name, value in chosen.items():
            if config.is_secret(value):
                value = config.recrypted(value, self.crypter, other.crypter)  # noqa: PLW2901 - the same value, under another key
            other.config.set_typed(name, config.in_order(value), path=bool(rest))
        if chosen:
            other.config.save()


def check_name(name: str) -> None:
    """Raise EngineError for what can't be a stack's name."""
    if not name:
        raise EngineError("a stack name may not be empty")
    if len(name) > _LONGEST:
        raise EngineError(f"a stack name cannot exceed {_LONGEST} characters")
    if wrong := re.search(r"[^A-Za-z0-9_.-]", name):
        raise EngineError(
            "a stack name may only contain alphanumeric, hyphens, underscores, or periods: invalid character "
            f"{wrong[0]!r} at position {wrong.start()}"
        )


def locate(name: str, home: Project | None, backend: Backend | None = None) -> StackStore:
    """The files of the stack `NAME`, `organization/NAME` or `organization/PROJECT/NAME`; `home` gives the project."""
    if not name:
        raise EngineError("stack name must not be empty")
    parts = name.split("/")
    organization = parts[0] if len(parts) in {2, 3} else ORGANIZATION
    if organization != ORGANIZATION:
        raise EngineError(f"organization name must be '{ORGANIZATION}'")
    owner = parts[1] if len(parts) == 3 else home.name if home else ""
    if not owner:
        raise EngineError(
            "no Pulumi.yaml project file found; either run this command from a directory containing a Pulumi project, or "
            "pass the fully qualified stack name (organization/project/stack)"
        )
    stack = parts[-1] if len(parts) <= 3 else ""
    check_name(stack)
    return StackStore(backend or project.backend(home), owner, stack)


def require_own_project(store: StackStore, home: Project) -> None:
    """Raise EngineError for another project's stack, which this project's program can't change."""
    if store.project != home.name:
        raise EngineError(f'provided project name "{store.project}" doesn\'t match Pulumi.yaml')


def current(home: Project | None, backend: Backend) -> StackStore | None:
    """The stack that PULUMI_STACK names or that was selected, if it is there."""
    name = os.environ.get("PULUMI_STACK")
    if name is None:
        name = project.selected_stack(home, backend) if home else ""
    if not name:
        return None
    store = locate(name, home, backend)
    return store if store.exists() else None


def open_(name: str, config_file: str = "", *, offers_new: bool = False) -> Stack:
    """The stack of a command: the one named, else the selected one; `offers_new`: on a terminal, one could be made."""
    home = project.here()
    backend = project.backend(home)
    if name:
        store = locate(name, home, backend)
        if not store.exists():
            raise NoStackError(name, NO_SUCH_STACK, offers_new=offers_new)
    else:
        home = home or project.find(Path.cwd())
        found = current(home, backend)
        if found is None:
            raise NoStackError("", 1, offers_new=offers_new)
        store = found
    return Stack(store, home or project.absent(store.project), config_file)


def foreign(store: StackStore, home: Project) -> Stack:
    """A stack of another project in the same backend, whose folder isn't known: its key comes with its state."""
    stack = Stack(store, home)
    stack.config = config.StackConfig(store.path, home, {"encryptionsalt": checkpoint.salt_of(store.read())})
    return stack
