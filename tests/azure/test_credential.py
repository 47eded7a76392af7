"""The credentials of azure-identity, unmodified, sign in at local Azure and are who they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
from azure.identity import (
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from conftest import point_at
from running_azure import ARM, LocalAzure, unique

from local import principal
from local.azure import identity as entra
from local.azure.access import federation
from local.settings import PRINCIPAL_ID, TENANT_ID

if TYPE_CHECKING:
    from pathlib import Path

SCOPE = f"{ARM}/.default"


@pytest.fixture
def environment(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process pointed at local Azure that has no credential yet."""
    point_at(local_azure, monkeypatch)
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture(scope="module")
def managed(local_azure: LocalAzure) -> dict[str, Any]:
    """A user-assigned identity."""
    path = f"{local_azure.group()}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{unique('id-')}"
    return local_azure.put(path, {"location": "westeurope"}, api_version="2023-01-31")


def who(local_azure: LocalAzure, credential: Any) -> str:
    """The object id that a credential's token names; ARM takes it."""
    with credential:
        token = credential.get_token(SCOPE).token
    answer = local_azure.session.get(
        f"{ARM}/subscriptions?api-version=2022-12-01",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.status_code == 200
    return str(jwt.decode(token, options={"verify_signature": False})["oid"])


def test_a_client_secret(local_azure: LocalAzure, environment: pytest.MonkeyPatch):
    env = local_azure.env
    credential = ClientSecretCredential(TENANT_ID, env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"])
    assert who(local_azure, credential) == PRINCIPAL_ID


def test_a_token_that_somebody_else_signed(
    local_azure: LocalAzure, environment: pytest.MonkeyPatch, managed: dict[str, Any], tmp_path: Path
):
    issuer, subject = "https://oidc.example.com/cluster", "system:serviceaccount:models:scoring"
    local_azure.put(
        f"{managed['id']}/federatedIdentityCredentials/cluster",
        {"properties": {"issuer": issuer, "subject": subject, "audiences": ["api://AzureADTokenExchange"]}},
        api_version="2023-01-31",
    )
    file = tmp_path / "token"
    file.write_text(federation.assertion(entra.load(local_azure.dir.identity), issuer, subject))
    environment.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    environment.setenv("AZURE_CLIENT_ID", managed["properties"]["clientId"])
    environment.setenv("AZURE_TENANT_ID", TENANT_ID)
    assert who(local_azure, WorkloadIdentityCredential()) == managed["properties"]["principalId"]


def be(local_azure: LocalAzure, environment: pytest.MonkeyPatch, name: str) -> None:
    """What ``python -m local env --as`` makes of a shell."""
    variables = principal.environment(principal.Client(local_azure.dir), local_azure.dir, name)
    for key, value in variables.items():
        environment.setenv(key, value)


def test_a_managed_identity_by_its_own_credential_and_by_the_default_one(
    local_azure: LocalAzure, environment: pytest.MonkeyPatch, managed: dict[str, Any]
):
    be(local_azure, environment, managed["id"])
    expected = managed["properties"]["principalId"]
    client_id = managed["properties"]["clientId"]
    assert who(local_azure, ManagedIdentityCredential(client_id=client_id)) == expected
    assert who(local_azure, DefaultAzureCredential()) == expected


def test_the_default_credential_is_the_principal_that_a_shell_is(
    local_azure: LocalAzure, environment: pytest.MonkeyPatch
):
    made = principal.create(principal.Client(local_azure.dir), unique("sp-"), "service-principal")
    be(local_azure, environment, made["name"])
    assert who(local_azure, DefaultAzureCredential()) == made["objectId"]


@pytest.mark.parametrize(("version", "shape"), [("2019-05-01", list), ("2022-09-01", dict)])
def test_a_client_without_a_token_asks_what_cloud_this_is(
    local_azure: LocalAzure, version: str, shape: type[Any]
):
    url = f"{ARM}/metadata/endpoints?api-version={version}"
    found = local_azure.session.get(url, timeout=30).json()
    assert isinstance(found, shape)
    (cloud,) = found if isinstance(found, list) else [found]
    assert (cloud["name"], cloud["resourceManager"]) == ("AzureCloud", f"{ARM}/")
    assert cloud["authentication"]["loginEndpoint"].rstrip("/") == "https://login.microsoftonline.com"
    assert (cloud.get("microsoftGraphResourceId") is None) == (shape is list)


def test_another_version_of_the_cloud_is_refused_by_name(local_azure: LocalAzure):
    answer = local_azure.session.get(f"{ARM}/metadata/endpoints?api-version=2015-01-01", timeout=30)
    assert (answer.status_code, "2015-01-01" in answer.text) == (501, True)
