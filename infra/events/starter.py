"""A target that starts something: a Logic App between Event Grid and GitHub, Azure DevOps or Azure ML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.access.grant import RETRAINING_ROLES
from infra.access.role import Role
from infra.events import event_workflow
from infra.events.event_workflow import Starter as Known
from infra.events.logic_app import LogicAppInputs, Plan, logic_app
from infra.events.start import GitHub, Job

if TYPE_CHECKING:
    from infra.access.work import Target as Holding
    from infra.events.event_workflow import AnyStart
    from infra.events.purpose import Purpose
    from infra.events.target import Target


def roles(start: AnyStart) -> tuple[tuple[Role, Holding], ...]:
    """What its identity needs."""
    if isinstance(start, Job):
        return RETRAINING_ROLES["job"]
    claims: tuple[tuple[Role, Holding], ...] = ((Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "claims"),)
    reads = isinstance(start, GitHub) or start.token_secret is not None
    return (*claims, (Role.KEY_VAULT_SECRETS_USER, "vault")) if reads else claims


class Starter(pulumi.ComponentResource):
    """One target's Logic App."""

    logic_app_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        target: Target,
        start: AnyStart,
        purpose: Purpose,
        *,
        platform: LogicAppInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Starter", name, None, opts)
        stack = pulumi.get_stack()

        def define(known: dict[str, str]) -> dict[str, object]:
            starter = Known(
                name=target.name,
                stack=stack,
                workspace_id=known["workspace_id"],
                vault=known["vault"],
                claims=known["claims"],
                identity_id=known["identity_id"],
            )
            return event_workflow.definition(starter, start, purpose)

        workflow = logic_app(
            name,
            Plan(
                holder="starter",
                identity=f"on-{target.name}",
                app=f"on-{target.name}",
                container=f"claims-{target.name}",
                subscription=target.name,
                purpose=purpose,
                roles=roles(start),
            ),
            define,
            {},
            platform=platform,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.logic_app_name = workflow.name
        self.register_outputs({"logicAppName": self.logic_app_name})
