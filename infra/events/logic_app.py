"""A Logic App that an event starts: its identity and roles, its claims, the workflow, and the subscription.

Its callback URL starts it, so it is a secret: only Event Grid is given it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_azure_native import eventgrid, logic, managedidentity, storage

from infra.access.grant import Access, Grant
from infra.cloud import PUBLIC
from infra.events import claim
from infra.events.subscription import Topic, subscribe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.access.identity import Purpose as Holder
    from infra.access.role import Role
    from infra.access.work import Target
    from infra.events.purpose import Purpose
    from infra.scope import Scope


@dataclass(frozen=True)
class LogicAppInputs:
    """What Logic Apps need of the platform; ``infra.platform.Platform`` has attributes of these names."""

    scope: Scope
    workspace_id: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    lake_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    key_vault_name: pulumi.Output[str]
    event_topic: Topic


@dataclass(frozen=True)
class Plan:
    """What one Logic App is."""

    holder: Holder  #: what its identity is for
    #: what tells its identity and the app apart from others, and the names of container and subscription
    identity: str
    app: str
    container: str
    subscription: str
    purpose: Purpose
    roles: tuple[tuple[Role, Target], ...]


def logic_app(
    name: str,
    plan: Plan,
    define: Callable[[dict[str, str]], dict[str, Any]],
    values: Mapping[str, pulumi.Input[str | None]],
    *,
    platform: LogicAppInputs,
    opts: pulumi.ResourceOptions,
) -> logic.Workflow:
    """Makes one.

    Args:
        name: what logical names begin with.
        plan: what it is.
        define: its definition, from ``claims`` (a URL), ``identity_id``, ``workspace_id``, ``vault`` (a name) and ``values``.
        values: what else ``define`` needs.
        platform: what it stands on.
        opts: the options of all its resources.
    """
    scope = platform.scope
    identity = managedidentity.UserAssignedIdentity(
        f"{name}-identity",
        resource_group_name=scope.resource_group_name,
        location=scope.location,
        resource_name_=scope.named(lambda known: known.identity(plan.identity)),
        tags=scope.tags,
        opts=opts,
    )
    claims = storage.BlobContainer(
        f"{name}-claims",
        resource_group_name=scope.resource_group_name,
        account_name=platform.storage_name,
        container_name=plan.container,
        public_access=storage.PublicAccess.NONE,
        opts=opts,
    )
    access = Access(
        f"{name}-access",
        [Grant(plan.holder, "ServicePrincipal", role, target) for role, target in plan.roles],
        principals={plan.holder: identity.principal_id},
        targets={
            "claims": claims.id,
            "storage": platform.storage_id,
            "lake": platform.lake_id,
            "workspace": platform.workspace_id,
            "vault": platform.vault_id,
        },
        opts=opts,
    )
    workflow = logic.Workflow(
        f"{name}-logic-app",
        resource_group_name=scope.resource_group_name,
        location=scope.location,
        workflow_name=scope.named(lambda known: known.logic_app(plan.app)),
        identity=logic.ManagedServiceIdentityArgs(
            type=logic.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id]
        ),
        state=logic.WorkflowState.ENABLED,
        definition=pulumi.Output.all(
            workspace_id=platform.workspace_id,
            account=platform.storage_name,
            container=claims.name,
            identity_id=access.after(identity.id, [plan.holder]),
            vault=platform.key_vault_name,
            **values,
        ).apply(
            lambda known: scope.cloud.localized(
                define({**known, "claims": f"{PUBLIC.blob(known['account'])}/{known['container']}"})
            )
        ),
        tags=scope.tags,
        opts=opts,
    )
    callback = logic.list_workflow_trigger_callback_url_output(
        resource_group_name=scope.resource_group_name,
        workflow_name=workflow.name,
        trigger_name=claim.TRIGGER,
    )
    subscribe(
        f"{name}-subscription",
        platform.event_topic,
        plan.purpose,
        called=plan.subscription,
        plain=eventgrid.WebHookEventSubscriptionDestinationArgs(
            endpoint_type="WebHook",
            endpoint_url=pulumi.Output.secret(callback.value),
            max_events_per_batch=1,
            preferred_batch_size_in_kilobytes=64,
        ),
        opts=opts,
    )
    return workflow
