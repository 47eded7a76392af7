"""What a model version is a function of, as one number. Pure but for reading files.

Two machines with the same files get the same lineage: names and contents count, in sorted order; dates, modes,
caches, comments in YAML and how hard a ``.gz`` was compressed do not.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: What interpreters, editors and file managers leave beside sources.
_LITTER = ("__pycache__", ".ipynb_checkpoints", ".DS_Store")
_CHUNK = 1 << 20


def content(path: Path) -> str:
    """SHA-256 (hex) of a file's content; of what a ``.gz`` unpacks to, as compressors differ between machines.

    Raises:
        OSError: it can't be read, or isn't gzip although it is called so.
    """
    digest = hashlib.sha256()
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def files(folder: Path) -> dict[str, str]:
    """Each file below ``folder`` (its path with ``/``, sorted) with the SHA-256 of its content."""
    return {name: content(folder / name) for name in sorted(_names(folder))}


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix != ".pyc" and not any(part in _LITTER for part in inside.parts):
            yield inside.as_posix()


def document(path: Path) -> str:
    """SHA-256 (hex) of what a YAML file says: comments and layout don't count."""
    return combined(yaml.safe_load(path.read_text(encoding="utf-8")))


def combined(value: Any) -> str:
    """SHA-256 (hex) of a JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def lineage(
    *,
    data: Mapping[str, Any],
    code: Mapping[str, str],
    pipeline: str,
    environment: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> str:
    """The lineage (64 hex digits) of the model that these inputs make.

    Args:
        data: the data asset's name, version and file hashes.
        code: the hashes of the training code's files.
        pipeline: the hash of the pipeline's document.
        environment: image, and hash of the conda file.
        parameters: the pipeline's parameters.
    """
    return combined(
        {
            "data": data,
            "code": code,
            "pipeline": pipeline,
            "environment": environment,
            "parameters": parameters,
        }
    )
