"""What provider processes recorded of their calls (`providers/leash.py` writes it): read after an engine was killed.

Each process has a file in the journal's folder and holds a lock on it for as long as it lives.
"""

from __future__ import annotations

import base64
import fcntl
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.engine.error import EngineError
from local.engine.property_value import Properties, annotate, decode
from local.engine.state.journal import records

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "outcomes-"


@dataclass(frozen=True)
class Recorded:
    """How a call ended. `id` is what it made; `errors`: it is there but isn't what was asked for."""

    failed: bool = False
    id: str = ""
    outputs: Properties = field(default_factory=dict[str, Any])
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Orphan:
    """A provider process that outlived its engine to finish its calls."""

    pid: int
    linger: float  # seconds it does so at most


def orphans(folder: Path) -> list[Orphan]:
    """The provider processes of a killed engine that still work."""
    return [_orphan(file) for file in sorted(folder.glob(f"{PREFIX}*")) if _is_held(file)]


def _is_held(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _orphan(path: Path) -> Orphan:
    head = next(iter(records(path.read_bytes())), {})
    return Orphan(int(head.get("pid", 0)), float(head.get("linger", 0)))


def ended(folder: Path) -> dict[int, dict[str, Any]]:
    """The record of each operation whose last call ended, by the operation's number."""
    found: dict[int, dict[str, Any]] = {}
    for file in sorted(folder.glob(f"{PREFIX}*")):
        for record in records(file.read_bytes()):
            if "call" in record:
                found.pop(record["call"], None)  # tried once more
            elif "ended" in record:
                found[record["ended"]] = record
    return found


def read(record: dict[str, Any], key: bytes, inputs: Properties, *, keeps_secrets: bool) -> Recorded:
    """What a record says; raises EngineError if it isn't one of this run's."""
    if record.get("failed"):
        return Recorded(failed=True)
    if "sealed" not in record:
        # Its interpreter had no cipher: the next update writes the resource again and learns the rest.
        reason = "its outputs could not be recorded when the last run was interrupted"
        return Recorded(id=record.get("id", ""), outputs=dict(inputs), errors=(reason,))
    from pulumi.runtime.proto import provider_pb2  # noqa: PLC0415 - only after a crash

    message = _opened(record["sealed"], key)
    if record.get("partial"):
        from local.engine.providers.provider import initialization_error  # noqa: PLC0415

        detail = initialization_error(message)
        if detail is None:
            return Recorded(failed=True)
        reasons = tuple(detail.reasons) or ("initialization failed",)
        return Recorded(
            id=detail.id, outputs=_outputs(detail, inputs, keeps_secrets=keeps_secrets), errors=reasons
        )
    if record["method"] == "Delete":
        return Recorded()
    kind = provider_pb2.CreateResponse if record["method"] == "Create" else provider_pb2.UpdateResponse
    response: Any = kind.FromString(message)
    outputs = _outputs(response, inputs, keeps_secrets=keeps_secrets)
    return Recorded(id=getattr(response, "id", ""), outputs=outputs)


def _outputs(message: Any, inputs: Properties, *, keeps_secrets: bool) -> Properties:
    outputs = decode(message.properties)
    return outputs if keeps_secrets else annotate(outputs, inputs)


def _opened(sealed: str, key: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    data = base64.b64decode(sealed)
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], None)
    except InvalidTag as error:
        raise EngineError("a provider's record can't be opened with the key of its run") from error
