"""Pipelines sign in as themselves, and only those that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import Resource, ResourceRule, at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def check(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """The issuer is one that is trusted, and the subject isn't everybody's: not any branch, not a pull request."""
    if resource.type != azure.FEDERATED_CREDENTIAL:
        return
    issuer, subject = at(resource.props, "issuer"), at(resource.props, "subject")
    if isinstance(issuer, str) and not issuer.startswith(tuple(settings["issuers"])):
        yield f"it trusts {issuer}"
    if isinstance(subject, str) and ("*" in subject or subject.endswith(":pull_request")):
        yield f"its subject is {subject}, which others than the protected branch or environment can have"


RULE = ResourceRule(
    name="federated-subjects",
    title="Federated credentials for protected environments",
    category="identity",
    controls=("IM-3",),
    severity="critical",
    reason="Whoever opens a pull request could deploy to production.",
    fix="Name an environment or a protected branch in the subject: repo:OWNER/NAME:environment:prod.",
    link="https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust",
    settings={
        "issuers": {
            "type": "array",
            "items": {"type": "string"},
            "default": [
                "https://token.actions.githubusercontent.com",
                "https://vstoken.dev.azure.com/",
                "https://login.microsoftonline.com/",
            ],
        }
    },
    check=check,
)
