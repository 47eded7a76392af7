"""A Logic App that tells a channel of Microsoft Teams of an alert.

The channel's URL comes from a workflow of Teams ("Post to a channel when a webhook request is received"); it is a secret, so it
is in the vault and read by the Logic App's identity each time. ``definition`` is pure.

Sources: Microsoft Learn, "Common alert schema", "Create incoming webhooks with Workflows for Microsoft Teams".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_azure_native import logic, managedidentity

from infra.access.grant import Access, Grant, Role
from infra.events.claim import SCHEMA
from infra.events.start import read_secret, secret_url
from infra.events.workflow_action import BROKEN, OK, after, http, response, secured, terminate

if TYPE_CHECKING:
    from infra.observability.contact import Teams
    from infra.scope import Scope

Json = dict[str, Any]
TRIGGER = "alert"
_ESSENTIALS = "triggerBody()?['data']?['essentials']"


def definition(url: str, identity_id: str) -> Json:
    """The workflow: read the channel's URL, post a card; a failure is answered 502, and Azure Monitor tries again."""
    post = http("POST", "@{body('Get_url')?['value']}", identity_id=None, body=_message())
    said = "The channel could not be told: Get_url @{coalesce(actions('Get_url')?['code'], '-')}, Post @{coalesce(actions('Post')?['code'], '-')}."  # fmt: skip
    failed = [*BROKEN, "Skipped"]
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {"url": {"type": "String", "defaultValue": url}},
        "triggers": {TRIGGER: {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
        "actions": {
            "Get_url": read_secret(identity_id, "url"),
            "Post": post | secured("inputs") | after("Get_url"),
            "Answer": response(200, {"teams": "told"}) | after("Post", *OK),
            "Answer_failure": response(502, {"teams": said}) | after("Post", *failed),
            "Fail": terminate("Failed", "NotTold", said) | after("Answer_failure"),
        },
        "outputs": {},
    }


def _message() -> Json:
    """A message with one adaptive card."""
    rule = f"@{{{_ESSENTIALS}?['monitorCondition']}}: @{{{_ESSENTIALS}?['alertRule']}}"
    facts = [
        ("Severity", f"@{{{_ESSENTIALS}?['severity']}}"),
        ("Fired", f"@{{{_ESSENTIALS}?['firedDateTime']}}"),
        ("Resource", f"@{{first(coalesce({_ESSENTIALS}?['configurationItems'], createArray('-')))}}"),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": rule, "weight": "Bolder", "size": "Medium", "wrap": True},
            {
                "type": "TextBlock",
                "text": f"@{{coalesce({_ESSENTIALS}?['description'], '')}}",
                "wrap": True,
            },
            {"type": "FactSet", "facts": [{"title": title, "value": value} for title, value in facts]},
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


class TeamsChannel(pulumi.ComponentResource):
    """The Logic App, with an identity that may read the vault's secrets."""

    logic_app_id: pulumi.Output[str]
    callback_url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: Teams,
        *,
        scope: Scope,
        vault_id: pulumi.Output[str],
        vault_name: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:TeamsChannel", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda names: names.identity("teams")),
            tags=scope.tags,
            opts=child,
        )
        access = Access(
            f"{name}-access",
            [Grant("teller", "ServicePrincipal", Role.KEY_VAULT_SECRETS_USER, "vault")],
            principals={"teller": identity.principal_id},
            targets={"vault": vault_id},
            opts=child,
        )
        workflow = logic.Workflow(
            f"{name}-logic-app",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workflow_name=scope.named(lambda names: names.logic_app("teams")),
            identity=logic.ManagedServiceIdentityArgs(
                type=logic.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id]
            ),
            state=logic.WorkflowState.ENABLED,
            definition=pulumi.Output.all(access.after(identity.id, ["teller"]), vault_name).apply(
                lambda known: scope.cloud.localized(
                    definition(secret_url(known[1], config.url_secret), known[0])
                )
            ),
            tags=scope.tags,
            opts=child,
        )
        callback = logic.list_workflow_trigger_callback_url_output(
            resource_group_name=scope.resource_group_name, workflow_name=workflow.name, trigger_name=TRIGGER
        )
        self.logic_app_id = workflow.id
        self.callback_url = pulumi.Output.secret(callback.value).apply(str)
        self.register_outputs({"logicAppId": self.logic_app_id})
