"""What tests of local Azure's Machine Learning share: ``MLClient``, unmodified, pointed at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml._utils import _experimental
from azure.identity import EnvironmentCredential

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conftest import Workspace
    from running_azure import LocalAzure

#: What a shell has after ``eval "$(python -m local env)"``, as far as these clients read it.
_VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
)


def point_at(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points the clients of this process at a local Azure."""
    for name in _VARIABLES:
        monkeypatch.setenv(name, azure.env[name])


@pytest.fixture(scope="module")
def ml_client(local_azure: LocalAzure, workspace: Workspace) -> Generator[MLClient]:
    """A client of the workspace; the environment points at local Azure as long as a module uses it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        point_at(local_azure, monkeypatch)
        # What it does to decide about warnings takes longer than its requests.
        monkeypatch.setattr(_experimental, "_should_skip_warning", lambda: True)
        yield MLClient(
            EnvironmentCredential(), local_azure.subscription_id, workspace.resource_group, workspace.name
        )


@dataclass(frozen=True)
class Management:
    """Makes clients of Azure's management packages, and has a group for what they make."""

    client: Callable[..., Any]
    group: str
    azure: LocalAzure

    @property
    def group_id(self) -> str:
        """The group's id."""
        return f"/subscriptions/{self.azure.subscription_id}/resourceGroups/{self.group}"


@pytest.fixture(scope="module")
def management(local_azure: LocalAzure) -> Generator[Management]:
    """Clients of azure-mgmt-*, unmodified; the environment points at local Azure as long as a module uses it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        point_at(local_azure, monkeypatch)
        group = local_azure.group().rsplit("/", 1)[1]
        with EnvironmentCredential() as credential:
            yield Management(
                lambda kind, **given: kind(credential, local_azure.subscription_id, **given),
                group,
                local_azure,
            )
