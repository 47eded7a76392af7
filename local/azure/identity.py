"""Microsoft Entra on ``login.microsoftonline.com``, as Azure's clients use it to sign a service principal in.

Scope: OpenID and instance discovery, the signing keys, tokens by client secret (v1 and v2 endpoints) for the service
principal of local Azure and for those of ``access.directory``, by federated credentials for user-assigned identities, and
the checking of bearer tokens. Omitted: browser sign-in, device codes, refresh tokens, client certificates.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local.azure.access import directory, federation
from local.azure.errors import ArmError
from local.azure.resource_type import Answer, Call, Route
from local.settings import CLIENT_ID, PRINCIPAL_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.azure import Azure

LOGIN = "login.microsoftonline.com"
#: How long a token is good for, in seconds. Entra gives between 60 and 90 minutes.
LIFETIME = 3600
MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
_HINT = "Run `python -m local env` and use the credentials it prints."


class IdentityError(Exception):
    """The identity file can't be used; the message says what to do."""


class Identity:
    """Signs and checks the tokens of one local Azure."""

    def __init__(self, client_secret: str, key: rsa.RSAPrivateKey) -> None:
        self.client_secret = client_secret
        self._key = key
        self._public = key.public_key()
        numbers = self._public.public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        self.key_id = _encode(hashlib.sha256(modulus).digest())[:27]
        self.jwk = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "n": _encode(modulus),
            "e": _encode(numbers.e.to_bytes(3, "big")),
        }
        self._checked: dict[str, dict[str, Any]] = {}

    def issue(
        self,
        audience: str,
        *,
        principal_id: str = PRINCIPAL_ID,
        client_id: str = CLIENT_ID,
        lifetime: int = LIFETIME,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """A token for ``audience`` (a resource's URL without ``/.default``), good for ``lifetime`` seconds.

        ``claims`` replace or add to those of a service principal.
        """
        now = int(time.time())
        content: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT_ID}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": client_id,
            "appidacr": "1",
            "idtyp": "app",
            "oid": principal_id,
            "sub": principal_id,
            "tid": TENANT_ID,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
            **(claims or {}),
        }
        header = {"typ": "JWT", "alg": "RS256", "kid": self.key_id, "x5t": self.key_id}
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(content).encode())}"
        return f"{signed}.{_encode(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def check(
        self, authorization: str | None, audiences: tuple[str, ...] | None = MANAGEMENT
    ) -> dict[str, Any]:
        """The claims of a bearer token.

        Args:
            authorization: the ``Authorization`` header.
            audiences: whom the token must be for; None: anybody.

        Raises:
            ArmError: 401, with ``WWW-Authenticate``.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refusal(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing or has no bearer token.",
            )
        claims = self._checked.get(token) or self._verify(token)
        if claims["exp"] <= time.time():
            self._checked.pop(token, None)
            raise _refusal("ExpiredAuthenticationToken", "The access token expired; ask for a new one.")
        if audiences is not None and claims["aud"].rstrip("/") not in audiences:
            raise _refusal(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{claims['aud']}'. "
                f"It should be one of: {', '.join(audiences)}.",
            )
        return claims

    def _verify(self, token: str) -> dict[str, Any]:
        try:
            signed, _, signature = token.rpartition(".")
            self._public.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
        except (InvalidSignature, ValueError):
            raise _refusal(
                "InvalidAuthenticationToken", f"The access token was not issued by this local Azure. {_HINT}"
            ) from None
        if len(self._checked) > 1000:
            self._checked.clear()
        self._checked[token] = claims
        return claims


def load(path: Path) -> Identity:
    """The identity of this local Azure, made and written (owner only) if missing.

    Raises:
        IdentityError: the file is damaged.
    """
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, json.dumps({"clientSecret": secrets.token_hex(30), "signingKey": pem.decode()}))
    try:
        content = json.loads(path.read_text())
        key = serialization.load_pem_private_key(content["signingKey"].encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the key is no RSA key")
        return Identity(content["clientSecret"], key)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IdentityError(
            f"{path} is damaged ({error}). Delete it: the next start makes a new secret, which clients get from "
            "`python -m local env`."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Replaces a file whole, readable by its owner only."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _refusal(code: str, message: str) -> ArmError:
    challenge = (
        f'Bearer authorization_uri="https://{LOGIN}/{TENANT_ID}", error="invalid_token", '
        f'error_description="{message}"'
    )
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge})


# --- login.microsoftonline.com


def _openid(call: Call) -> dict[str, Any]:
    tenant = TENANT_ID
    version = "v2.0/" if "/v2.0/" in call.path else ""
    oauth = f"https://{LOGIN}/{tenant}/oauth2/{version}"
    return {
        "issuer": f"https://{LOGIN}/{tenant}/v2.0" if version else f"https://sts.windows.net/{tenant}/",
        "authorization_endpoint": f"{oauth}authorize",
        "token_endpoint": f"{oauth}token",
        "device_authorization_endpoint": f"{oauth}devicecode",
        "end_session_endpoint": f"{oauth}logout",
        "jwks_uri": f"https://{LOGIN}/{tenant}/discovery/{version}keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


async def _discover(_azure: Azure, call: Call) -> Answer:
    tenant = call.captured["tenant"].lower()
    if tenant not in (TENANT_ID, "common", "organizations"):
        return Answer(400, _tenant_error(tenant))
    return Answer(200, _openid(call))


async def _instance(_azure: Azure, _call: Call) -> Answer:
    return Answer(
        200,
        {
            "tenant_discovery_endpoint": f"https://{LOGIN}/{TENANT_ID}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [
                {
                    "preferred_network": LOGIN,
                    "preferred_cache": "login.windows.net",
                    "aliases": [LOGIN, "login.windows.net", "login.microsoft.com", "sts.windows.net"],
                }
            ],
        },
    )


async def _keys(azure: Azure, _call: Call) -> Answer:
    return Answer(200, {"keys": [azure.identity.jwk]})


async def _token(azure: Azure, call: Call) -> Answer:
    tenant = call.captured["tenant"].lower()
    if tenant != TENANT_ID:
        return Answer(400, _tenant_error(tenant))
    form = {key: values[0] for key, values in parse_qs(call.content.decode()).items()}
    grant = form.get("grant_type", "")
    if grant != "client_credentials":
        return Answer(
            400,
            _error(
                "unsupported_grant_type",
                70003,
                f"Local Azure signs in service principals only (client_credentials), not '{grant}'. {_HINT}",
            ),
        )
    client = _federated(azure, form) if form.get("client_assertion") else _client(azure, call, form)
    if isinstance(client, Answer):
        return client
    audience = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix("/.default")
    if not audience:
        return Answer(
            400, _error("invalid_request", 900144, "The request body must contain 'scope' or 'resource'.")
        )
    token = azure.identity.issue(audience, principal_id=client.object_id, client_id=client.client_id)
    return Answer(
        200,
        {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token},
        {"Cache-Control": "no-store"},
    )


@dataclass(frozen=True)
class _Client:
    """Who signed in."""

    object_id: str
    client_id: str


def _client(azure: Azure, call: Call, form: dict[str, str]) -> _Client | Answer:
    """The service principal (or user, see ``access.directory``) of a client id and secret, or Entra's refusal."""
    client_id, secret = _given(call, form)
    if client_id.lower() == CLIENT_ID:
        known, right = (
            _Client(PRINCIPAL_ID, CLIENT_ID),
            hmac.compare_digest(secret.encode(), azure.identity.client_secret.encode()),
        )
    else:
        principal = directory.with_client(azure.store, client_id)
        if principal is None:
            description = f"Application '{client_id}' was not found in this tenant. {_HINT}"
            return Answer(400, _error("unauthorized_client", 700016, description))
        known = _Client(principal.object_id, principal.client_id)
        right = directory.verify(principal, secret)
    if not right:
        return Answer(401, _error("invalid_client", 7000215, f"Invalid client secret provided. {_HINT}"))
    return known


