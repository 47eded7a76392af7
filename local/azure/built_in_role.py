"""Azure's built-in roles: what each permits, as Azure's own list of role definitions gives it.

Scope: the roles that platforms such as this one meet (general, AI, storage, vaults, registries, networks, monitoring, events,
Logic Apps, Kubernetes), each with all its actions; Azure has some hundreds more, which are unknown here.

Source: the JSON that Microsoft Learn, "Azure built-in roles", shows for each role, as `az role definition list` prints it
(August 2026). ``built_in_role.json`` has one role a line, by the GUID that is its name in every tenant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.azure.access.permission import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class BuiltInRole:
    """A role that every tenant has."""

    id: str
    name: str
    description: str
    permissions: tuple[Permission, ...]


def _load() -> dict[str, BuiltInRole]:
    found: dict[str, BuiltInRole] = {}
    for identifier, role in json.loads(_DATA.read_text(encoding="utf-8")).items():
        permissions = tuple(Permission.read(one) for one in role["permissions"])
        found[identifier] = BuiltInRole(identifier, role["roleName"], role["description"], permissions)
    return found


#: The roles by their GUID, in lower case.
BUILT_IN_ROLES: Mapping[str, BuiltInRole] = _load()
