"""What roles permit. Pure.

Source: Microsoft Learn, "Understand Azure role definitions": the permissions of a role are ``actions`` less ``notActions``,
for data ``dataActions`` less ``notDataActions``; wildcards may stand anywhere; several roles add up, so that what one role
leaves out another may give.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Permission:
    """One entry of a role definition's ``permissions``; patterns such as ``Microsoft.Storage/*/read``."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    #: under which the role gives it (``condition.py``), and the version of its language; empty: always
    condition: str = ""
    condition_version: str = ""

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Permission:
        """An entry as ARM has it."""

        def patterns(key: str) -> tuple[str, ...]:
            return tuple(str(pattern) for pattern in entry.get(key) or ())

        return cls(
            patterns("actions"),
            patterns("notActions"),
            patterns("dataActions"),
            patterns("notDataActions"),
            str(entry.get("condition") or ""),
            str(entry.get("conditionVersion") or ""),
        )

    def allows(self, operation: str, *, data: bool = False) -> bool:
        """Whether it permits an operation such as ``Microsoft.Storage/storageAccounts/read``."""
        given = self.data_actions if data else self.actions
        taken = self.not_data_actions if data else self.not_actions
        return _any(given, operation) and not _any(taken, operation)


def allows(permissions: Iterable[Permission], operation: str, *, data: bool = False) -> bool:
    """Whether any of the permissions permits an operation."""
    return any(permission.allows(operation, data=data) for permission in permissions)


def _any(patterns: tuple[str, ...], operation: str) -> bool:
    return any(_compiled(pattern).fullmatch(operation) is not None for pattern in patterns)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Between slashes a wildcard may stand for nothing: *Managed Identity Operator* has ``userAssignedIdentities/*/assign/action``,
    # and what it permits is ``userAssignedIdentities/assign/action``.
    found = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.compile(found.replace("/.*/", "/(?:.*/)?"), re.IGNORECASE)
