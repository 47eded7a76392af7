"""The loop: a Logic App that starts a retraining when a model's monitor breaches.

The monitor's event comes by a subscription of its own, beside the queue ``monitor-breaches``. The Logic App acts as an
identity of its own; what it does is in ``retraining_workflow.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pulumi
from pydantic import model_validator

from infra import names
from infra.access.grant import RETRAINING_ROLES
from infra.access.role import Role
from infra.events import retraining_workflow
from infra.events.logic_app import LogicAppInputs, Plan, logic_app
from infra.events.purpose import MONITOR_BREACHED
from infra.events.retraining_start import Loop
from infra.events.secret_name import SecretName  # noqa: TC001 (pydantic reads it)
from infra.events.start import REPOSITORY, AzureDevOps, secret_url
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.access.work import Target as Holding
    from infra.events.retraining_start import Start


class RetrainingConfig(Section):
    """``mlops:retraining``: what a monitor's breach starts."""

    start: Literal["none", "job", "github", "azureDevOps"] = setting(
        "none",
        breaks="it decides what a monitor's breach starts",
        write="job for an Azure ML job, github for a repository's workflow, azureDevOps for a pipeline's run, none for nothing",
    )
    repository: str | None = setting(
        None,
        pattern=REPOSITORY,
        breaks="GitHub is told of the breach in a repository",
        write="OWNER/NAME",
    )
    token_secret: SecretName = setting(
        "github-token",
        breaks="GitHub's token is read from a secret of the platform's key vault",
        write="the secret's name, 1 to 127 letters, digits and hyphens, never the token",
    )
    azure_dev_ops: AzureDevOps | None = setting(
        None,
        breaks="it says which pipeline a breach starts",
        write="a mapping with organization, project and pipeline",
    )

    @model_validator(mode="after")
    def _complete(self) -> RetrainingConfig:
        if self.start == "github" and self.repository is None:
            raise ValueError(
                "start is github and there is no repository to tell of a breach; write repository: OWNER/NAME"
            )
        if self.start == "azureDevOps" and self.azure_dev_ops is None:
            raise ValueError(
                "start is azureDevOps and there is no pipeline to run; write azureDevOps with organization, project and pipeline"
            )
        if self.start != "azureDevOps" and self.azure_dev_ops is not None:
            raise ValueError(
                f"azureDevOps has no effect while start is {self.start}; write start: azureDevOps, or remove it"
            )
        return self


class Retraining(pulumi.ComponentResource):
    """A model's loop: identity and roles, claims, Logic App, subscription."""

    logic_app_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: RetrainingConfig,
        start: Start,
        *,
        platform: LogicAppInputs,
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
        devops = config.azure_dev_ops
        secret = (
            config.token_secret if start == "github" else devops.token_secret if devops is not None else None
        )
        roles: tuple[tuple[Role, Holding], ...] = RETRAINING_ROLES[start]
        if start == "azureDevOps" and secret is not None:
            roles = (*roles, (Role.KEY_VAULT_SECRETS_USER, "vault"))
        stack = pulumi.get_stack()

        def define(known: dict[str, str]) -> dict[str, object]:
            loop = Loop(
                model=model,
                monitor=known["monitor"],
                schedule=known["schedule"] or "",
                workspace_id=known["workspace_id"],
                claims=known["claims"],
                identity_id=known["identity_id"],
                cool_down_minutes=round(cool_down_hours * 60),
                stack=stack,
                repository=config.repository or "",
                token=secret_url(known["vault"], secret) if secret is not None else "",
                organization=devops.organization if devops is not None else "",
                project=devops.project if devops is not None else "",
                pipeline=str(devops.pipeline) if devops is not None else "",
                branch=devops.branch if devops is not None else "",
            )
            return retraining_workflow.definition(loop, start)

        workflow = logic_app(
            name,
            Plan(
                holder="retraining",
                identity=f"retraining-{model}",
                app=model,
                container=names.claims_container(model),
                subscription=f"retraining-{model}",
                purpose=MONITOR_BREACHED,
                roles=roles,
            ),
            define,
            {"monitor": monitor, "schedule": schedule},
            platform=platform,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.logic_app_name = workflow.name
        self.register_outputs({"logicAppName": self.logic_app_name})
