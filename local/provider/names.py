"""Auto-naming: the physical name of a resource whose program gives none. Pure.

As azure-native does: top-level resources get the logical name and 8 hex digits, children the logical name itself, role
assignments and definitions a uuid. The engine's random seed makes a preview and the update that follows it agree.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.provider.facts import NameStrategy

#: Input that remembers a random name: such a resource is replaced by creating before deleting.
CREATE_BEFORE_DELETE = "__createBeforeDelete"
_HEX_DIGITS = 8


class Mode(Enum):
    """What the stack's ``pulumi:autonaming`` asks for."""

    PROPOSE = 0
    ENFORCE = 1
    DISABLE = 2


@dataclass(frozen=True)
class Autonaming:
    """The engine's proposal."""

    proposed: str
    mode: Mode


def auto_name(
    logical_name: str,
    strategy: NameStrategy,
    *,
    seed: bytes = b"",
    autonaming: Autonaming | None = None,
) -> tuple[str, bool] | None:
    """A name and whether it is random, or None where auto-naming is switched off."""
    if autonaming is not None:
        if autonaming.mode is Mode.DISABLE:
            return None
        if autonaming.mode is Mode.ENFORCE or strategy != "uuid":
            return autonaming.proposed, True
    if strategy == "copy":
        return logical_name, False
    digits = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(32)
    if strategy == "uuid":
        return str(uuid.UUID(digits[:32])), True
    return logical_name + digits[:_HEX_DIGITS], True


def remembered_name(olds: Mapping[str, Any], key: str) -> tuple[str, bool] | None:
    """The name of an earlier run and whether it was random."""
    value = olds.get(key)
    return (value, olds.get(CREATE_BEFORE_DELETE) is True) if isinstance(value, str) else None


def logical_name(urn: str) -> str:
    """The last part of a URN."""
    return urn.rsplit("::", 1)[-1]


def token_of(urn: str) -> str:
    """The resource type of a URN (its own, without parents)."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def normal_location(text: str) -> str:
    """A location as Azure compares it: ``West Europe`` is ``westeurope``."""
    return text.replace(" ", "").lower()
