"""Tokens of managed identities for what local Azure runs: jobs, deployments, and shells of ``python -m local env --as``.

As on Azure ML compute, a process finds ``MSI_ENDPOINT`` and ``MSI_SECRET`` in its environment, and ``azure-identity``
(``ManagedIdentityCredential``, ``DefaultAzureCredential``) asks there for tokens. The secret is a token of local Azure that
names the identity, so nothing about it is kept. The endpoint is plain HTTP on loopback, like Azure's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.identity import Identity

PATH = "/msi/token"
#: Whom the secret of a process is for: this endpoint and nothing else.
AUDIENCE = "urn:local-azure:instance-identity"
_SECONDS = 30 * 24 * 3600


def holder(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The principal and client id of a resource's managed identity, user-assigned before system-assigned; None: it has none."""
    identity: Mapping[str, Any] = body.get("identity") or {}
    for assigned in (identity.get("userAssignedIdentities") or {}).values():
        if assigned and assigned.get("principalId"):
            return str(assigned["principalId"]), str(assigned.get("clientId") or "")
    principal = identity.get("principalId")
    return (str(principal), "") if principal else None


def variables(identity: Identity, port: int, principal_id: str, client_id: str) -> dict[str, str]:
    """What a process finds in its environment. ``client_id`` is empty for a system-assigned identity."""
    secret = identity.issue(
        AUDIENCE, principal_id=principal_id, client_id=client_id or principal_id, lifetime=_SECONDS
    )
    found = {"MSI_ENDPOINT": f"http://127.0.0.1:{port}{PATH}", "MSI_SECRET": secret}
    if client_id:
        found |= {"AZURE_CLIENT_ID": client_id, "DEFAULT_IDENTITY_CLIENT_ID": client_id}
    return found


def answer(identity: Identity, query: Mapping[str, str], secret: str) -> tuple[int, dict[str, Any]]:
    """The status and JSON body for one request of a token."""
    try:
        claims = identity.check(f"Bearer {secret}", (AUDIENCE,))
    except ArmError:
        return 401, {"statusCode": 401, "message": "The header 'secret' is not the MSI_SECRET of a process."}
    resource = query.get("resource", "").removesuffix("/.default")
    if not resource:
        return 400, {"statusCode": 400, "message": "The parameter 'resource' is required."}
    wanted = query.get("clientid") or query.get("client_id") or ""
    if wanted and wanted.lower() != claims["appid"].lower():
        return 400, {
            "statusCode": 400,
            "message": f"No managed identity with the client id '{wanted}' is assigned.",
        }
    token = identity.issue(resource, principal_id=claims["oid"], client_id=claims["appid"])
    expires = identity.check(f"Bearer {token}", None)["exp"]
    return 200, {
        "access_token": token,
        "expires_on": str(expires),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": claims["appid"],
    }
