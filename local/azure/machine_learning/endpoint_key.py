"""What opens an online endpoint: two keys, made when first asked for, or tokens that expire.

Both live in the store's secrets below the endpoint's id and go with it. A token is a JWT with the claims that Azure
gives it (issuer and audience ``azureml``), signed with a secret of the endpoint: regenerating keys doesn't end it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import string
from typing import TYPE_CHECKING, Any

from local.settings import TENANT_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record

PRIMARY = "Primary"
SECONDARY = "Secondary"
#: Seconds until a token expires and until a new one should be asked for, as Azure has them (12 and 1 h).
TOKEN_SECONDS = 12 * 3600
_REFRESH_SECONDS = 3600
_KEY_LENGTH = 32
_ALPHABET = string.ascii_letters + string.digits


def keys(azure: Azure, endpoint: Record) -> tuple[str, str]:
    """The primary and the secondary key."""
    return _secret(azure, endpoint, PRIMARY), _secret(azure, endpoint, SECONDARY)


def regenerate(azure: Azure, endpoint: Record, which: str, value: str | None = None) -> None:
    """Replaces the ``Primary`` or ``Secondary`` key, by ``value`` if given.

    ``MLClient`` sends the key as it is when it asks for a new one.
    """
    given = value if value != _secret(azure, endpoint, which) else None
    azure.store.put_secret(_name(endpoint, which), given or _random())


def forget(azure: Azure, endpoint: Record) -> None:
    """Removes what opens the endpoint."""
    azure.store.delete_secrets(endpoint.id)


def token(azure: Azure, endpoint: Record, principal_id: str | None) -> Json:
    """A new token, as the endpoint's ``token`` action answers: times in seconds since 1970."""
    now = int(azure.now().timestamp())
    claims = {
        "iss": "azureml",
        "aud": "azureml",
        "tid": TENANT_ID,
        "oid": principal_id,
        "endpointName": endpoint.name,
        "actions": ["Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"],
        "canRefresh": "False",
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    signed = f"{_encode({'typ': 'JWT', 'alg': 'HS256'})}.{_encode(claims)}"
    return {
        "accessToken": f"{signed}.{_signature(azure, endpoint, signed)}",
        "tokenType": "Bearer",
        "expiryTimeUtc": now + TOKEN_SECONDS,
        "refreshAfterTimeUtc": now + _REFRESH_SECONDS,
    }


def is_token(azure: Azure, endpoint: Record, value: str) -> bool:
    """Whether ``value`` is a token of this endpoint that hasn't expired."""
    signed, _, signature = value.rpartition(".")
    expected = _signature(azure, endpoint, signed)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        return False
    try:
        payload = signed.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return False
    return claims["exp"] > azure.now().timestamp()


def _secret(azure: Azure, endpoint: Record, which: str) -> str:
    found = azure.store.secret(_name(endpoint, which))
    if found is None:
        found = _random()
        azure.store.put_secret(_name(endpoint, which), found)
    return found


def _name(endpoint: Record, which: str) -> str:
    return f"{endpoint.id}/{which}"


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))


def _signature(azure: Azure, endpoint: Record, signed: str) -> str:
    digest = hmac.new(_secret(azure, endpoint, "signing").encode(), signed.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encode(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
