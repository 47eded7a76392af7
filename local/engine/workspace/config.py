"""A stack's configuration file, Pulumi.STACK.yaml: reading, editing."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from local.engine.error import EngineError, UnsupportedError, prefixed
from local.engine.state.backend import write_atomically
from local.engine.workspace import project_config
from local.engine.workspace.config_text import rewritten
from local.engine.workspace.config_value import (
    coerced,
    encrypted,
    found,
    in_order,
    is_object,
    is_secret,
    parse_path,
    placed,
    plain,
    recrypted,
    text,
    without,
)
from local.engine.workspace.project import Loader

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine.workspace.project import Project

__all__ = [
    "StackConfig", "coerced", "encrypted", "found", "in_order", "is_object", "is_secret", "load", "plain", "recrypted", "text",
]  # fmt: skip

_SETTING = "could not set config: "
_NAMESPACED = re.compile(r"[^:]*:(?:config:)?[^:]*")


@dataclass
class StackConfig:
    """The file, read. `values` keeps secrets as `{"secure": ciphertext}`."""

    file: Path
    project: Project
    document: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def salt(self) -> str:
        """The passphrase provider's `encryptionsalt`."""
        return self.document.get("encryptionsalt") or ""

    @property
    def values(self) -> dict[str, Any]:
        """Full key → value."""
        return {self.full_key(str(key)): value for key, value in (self.document.get("config") or {}).items()}

    def full_key(self, key: str) -> str:
        """`NAMESPACE:NAME`; the project's namespace if the key has none. Raises EngineError for what isn't a key."""
        full = key if ":" in key else f"{self.project.name}:{key}"
        if not _NAMESPACED.fullmatch(full):
            raise EngineError(
                f"could not parse {key} as a configuration key (configuration keys should be of the form "
                "`<namespace>:<name>`)"
            )
        namespace, _, name = full.partition(":")
        return f"{namespace}:{name.removeprefix('config:')}"

    def shown(self, key: str) -> str:
        """A full key as people read it: without the project's own namespace."""
        return key.removeprefix(f"{self.project.name}:")

    def split(self, key: str, *, path: bool, purpose: str = "") -> tuple[str, list[str | int]]:
        """The full key and the path in its value that a word of the command line names.

        Raises EngineError for what names none; where it isn't a path, that begins with the purpose.
        """
        if not path:
            return self._full(key), []
        match = re.match(r"[^.\[]+(?=[.\[])", key)
        full = self._full(match[0]) + key[match.end() :] if match else self._full(key)
        namespace, _, name = full.partition(":")
        with prefixed(purpose):
            first, *rest = parse_path(name)
        return f"{namespace}:{first}", rest

    def _full(self, key: str) -> str:
        try:
            return self.full_key(key)
        except EngineError as error:
            raise EngineError(f"invalid configuration key: {error}") from error

    def merged(self) -> dict[str, Any]:
        """The values with the project's defaults under them."""
        return project_config.applied(self.project, self.values)

    def get(self, key: str, path: list[str | int]) -> tuple[Any, bool]:
        """A value, the project's default included, and whether there is one."""
        values = self.merged()
        return found(values[key], path) if key in values else (None, False)

    def set(self, key: str, value: Any, *, path: bool = False) -> None:
        """Set a value; with `path`, the key is a path into a structure, in which texts become what they look like."""
        full, rest = self.split(key, path=path, purpose=_SETTING)
        config = self._written()
        stored = self._stored(full)
        if rest:
            inner = coerced(value) if isinstance(value, str) else value
            value = placed(config.get(stored), [full.partition(":")[2]], rest, inner)
        config[stored] = value

    def set_typed(self, key: str, value: Any, *, path: bool) -> None:
        """The same for a value that stays as it is."""
        full, rest = self.split(key, path=path, purpose=_SETTING)
        config = self._written()
        stored = self._stored(full)
        config[stored] = placed(config.get(stored), [full.partition(":")[2]], rest, value)

    def remove(self, key: str, *, path: bool = False) -> None:
        """Remove a value, if it is there."""
        full, rest = self.split(key, path=path)
        config = self._written()
        stored = self._stored(full)
        if stored in config:
            if rest:
                config[stored] = without(config[stored], rest)
            else:
                del config[stored]
        if not config:
            self.document.pop("config", None)

    def _written(self) -> dict[str, Any]:
        if self.document.get("config") is None:
            self.document["config"] = {}
        return self.document["config"]

    def _stored(self, full: str) -> str:
        """How the file spells a key."""
        return next((key for key in self._written() if self.full_key(str(key)) == full), full)

    def save(self) -> None:
        """Write the file."""
        before = self.file.read_text(encoding="utf-8") if self.file.is_file() else ""
        write_atomically(self.file, rewritten(before, self.document))


def load(project: Project, stack: str, file: Path | None = None) -> StackConfig:
    """The configuration of a stack; a file that isn't there is empty."""
    path = file or project.folder / (project.settings.get("stackConfigDir") or ".") / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        return StackConfig(path, project)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader) or {}  # noqa: S506 - it is the safe one
    except yaml.YAMLError as error:
        raise EngineError(f"{path} is not YAML: {str(error).splitlines()[-1].strip()}") from error
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise EngineError(f"{path} must be a mapping with the key `config`")
    provider = document.get("secretsprovider")
    if provider not in {None, "", "passphrase", "default"}:
        raise UnsupportedError(f"the secrets provider '{provider}' of {path.name}")
    if document.get("environment"):
        raise UnsupportedError(f"`environment` (Pulumi ESC) of {path.name}")
    if document.get("config"):
        # At the top, numbers and booleans are texts to Pulumi.
        document["config"] = {
            key: value if value is None or is_object(value) or is_secret(value) else text(value)
            for key, value in _dated(document["config"]).items()
        }
    return StackConfig(path, project, document)


def _dated(value: Any) -> Any:
    """Dates of YAML are texts to Pulumi."""
    if isinstance(value, dict):
        return {key: _dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item) for item in value]
    return str(value) if isinstance(value, (dt.date, dt.datetime)) else value