def _federated(azure: Azure, form: dict[str, str]) -> _Client | Answer:
    """The user-assigned identity that trusts the issuer and subject of an assertion, or Entra's refusal."""
    client_id = form.get("client_id", "")
    try:
        found = federation.exchange(azure, client_id, form["client_assertion"])
    except federation.FederationError as error:
        return Answer(error.status, _error(error.error, error.code, str(error)))
    return _Client(found, client_id)


def _given(call: Call, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return "", ""
        return client_id, client_secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _tenant_error(tenant: str) -> dict[str, Any]:
    return _error(
        "invalid_request", 90002, f"Tenant '{tenant}' not found; local Azure has {TENANT_ID}. {_HINT}"
    )


def _error(error: str, code: int, description: str) -> dict[str, Any]:
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {description}",
        "error_codes": [code],
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
    }


def _route(path: str, handle: Any, *methods: str) -> Route:
    host = re.compile(re.escape(LOGIN), re.IGNORECASE)
    return Route(host, re.compile(path, re.IGNORECASE), handle, methods, authenticated=False)


ROUTES = (
    _route(r"/common/discovery/instance", _instance, "GET"),
    _route(r"/(?P<tenant>[^/]+)/(v2\.0/)?\.well-known/openid-configuration", _discover, "GET"),
    _route(r"/(?P<tenant>[^/]+)/discovery/(v2\.0/)?keys", _keys, "GET"),
    _route(r"/(?P<tenant>[^/]+)/oauth2/(v2\.0/)?token", _token, "POST"),
)
