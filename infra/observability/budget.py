"""How much the platform may cost in a month, and who is told before it does: ``mlops:budget``.

Source: Microsoft Learn, "Tutorial: Create and manage budgets"; "Budgets - Create Or Update".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import pulumi
from pulumi_azure_native import consumption
from pydantic import Field, model_validator

from infra.observability.contact import Email  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.scope import Scope

Share = Annotated[float, Field(gt=0, le=1000)]
#: Azure's limit on the notifications of a budget.
_NOTIFICATIONS = 5
_SHARES = "percentages above 0, up to 1000"


class BudgetConfig(Section):
    """``mlops:budget``: what a month may cost, in the subscription's currency."""

    amount: float = setting(
        gt=0, breaks="shares of this amount are what somebody is told of", write="an amount of money above 0"
    )
    actual: tuple[Share, ...] = setting(
        (80.0, 100.0),
        breaks="somebody is told once so many percent were spent",
        write=f"a list of {_SHARES}",
    )
    forecast: tuple[Share, ...] = setting(
        (100.0,),
        breaks="somebody is told once so many percent will have been spent at the month's end, as Azure foresees",
        write=f"a list of {_SHARES}",
    )
    emails: tuple[Email, ...] = setting(
        (),
        max_length=50,
        breaks="these get a mail, beside whom mlops:alerts tells",
        write="a list of at most 50 addresses",
    )
    tag: str | None = setting(
        None,
        breaks="the budget is then for all in the subscription that has this tag with the stack's value",
        write="owner, project, environment, cost-center or one of mlops:tags, or leave the key out for this stack alone",
    )
    start: str | None = setting(
        None,
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-01$",
        breaks="a budget's months are counted from the first of one",
        write="YYYY-MM-01, or leave the key out for the month in which the budget is made",
    )

    @model_validator(mode="after")
    def _some(self) -> BudgetConfig:
        count = len(set(self.actual)) + len(set(self.forecast))
        if count == 0:
            raise ValueError(
                "actual and forecast are empty, so nobody would ever be told; write actual: [80, 100]"
            )
        if count > _NOTIFICATIONS:
            raise ValueError(
                f"actual and forecast have {count} thresholds, and a budget has {_NOTIFICATIONS} at most; leave some out"
            )
        return self


def mistakes(budget: BudgetConfig | None, tags: Mapping[str, str], *, told: bool) -> list[str]:
    """What can't work as the rest of the stack is; each begins with its key."""
    found: list[str] = []
    if budget is not None and not budget.emails and not told:
        found.append("budget: nobody would be told; write emails: [ADDRESS] here or under mlops:alerts")
    if budget is not None and budget.tag is not None and budget.tag not in tags:
        found.append(
            f"budget.tag: nothing of this stack has the tag {budget.tag}, so the budget would be empty; "
            f"write one of {', '.join(sorted(tags))}"
        )
    return found


class Budget(pulumi.ComponentResource):
    """A monthly budget of the resource group or, by a tag, of the subscription."""

    def __init__(
        self,
        name: str,
        config: BudgetConfig,
        *,
        scope: Scope,
        group_id: pulumi.Output[str],
        action_group_id: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mlops:infra:Budget", name, None, opts)
        tag = config.tag
        start = config.start or f"{datetime.now(UTC):%Y-%m}-01"
        groups = None if action_group_id is None else [action_group_id]
        consumption.Budget(
            f"{name}-budget",
            scope=group_id if tag is None else group_id.apply(lambda id_: "/".join(id_.split("/")[:3])),
            budget_name=scope.named(lambda names: names.budget),
            category=consumption.CategoryType.COST,
            amount=config.amount,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{start}T00:00:00Z"),
            filter=None
            if tag is None
            else consumption.BudgetFilterArgs(
                tags=consumption.BudgetComparisonExpressionArgs(
                    name=tag, operator=consumption.BudgetOperatorType.IN_, values=[scope.tags[tag]]
                )
            ),
            notifications={
                f"{kind.lower()}-{share:g}": consumption.NotificationArgs(
                    enabled=True,
                    operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
                    threshold=share,
                    threshold_type=kind,
                    contact_emails=list(config.emails),
                    contact_groups=groups,
                )
                for kind, shares in (("Actual", config.actual), ("Forecasted", config.forecast))
                for share in sorted(set(shares))
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # It can't be changed, and another month is no reason to make another budget.
                ignore_changes=None if config.start else ["timePeriod"],
            ),
        )
        self.register_outputs({})
