"""The loop: a Logic App that starts a retraining when a model's monitor breaches.

The monitor's event comes by a subscription of its own, beside the queue ``monitor-breaches``. The Logic App acts as an
identity of its own; what it does is in ``retraining_workflow.py``. Its callback URL starts it, so it is a secret: only
Event Grid is given it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import pulumi
from pulumi_azure_native import eventgrid, logic, managedidentity, storage
from pydantic import AfterValidator, model_validator

from infra import names
from infra.access.grant import RETRAINING_ROLES, Access, Grant
from infra.events import retraining_workflow
from infra.events.retraining_start import Loop
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.access.grant import Target
    from infra.events.retraining_start import Start
    from infra.scope import Scope

_RUN_STATUS = "Microsoft.MachineLearningServices.RunStatusChanged"


def _secret_name(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z-]{1,127}", text):
        # Not shown: it may be the token itself, which has underscores.
        raise ValueError(
            "no secret of a key vault can have this name, so no token could be read; write the secret's name, 1 to 127 "
            "letters, digits and hyphens, and put the token itself into the vault"
        )
    return text


SecretName = Annotated[str, AfterValidator(_secret_name)]


class RetrainingConfig(Section):
    """``mlops:retraining``: what a monitor's breach starts."""

    start: Literal["none", "job", "github"] = setting(
        "none",
        breaks="it decides what a monitor's breach starts",
        write="job for an Azure ML job, github for a repository's workflow, none for nothing",
    )
    repository: str | None = setting(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$",
        breaks="GitHub is told of the breach in a repository",
        write="OWNER/NAME",
    )
    token_secret: SecretName = setting(
        "github-token",
        breaks="GitHub's token is read from a secret of the platform's key vault",
        write="the secret's name, 1 to 127 letters, digits and hyphens, never the token",
    )

    @model_validator(mode="after")
    def _complete(self) -> RetrainingConfig:
        if self.start == "github" and self.repository is None:
            raise ValueError(
                "start is github and there is no repository to tell of a breach; write repository: OWNER/NAME"
            )
        return self


@dataclass(frozen=True)
class RetrainingInputs:
    """What the loop needs of the platform; ``infra.platform.Platform`` has attributes of these names."""

    scope: Scope
    workspace_id: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    key_vault_name: pulumi.Output[str]
    event_topic_name: pulumi.Output[str]


class Retraining(pulumi.ComponentResource):
    """A model's loop: identity and roles, claims, Logic App, subscription."""

    logic_app_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: RetrainingConfig,
        start: Start,
        *,
        platform: RetrainingInputs,
        model: str,
        monitor: pulumi.Output[str],
        schedule: pulumi.Input[str | None],
        cool_down_hours: float,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes the loop.

        Args:
            name: the component's name.
            config: the section of the stack's configuration.
            start: what a breach starts.
            platform: what it stands on.
            model: the model's name.
            monitor: the name of its monitor.
            schedule: the name of the schedule whose job retrains (``job``).
            cool_down_hours: how long after a start nothing is started again.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Retraining", name, None, opts)
        scope = platform.scope
        child = pulumi.ResourceOptions(parent=self)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            resource_name_=scope.named(lambda known: known.identity(f"retraining-{model}")),
            tags=scope.tags,
            opts=child,
        )
        claims = storage.BlobContainer(
            f"{name}-claims",
            resource_group_name=scope.resource_group_name,
            account_name=platform.storage_name,
            container_name=names.claims_container(model),
            public_access=storage.PublicAccess.NONE,
            opts=child,
        )
        targets: dict[Target, pulumi.Output[str]] = {
            "claims": claims.id,
            "storage": platform.storage_id,
            "lake": platform.lake_id,
            "workspace": platform.workspace_id,
            "vault": platform.vault_id,
        }
        access = Access(
            f"{name}-access",
            [
                Grant("retraining", "ServicePrincipal", role, target)
                for role, target in RETRAINING_ROLES[start]
            ],
            principals={"retraining": identity.principal_id},
            targets=targets,
            opts=child,
        )
        workflow = logic.Workflow(
            f"{name}-logic-app",
            resource_group_name=scope.resource_group_name,
            location=scope.location,
            workflow_name=scope.named(lambda known: known.logic_app(model)),
            identity=logic.ManagedServiceIdentityArgs(
                type=logic.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id]
            ),
            state=logic.WorkflowState.ENABLED,
            definition=pulumi.Output.all(
                monitor=monitor,
                schedule=schedule,
                workspace_id=platform.workspace_id,
                account=platform.storage_name,
                container=claims.name,
                identity_id=access.after(identity.id, ["retraining"]),
                vault=platform.key_vault_name,
            ).apply(
                lambda known: retraining_workflow.definition(
                    Loop(
                        model=model,
                        monitor=known["monitor"],
                        schedule=known["schedule"] or "",
                        workspace_id=known["workspace_id"],
                        claims=f"https://{known['account']}.blob.core.windows.net/{known['container']}",
                        identity_id=known["identity_id"],
                        cool_down_minutes=round(cool_down_hours * 60),
                        stack=pulumi.get_stack(),
                        repository=config.repository or "",
                        token=f"https://{known['vault']}.vault.azure.net/secrets/{config.token_secret}",
                    ),
                    start,
                )
            ),
            tags=scope.tags,
            opts=child,
        )
        callback = logic.list_workflow_trigger_callback_url_output(
            resource_group_name=scope.resource_group_name,
            workflow_name=workflow.name,
            trigger_name=retraining_workflow.TRIGGER,
        )
        eventgrid.SystemTopicEventSubscription(
            f"{name}-subscription",
            resource_group_name=scope.resource_group_name,
            system_topic_name=platform.event_topic_name,
            event_subscription_name=f"retraining-{model}",
            event_delivery_schema=eventgrid.EventDeliverySchema.EVENT_GRID_SCHEMA,
            destination=eventgrid.WebHookEventSubscriptionDestinationArgs(
                endpoint_type="WebHook",
                endpoint_url=pulumi.Output.secret(callback.value),
                max_events_per_batch=1,
                preferred_batch_size_in_kilobytes=64,
            ),
            filter=eventgrid.EventSubscriptionFilterArgs(
                included_event_types=[_RUN_STATUS],
                # The Logic App itself looks whether it is its own monitor's.
                advanced_filters=[
                    eventgrid.StringContainsAdvancedFilterArgs(
                        operator_type="StringContains",
                        key=f"data.RunTags.{retraining_workflow.BREACH_TAG}",
                        values=[retraining_workflow.BREACH_TEXT],
                    )
                ],
            ),
            retry_policy=eventgrid.RetryPolicyArgs(
                max_delivery_attempts=30, event_time_to_live_in_minutes=1440
            ),
            opts=child,
        )
        self.logic_app_name = workflow.name
        self.register_outputs({"logicAppName": self.logic_app_name})
