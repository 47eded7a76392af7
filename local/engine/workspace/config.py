"""A stack's configuration file, Pulumi.STACK.yaml: reading, decrypting, editing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from local.engine.error import EngineError, UnsupportedError
from local.engine.state.backend import write_atomically
from local.engine.workspace.config_text import rewritten
from local.engine.workspace.project import Loader

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine.state.passphrase import Crypter
    from local.engine.workspace.project import Project

_SECURE = "secure"


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
        """`NAMESPACE:NAME`; the project's namespace if the key has none."""
        return key if ":" in key else f"{self.project.name}:{key}"

    def merged(self) -> dict[str, Any]:
        """The values with the project's defaults under them."""
        defaults: dict[str, Any] = {}
        for key, value in (self.project.settings.get("config") or {}).items():
            if isinstance(value, dict) and ("value" in value or "default" in value or "type" in value):
                if "value" in value or "default" in value:
                    defaults[self.full_key(key)] = value.get("value", value.get("default"))
            else:
                defaults[self.full_key(key)] = value
        return {**defaults, **self.values}

    def set(self, key: str, value: Any, *, path: bool = False) -> None:
        """Set a value; with `path`, the key is a path into a structure."""
        name, *rest = parse_path(key) if path else [key]
        full = self.full_key(str(name))
        config = self.document.setdefault("config", {}) or {}
        self.document["config"] = config
        stored = full if full in config or str(name) not in config else str(name)
        config[stored] = _placed(config.get(stored), rest, value) if rest else value

    def remove(self, key: str, *, path: bool = False) -> None:
        """Remove a value, if it is there."""
        name, *rest = parse_path(key) if path else [key]
        config = self.document.get("config") or {}
        for stored in (self.full_key(str(name)), str(name)):
            if stored not in config:
                continue
            if rest:
                target = config[stored]
                for part in rest[:-1]:
                    target = target[part]
                if isinstance(target, dict):
                    target.pop(rest[-1], None)
                elif isinstance(rest[-1], int) and rest[-1] < len(target):
                    del target[rest[-1]]
            else:
                del config[stored]
        if not config:
            self.document.pop("config", None)

    def save(self) -> None:
        """Write the file."""
        text = self.file.read_text(encoding="utf-8") if self.file.is_file() else ""
        write_atomically(self.file, rewritten(text, self.document))


def load(project: Project, stack: str, file: Path | None = None) -> StackConfig:
    """The configuration of a stack; a file that isn't there is empty."""
    path = file or project.folder / (project.settings.get("stackConfigDir") or ".") / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        return StackConfig(path, project)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader) or {}  # noqa: S506 - it is the safe one
    except yaml.YAMLError as error:
        raise EngineError(f"{path} is not YAML: {str(error).splitlines()[-1].strip()}") from error
    if not isinstance(document, dict):
        raise EngineError(f"{path} must be a mapping with the key `config`")
    provider = document.get("secretsprovider")
    if provider not in {None, "", "passphrase", "default"}:
        raise UnsupportedError(f"the secrets provider '{provider}' of {path.name}")
    if document.get("environment"):
        raise UnsupportedError(f"`environment` (Pulumi ESC) of {path.name}")
    return StackConfig(path, project, document)


def is_secret(value: Any) -> bool:
    """Whether a stored value, or anything in it, is encrypted."""
    if isinstance(value, dict):
        return _is_ciphertext(value) or any(is_secret(item) for item in value.values())
    return isinstance(value, list) and any(is_secret(item) for item in value)


def _is_ciphertext(value: dict[str, Any]) -> bool:
    return set(value) == {_SECURE} and isinstance(value[_SECURE], str)


def plain(value: Any, crypter: Crypter | None) -> Any:
    """A stored value decrypted; without a crypter, secrets read `[secret]`."""
    if isinstance(value, dict):
        if _is_ciphertext(value):
            return crypter.decrypt(value[_SECURE]) if crypter else "[secret]"
        return {key: plain(item, crypter) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, crypter) for item in value]
    return value


def text(value: Any) -> str:
    """A plain value as programs get it: JSON for structures, YAML's own words for the rest."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "" if value is None else str(value)


def encrypted(value: str, crypter: Crypter) -> dict[str, str]:
    """A text as it is stored encrypted."""
    return {_SECURE: crypter.encrypt(value)}


def adjusted(value: str) -> Any:
    """What `config set --path` stores for a text: booleans and whole numbers as such."""
    if value in {"true", "false"}:
        return value == "true"
    if re.fullmatch(r"-?(0|[1-9]\d*)", value):
        return int(value)
    return value


_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


def parse_path(key: str) -> list[str | int]:
    """`ns:a.b[0]["c"]` as its parts; raises EngineError where it isn't one."""
    parts: list[str | int] = []
    position = 0
    while position < len(key):
        match = _PART.match(key, position)
        if match is None:
            raise EngineError(f"invalid configuration key '{key}': not a path such as a.b[0]")
        name, index, quoted = match.groups()
        parts.append(int(index) if index is not None else name if name is not None else quoted)
        position = match.end()
    if not parts or not isinstance(parts[0], str):
        raise EngineError(f"invalid configuration key '{key}': it must start with a name")
    return parts


def _placed(container: Any, path: list[str | int], value: Any) -> Any:
    """The container with a value at a path in it, made as needed."""
    if not path:
        return value
    part, *rest = path
    if isinstance(part, int):
        items = list(container) if isinstance(container, list) else []
        if part > len(items):
            raise EngineError(f"config path: index {part} is out of range of a list of {len(items)}")
        if part == len(items):
            items.append(None)
        items[part] = _placed(items[part], rest, value)
        return items
    fields = dict(container) if isinstance(container, dict) and not _is_ciphertext(container) else {}
    fields[part] = _placed(fields.get(part), rest, value)
    return fields
