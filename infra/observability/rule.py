"""Alert rules: on a metric of a resource, on the logs, on the activity log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_azure_native import monitor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from infra.scope import Scope

Aggregation = Literal["Average", "Minimum", "Maximum", "Total"]
Operator = Literal["GreaterThan", "GreaterThanOrEqual", "LessThan"]


@dataclass(frozen=True)
class Place:
    """Where rules are, and whom they tell."""

    scope: Scope
    action_group_id: pulumi.Output[str]


@dataclass(frozen=True)
class Threshold:
    """A metric, and how much of it is too much."""

    metric: str
    namespace: str
    aggregation: Aggregation
    limit: float
    operator: Operator = "GreaterThan"
    dimensions: tuple[tuple[str, tuple[str, ...]], ...] = ()


def metric_alert(
    name: str,
    place: Place,
    threshold: Threshold,
    *,
    called: str,
    said: str,
    resource_id: pulumi.Output[str],
    severity: int = 2,
    minutes: int = 5,
    opts: pulumi.ResourceOptions,
) -> monitor.MetricAlert:
    """A rule on one metric of one resource, checked every minute; resolved by itself.

    Args:
        name: the logical name.
        place: where, and whom it tells.
        threshold: when it fires.
        called: what tells it apart in its physical name.
        said: what it means, in one sentence.
        resource_id: the resource.
        severity: from 0 (critical) to 4 (verbose).
        minutes: over which time.
        opts: the usual options.
    """
    return monitor.MetricAlert(
        name,
        resource_group_name=place.scope.resource_group_name,
        location="global",
        rule_name=place.scope.named(lambda names: names.alert(called)),
        description=said,
        severity=severity,
        enabled=True,
        scopes=[resource_id],
        evaluation_frequency="PT1M",
        window_size="PT1H" if minutes == 60 else f"PT{minutes}M",
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            all_of=[
                monitor.MetricCriteriaArgs(
                    criterion_type="StaticThresholdCriterion",
                    name=called,
                    metric_name=threshold.metric,
                    metric_namespace=threshold.namespace,
                    time_aggregation=threshold.aggregation,
                    operator=threshold.operator,
                    threshold=threshold.limit,
                    dimensions=[
                        monitor.MetricDimensionArgs(name=dimension, operator="Include", values=list(values))
                        for dimension, values in threshold.dimensions
                    ],
                    # Azure knows metrics of a resource only once it has measured something.
                    skip_metric_validation=True,
                )
            ],
        ),
        auto_mitigate=True,
        actions=[monitor.MetricAlertActionArgs(action_group_id=place.action_group_id)],
        tags=place.scope.tags,
        opts=opts,
    )


def log_alert(
    name: str,
    place: Place,
    query: pulumi.Input[str],
    *,
    called: str,
    said: str,
    log_analytics_id: pulumi.Output[str],
    severity: int = 2,
    minutes: int = 5,
    measured: tuple[str, Operator, float] | None = None,
    opts: pulumi.ResourceOptions,
) -> monitor.ScheduledQueryRule:
    """A rule on the logs, checked every five minutes: on any row, or on a column of it.

    Args:
        name: the logical name.
        place: where, and whom it tells.
        query: what is asked.
        called: what tells it apart in its physical name.
        said: what it means, in one sentence.
        log_analytics_id: where the logs are.
        severity: from 0 (critical) to 4 (verbose).
        minutes: over which time.
        measured: a column, and when its greatest value (``LessThan``: its least) is too much.
        opts: the usual options.
    """
    if measured is None:
        condition = monitor.ConditionArgs(
            query=query,
            time_aggregation="Count",
            operator="GreaterThan",
            threshold=0,
            failing_periods=_once(),
        )
    else:
        column, operator, limit = measured
        condition = monitor.ConditionArgs(
            query=query,
            metric_measure_column=column,
            time_aggregation="Minimum" if operator == "LessThan" else "Maximum",
            operator=operator,
            threshold=limit,
            failing_periods=_once(),
        )
    return monitor.ScheduledQueryRule(
        name,
        resource_group_name=place.scope.resource_group_name,
        location=place.scope.location,
        rule_name=place.scope.named(lambda names: names.alert(called)),
        kind="LogAlert",
        display_name=said,
        description=said,
        severity=severity,
        enabled=True,
        scopes=[log_analytics_id],
        evaluation_frequency="PT5M",
        window_size="PT1H" if minutes == 60 else f"PT{max(minutes, 5)}M",
        criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[condition]),
        auto_mitigate=True,
        # A table is there once something was written to it.
        skip_query_validation=True,
        check_workspace_alerts_storage_configured=False,
        actions=monitor.ActionsArgs(action_groups=[place.action_group_id]),
        tags=place.scope.tags,
        opts=opts,
    )


def _once() -> monitor.ConditionFailingPeriodsArgs:
    return monitor.ConditionFailingPeriodsArgs(number_of_evaluation_periods=1, min_failing_periods_to_alert=1)


def activity_alert(
    name: str,
    place: Place,
    operations: Sequence[str],
    *,
    called: str,
    said: str,
    resource_id: pulumi.Output[str],
    conditions: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> monitor.ActivityLogAlert:
    """A rule on operations that were done in a resource group.

    Args:
        name: the logical name.
        place: where, and whom it tells.
        operations: any of these.
        called: what tells it apart in its physical name.
        said: what it means, in one sentence.
        resource_id: the group.
        conditions: fields of the event and their values, besides.
        opts: the usual options.
    """
    more = {"category": "Administrative", "status": "Succeeded", **(conditions or {})}
    return monitor.ActivityLogAlert(
        name,
        resource_group_name=place.scope.resource_group_name,
        location="global",
        activity_log_alert_name=place.scope.named(lambda names: names.alert(called)),
        description=said,
        enabled=True,
        scopes=[resource_id],
        condition=monitor.AlertRuleAllOfConditionArgs(
            all_of=[
                *(
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field=field, equals=value)
                    for field, value in more.items()
                ),
                monitor.AlertRuleAnyOfOrLeafConditionArgs(
                    any_of=[
                        monitor.AlertRuleLeafConditionArgs(field="operationName", equals=operation)
                        for operation in operations
                    ]
                ),
            ]
        ),
        actions=monitor.ActionListArgs(
            action_groups=[monitor.ActionGroupArgs(action_group_id=place.action_group_id)]
        ),
        tags=place.scope.tags,
        opts=opts,
    )
