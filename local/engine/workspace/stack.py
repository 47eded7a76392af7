"""One stack as commands use it: its files, its configuration, its key."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from local.engine.error import EngineError
from local.engine.state import checkpoint, passphrase
from local.engine.state.backend import ORGANIZATION, StackStore
from local.engine.state.recovery import Recovery, recover
from local.engine.workspace import config, project

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.state.checkpoint import Deployment
    from local.engine.state.passphrase import Crypter
    from local.engine.workspace.project import Project


class Stack:
    """A stack that was made."""

    def __init__(self, store: StackStore, home: Project, config_file: str = "") -> None:
        self.store = store
        self.project = home
        self.config = config.load(home, store.stack, Path(config_file) if config_file else None)
        self._crypter: Crypter | None = None
        self._deriving: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.store.stack

    def derive_key_meanwhile(self) -> None:
        """Start deriving the key, which takes a third of a second, in a thread."""
        try:
            phrase = passphrase.from_environment()
        except EngineError:
            return
        if salt := self.config.salt:
            self._deriving = threading.Thread(target=passphrase.derive, args=(phrase, salt), daemon=True)
            self._deriving.start()

    @property
    def crypter(self) -> Crypter:
        """Encrypts and decrypts the stack's secrets; made, and its salt saved, if the stack has none yet."""
        if self._crypter is None:
            if self._deriving is not None:
                self._deriving.join()
            salt = self.config.salt or checkpoint.salt_of(self.store.read())
            phrase = passphrase.from_environment()
            try:
                self._crypter = passphrase.open_(phrase, salt) if salt else passphrase.new(phrase)
            except EngineError as error:
                raise EngineError(f"getting stack configuration: {error}") from error
            if self.config.salt != self._crypter.state:
                self.config.document = {"encryptionsalt": self._crypter.state, **self.config.document}
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

    def state(self) -> Deployment:
        """The stack's resources, secrets decrypted."""
        latest = self.store.read()
        salt = checkpoint.salt_of(latest)
        if not latest.get("resources") and not latest.get("pending_operations"):
            return checkpoint.load(latest, str)
        if salt and salt != self.crypter.state:
            other = passphrase.open_(passphrase.from_environment(), salt)
            return checkpoint.load(latest, other.decrypt, keep=False)
        return checkpoint.load(latest, self.crypter.decrypt)


def locate(name: str, home: Project) -> StackStore:
    """The files of the stack `NAME`, `PROJECT/NAME` or `organization/PROJECT/NAME`."""
    parts = name.split("/")
    if len(parts) > 3 or (len(parts) == 3 and parts[0] != ORGANIZATION):
        raise EngineError(
            f"stack name '{name}' must be STACK or {ORGANIZATION}/PROJECT/STACK with a file backend"
        )
    owner = parts[-2] if len(parts) > 1 else home.name
    if owner != home.name:
        raise EngineError(f'provided project name "{owner}" doesn\'t match Pulumi.yaml')
    return StackStore(project.backend(home), home.name, parts[-1])


def open_(name: str, config_file: str = "") -> Stack:
    """The stack of a command: the one named, else the selected one."""
    home = project.find(Path.cwd())
    chosen = name or os.environ.get("PULUMI_STACK", "") or project.selected_stack(home)
    if not chosen:
        raise EngineError(
            "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one"
        )
    store = locate(chosen, home)
    store.require()
    return Stack(store, home, config_file)


def foreign(store: StackStore, home: Project) -> Stack:
    """A stack of another project in the same backend, whose folder isn't known: its key comes with its state."""
    stack = Stack(store, home)
    stack.config = config.StackConfig(store.path, home, {"encryptionsalt": checkpoint.salt_of(store.read())})
    return stack
