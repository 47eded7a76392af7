"""Whom pipelines deploy models as, and which pipelines: federated credentials, so that there is no secret.

Microsoft Entra takes a forge's short-lived token in the place of a secret if its issuer, subject and audience are, letter
by letter, those of a credential of the identity.

Sources: GitHub, "OpenID Connect reference" (subjects of environments and branches); Microsoft Learn, "Connect to Azure with
an Azure Resource Manager service connection" (Azure DevOps) and "Workload identity federation" (at most 20 credentials,
written one after the other).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import pulumi
from pulumi_azure_native import managedidentity
from pydantic import model_validator

from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope

AUDIENCE = "api://AzureADTokenExchange"
_GITHUB = "https://token.actions.githubusercontent.com"
_MOST = 20


class GitHubConfig(Section):
    """``mlops:access.delivery.github[]``: a repository whose workflows deploy models."""

    repository: str = setting(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$",
        breaks="its workflows are trusted, and nobody else's",
        write="OWNER/NAME",
    )
    environment: str | None = setting(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,255}$",
        breaks="jobs of one environment are trusted, whose protection rules ask for approval",
        write="an environment's name, or a branch instead",
    )
    branch: str | None = setting(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,243}$",
        breaks="jobs on one branch are trusted",
        write="a branch's name, or an environment instead",
    )

    @model_validator(mode="after")
    def _is_narrow(self) -> Self:
        if (self.environment is None) == (self.branch is None):
            said = "neither an environment nor a branch" if self.branch is None else "both"
            raise ValueError(
                f"it has {said}, and a trust is for exactly one of them; write environment: or branch:"
            )
        return self

    @property
    def trust(self) -> tuple[str, str, str]:
        """The credential's name, issuer and subject."""
        what = f"environment:{self.environment}" if self.environment else f"ref:refs/heads/{self.branch}"
        return (
            f"github-{self.repository}-{self.environment or self.branch}",
            _GITHUB,
            f"repo:{self.repository}:{what}",
        )


class AzureDevOpsConfig(Section):
    """``mlops:access.delivery.azureDevOps[]``: a service connection that deploys models."""

    organization: str = setting(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,48}[A-Za-z0-9]$",
        breaks="the service connection's pipelines are trusted, and nobody else's",
        write="the organisation's name, as in https://dev.azure.com/NAME",
    )
    organization_id: str = setting(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        breaks="it tells the issuer of the organisation's tokens",
        write="the GUID at the end of the issuer that the service connection shows",
    )
    project: str = setting(
        pattern=r"^[^/:]{1,64}$",
        breaks="the service connection is one of a project",
        write="the project's name",
    )
    service_connection: str = setting(
        pattern=r"^[^/:]{1,100}$",
        breaks="pipelines that use it are trusted",
        write="the service connection's name",
    )

    @property
    def trust(self) -> tuple[str, str, str]:
        """The credential's name, issuer and subject."""
        return (
            f"azure-devops-{self.project}-{self.service_connection}",
            f"https://vstoken.dev.azure.com/{self.organization_id.lower()}",
            f"sc://{self.organization}/{self.project}/{self.service_connection}",
        )


class TrustConfig(Section):
    """``mlops:access.delivery.other[]``: whoever else has tokens of OpenID Connect."""

    name: str = setting(
        pattern=r"^[a-z][a-z0-9-]{1,59}$",
        breaks="it tells the credential from others",
        write="2 to 60 lowercase letters, digits and hyphens, a letter first",
    )
    issuer: str = setting(
        pattern=r"^https://[^\s?#]+$",
        breaks="it is who signs the tokens",
        write="the address of the issuer, which begins with https://",
    )
    subject: str = setting(
        pattern=r"^[^\s*]{1,600}$",
        breaks="it is whom the tokens are about, letter by letter: Azure knows no wildcards here",
        write="the subject of the tokens",
    )

    @property
    def trust(self) -> tuple[str, str, str]:
        """The credential's name, issuer and subject."""
        return self.name, self.issuer, self.subject


class DeliveryConfig(Section):
    """``mlops:access.delivery``: the pipelines that deploy models without a secret."""

    github: tuple[GitHubConfig, ...] = setting(
        (),
        breaks="they are the repositories whose workflows deploy models",
        write="a list of mappings with a repository and an environment",
    )
    azure_dev_ops: tuple[AzureDevOpsConfig, ...] = setting(
        (),
        breaks="they are the service connections that deploy models",
        write="a list of mappings with organization, organizationId, project and serviceConnection",
    )

    other: tuple[TrustConfig, ...] = setting(
        (),
        breaks="they are whoever else deploys models, as a service connection whose tokens Microsoft Entra issues",
        write="a list of mappings with name, issuer and subject",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for _, issuer, subject in self.trusts:
            if (issuer, subject) in seen:
                raise ValueError(f"{subject} is trusted twice, which Azure refuses; write it once")
            seen.add((issuer, subject))
        if len(seen) > _MOST:
            raise ValueError(
                f"{len(seen)} pipelines are trusted, and an identity takes {_MOST}; trust an environment that they share"
            )
        return self

    @property
    def trusts(self) -> tuple[tuple[str, str, str], ...]:
        """Names, issuers and subjects of all credentials."""
        return tuple(one.trust for one in (*self.github, *self.azure_dev_ops, *self.other))


class Delivery(pulumi.ComponentResource):
    """The credentials of the identity that pipelines deploy models as."""

    def __init__(
        self,
        name: str,
        config: DeliveryConfig,
        *,
        scope: Scope,
        identity_name: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Delivery", name, None, opts)
        before: list[pulumi.Resource] = []
        for label, issuer, subject in config.trusts:
            slug = re.sub(r"[^a-z0-9-]+", "-", label.lower())
            made = managedidentity.FederatedIdentityCredential(
                f"{name}-{slug}",
                resource_group_name=scope.resource_group_name,
                resource_name_=identity_name,
                federated_identity_credential_resource_name=slug[:120].rstrip("-"),
                issuer=issuer,
                subject=subject,
                audiences=[AUDIENCE],
                # Azure refuses to write two credentials of one identity at the same time.
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(before)),
            )
            before = [made]
        self.register_outputs({})
