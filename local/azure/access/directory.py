"""The principals of the tenant besides the first: what Microsoft Entra has as applications, users and groups.

Scope: applications with their service principal, users, groups with memberships. Each but a group signs in with a client id
and a secret, users too (local Azure has no browser sign-in). They live in the store; of a secret, only its hash.
``graph.py`` is their interface. Omitted: nested groups, directory roles, several secrets for one principal.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from local.azure.resource_type import Json

Kind = Literal["ServicePrincipal", "User", "Group"]
_PREFIX = "directory"


class Secrets(Protocol):
    """Where principals are kept: the store's secrets, by name."""

    def secret(self, name: str) -> str | None:
        """A secret, or None."""
        ...

    def put_secret(self, name: str, value: str) -> None:
        """Creates or replaces a secret."""
        ...

    def secret_names(self, prefix: str) -> list[str]:
        """What follows the prefix in the names of secrets."""
        ...

    def delete_secrets(self, prefix: str) -> None:
        """Removes a secret and those below it."""
        ...


@dataclass(frozen=True)
class Principal:
    """A principal: ``object_id`` is what role assignments name, ``client_id`` is what signs in.

    ``application_id`` is the id of the application object behind a service principal; ``present`` is False while an
    application has no service principal yet.
    """

    name: str
    kind: Kind
    object_id: str
    client_id: str
    application_id: str = ""
    present: bool = True
    secret_hash: str = ""
    members: tuple[str, ...] = ()


def everybody(store: Secrets) -> list[Principal]:
    """All principals that were made, by name."""
    found = [_read(store, name) for name in store.secret_names(_PREFIX)]
    return sorted((one for one in found if one is not None), key=lambda one: one.name.lower())


def of_kind(store: Secrets, kind: Kind) -> list[Principal]:
    """The principals of a kind, by name."""
    return [one for one in everybody(store) if one.kind == kind]


def get(store: Secrets, object_id: str) -> Principal | None:
    """The principal of an object id; None: nobody."""
    return _read(store, object_id.lower())


def with_client(store: Secrets, client_id: str) -> Principal | None:
    """Who signs in with a client id; None: nobody."""
    wanted = client_id.lower()
    return next((one for one in everybody(store) if one.client_id == wanted and one.kind != "Group"), None)


def create(store: Secrets, name: str, kind: Kind, *, present: bool = True) -> Principal:
    """Makes a principal without a secret."""
    made = Principal(name, kind, *(str(uuid.uuid4()) for _ in range(3)), present=present)
    put(store, made)
    return made


def put(store: Secrets, principal: Principal) -> None:
    """Writes a principal down."""
    store.put_secret(f"{_PREFIX}/{principal.object_id}", json.dumps(asdict(principal)))


def delete(store: Secrets, principal: Principal) -> None:
    """Removes a principal; its role assignments stay, as in Azure."""
    store.delete_secrets(f"{_PREFIX}/{principal.object_id}")


def new_secret(store: Secrets, principal: Principal) -> str:
    """Gives a principal a new secret in place of the one before; returns it, the only time it is seen."""
    secret = secrets.token_hex(30)  # without hyphens: `az login -p` takes one at the beginning for an option
    put(store, replace(principal, secret_hash=_hash(secret)))
    return secret


def verify(principal: Principal, secret: str) -> bool:
    """Whether a secret is the principal's."""
    return bool(principal.secret_hash) and hmac.compare_digest(principal.secret_hash, _hash(secret))


def groups(store: Secrets, object_id: str) -> set[str]:
    """The object ids of the groups that a principal is in."""
    return {one.object_id for one in of_kind(store, "Group") if object_id.lower() in one.members}


def _hash(secret: str) -> str:
    # 240 random bits: there is nothing to guess, so nothing that a slower hash would protect.
    return hashlib.sha256(secret.encode()).hexdigest()


def _read(store: Secrets, object_id: str) -> Principal | None:
    text = store.secret(f"{_PREFIX}/{object_id}")
    if text is None:
        return None
    fields: Json = json.loads(text)
    return Principal(**{**fields, "members": tuple(fields["members"])})  # pyright: ignore[reportArgumentType]
