"""Federated credentials: a token of a trusted issuer (GitHub, Azure DevOps, Kubernetes) instead of a secret.

A user-assigned identity trusts tokens by issuer, subject and audience, all spelled exactly alike (Microsoft Learn, "Workload
identity federation"). Nothing here reaches an issuer for its keys: the tokens that count are those that
``python -m local federated-token`` signs in an issuer's name, with local Azure's own key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.identity import Identity

AUDIENCE = "api://AzureADTokenExchange"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_SECONDS = 600


class FederationError(Exception):
    """Entra refuses an assertion; ``error`` and ``code`` are its own."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.code = code


def assertion(identity: Identity, issuer: str, subject: str, audience: str = AUDIENCE) -> str:
    """A token in an issuer's name, good for ten minutes."""
    return identity.issue(
        audience, lifetime=_SECONDS, claims={"iss": issuer, "sub": subject, "oid": "", "appid": ""}
    )


def exchange(azure: Azure, client_id: str, token: str) -> str:
    """The principal id of the user-assigned identity that an assertion signs in.

    Raises:
        FederationError: the assertion is nobody's, or the identity doesn't trust it.
    """
    record = next(
        (
            found
            for found in azure.store.of_type(IDENTITY)
            if found.body["properties"]["clientId"].lower() == client_id.lower()
        ),
        None,
    )
    if record is None:
        raise FederationError(
            400, "unauthorized_client", 700016, f"Application '{client_id}' was not found in this tenant."
        )
    try:
        claims = azure.identity.check(f"Bearer {token}", None)
    except ArmError as error:
        raise FederationError(
            401,
            "invalid_client",
            50027,
            f"JWT token is invalid or malformed: {error.message} Local Azure takes the tokens that "
            "`python -m local federated-token` prints.",
        ) from None
    trusted = azure.store.below(record.id, f"{IDENTITY}/federatedIdentityCredentials")
    if any(_trusts(credential.body["properties"], claims) for credential in trusted):
        return str(record.body["properties"]["principalId"])
    raise FederationError(
        400,
        "invalid_client",
        70021,
        "No matching federated identity record found for presented assertion. Assertion Issuer: "
        f"'{claims.get('iss')}'. Assertion Subject: '{claims.get('sub')}'. Assertion Audience: '{claims.get('aud')}'. "
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
    )


def _trusts(credential: dict[str, Any], claims: dict[str, Any]) -> bool:
    return (
        credential["issuer"] == claims.get("iss")
        and credential["subject"] == claims.get("sub")
        and claims.get("aud") in credential["audiences"]
    )
