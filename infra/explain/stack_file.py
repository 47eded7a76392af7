"""A stack's file, read without Pulumi. Secrets stay encrypted, and are left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

PROJECT = Path(__file__).resolve().parents[2]
_NAMESPACE = "mlops:"


class StackFileError(Exception):
    """There is no such stack, or its file can't be read."""


@dataclass(frozen=True)
class StackFile:
    """What a stack's file says."""

    name: str
    values: dict[str, Any]  #: by key, without the namespace and without secrets
    secrets: tuple[str, ...]  #: key paths of what is encrypted


def read(stack: str, folder: Path = PROJECT) -> StackFile:
    """The file of a stack.

    Raises:
        StackFileError: there is none, or it isn't YAML.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = (
            ", ".join(sorted(one.name.split(".")[1] for one in folder.glob("Pulumi.*.yaml"))) or "none yet"
        )
        raise StackFileError(f"there is no {path.name}; known stacks: {known}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise StackFileError(f"{path.name}{line}: this isn't YAML; correct it there") from None
    config = document.get("config") if isinstance(document, dict) else None
    ours = {
        str(key).removeprefix(_NAMESPACE): value
        for key, value in cast("dict[Any, Any]", config or {}).items()
        if str(key).startswith(_NAMESPACE)
    }
    secrets: list[str] = []
    values = {
        key: _plain(value, key, secrets) for key, value in ours.items() if not _encrypted(value, key, secrets)
    }
    return StackFile(stack, values, tuple(secrets))


def _encrypted(value: Any, path: str, secrets: list[str]) -> bool:
    found = isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"secure"}
    if found:
        secrets.append(path)
    return found


def _plain(value: Any, path: str, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _plain(inner, f"{path}.{key}", secrets)
            for key, inner in cast("dict[str, Any]", value).items()
            if not _encrypted(inner, f"{path}.{key}", secrets)
        }
    if isinstance(value, list):
        return [
            _plain(inner, f"{path}[{number}]", secrets)
            for number, inner in enumerate(cast("list[Any]", value))
            if not _encrypted(inner, f"{path}[{number}]", secrets)
        ]
    return value
