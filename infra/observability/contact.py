"""Who is told when something is wrong: ``mlops:alerts``, and the action group made of it.

Source: Microsoft Learn, "Action groups"; "Common alert schema".
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pulumi
from pulumi_azure_native import monitor
from pydantic import StringConstraints, model_validator

from infra.events.secret_name import SecretName  # noqa: TC001 (pydantic reads it)
from infra.events.target import HttpsUrl  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

if TYPE_CHECKING:
    from infra.scope import Scope

Email = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=254)
]
_WRITE_EMAILS = "a list of addresses such as ml-team@example.com"
_PERCENT: dict[str, Any] = {"gt": 0, "le": 100}
_WRITE_PERCENT = "a number above 0, up to 100, or leave the key out"


class Teams(Section):
    """A channel of Microsoft Teams, told by a Logic App."""

    url_secret: SecretName = setting(
        "teams-webhook",
        breaks="the channel's URL, which is a secret, is read from a secret of the platform's key vault",
        write="the secret's name, 1 to 127 letters, digits and hyphens, never the URL",
    )


class EndpointAlertConfig(Section):
    """What is too much for an online endpoint. Measured over the window, checked every minute."""

    window_minutes: Literal[1, 5, 15, 30, 60] = setting(
        5,
        breaks="metrics and logs are looked at over this time",
        write="1, 5, 15, 30 or 60",
    )
    p50_ms: float | None = setting(
        None, gt=0, breaks="half of the requests may take this long", write="milliseconds above 0"
    )
    p95_ms: float | None = setting(
        None, gt=0, breaks="95 of 100 requests may take this long", write="milliseconds above 0"
    )
    p99_ms: float | None = setting(
        None, gt=0, breaks="99 of 100 requests may take this long", write="milliseconds above 0"
    )
    server_errors: float | None = setting(
        1.0,
        ge=0,
        breaks="more requests a minute than this may not fail with one status (408, 424 or 5xx)",
        write="a number of requests, 0 or more, or null for no such alert",
    )
    error_percent: float | None = setting(
        None,
        **_PERCENT,
        breaks="at most so many of a hundred requests may be answered 4xx or 5xx; needs observability.diagnostics",
        write=_WRITE_PERCENT,
    )
    availability_percent: float | None = setting(
        None,
        **_PERCENT,
        breaks="at least so many of a hundred requests must not be answered 408, 424, 429 or 5xx; needs observability.diagnostics",
        write=_WRITE_PERCENT,
    )
    cpu_percent: float | None = setting(
        90.0, **_PERCENT, breaks="an instance's CPUs may be this busy", write=_WRITE_PERCENT
    )
    memory_percent: float | None = setting(
        90.0, **_PERCENT, breaks="an instance's memory may be this full", write=_WRITE_PERCENT
    )
    disk_percent: float | None = setting(
        90.0, **_PERCENT, breaks="an instance's disk may be this full", write=_WRITE_PERCENT
    )
    gpu_percent: float | None = setting(
        None, **_PERCENT, breaks="an instance's GPUs may be this busy", write=_WRITE_PERCENT
    )
    gpu_memory_percent: float | None = setting(
        None, **_PERCENT, breaks="an instance's GPUs' memory may be this full", write=_WRITE_PERCENT
    )

    @model_validator(mode="after")
    def _ordered(self) -> EndpointAlertConfig:
        known = [
            (key, value)
            for key, value in (("p50Ms", self.p50_ms), ("p95Ms", self.p95_ms), ("p99Ms", self.p99_ms))
            if value is not None
        ]
        for (low, less), (high, more) in itertools.pairwise(known):
            if less > more:
                raise ValueError(
                    f"{low} {less:g} is above {high} {more:g}, and no percentile is above a higher one, so it would never be "
                    f"the first to fire; write {low} below {high}"
                )
        return self

    @property
    def reads_logs(self) -> bool:
        """Whether an alert counts requests in the logs."""
        return self.error_percent is not None or self.availability_percent is not None


class AlertsConfig(Section):
    """``mlops:alerts``: who is told of what. Without anybody to tell there are no alerts."""

    emails: tuple[Email, ...] = setting((), breaks="these get a mail", write=_WRITE_EMAILS)
    webhooks: tuple[HttpsUrl, ...] = setting(
        (),
        breaks="these URLs get the alert in the common alert schema",
        write="a list of https://HOST/PATH (`pulumi config set --secret --path` where they hold secrets)",
    )
    teams: Teams | None = setting(
        None, breaks="it tells a channel of Microsoft Teams", write="a mapping with urlSecret, or {}"
    )
    failed_runs: bool = setting(
        True, breaks="it decides whether somebody is told of every job that failed", write="true or false"
    )
    denied_access: bool = setting(
        False,
        breaks="it decides whether somebody is told of secrets and data that were refused; needs observability.diagnostics",
        write="true or false",
    )
    changes: bool = setting(
        True,
        breaks="it decides whether somebody is told of changed rights, of deletions and of changed network rules",
        write="true or false",
    )
    endpoint: EndpointAlertConfig = EndpointAlertConfig()

    @model_validator(mode="after")
    def _somebody(self) -> AlertsConfig:
        twice = next((one for one, count in Counter(self.emails).items() if count > 1), None)
        if twice is not None:
            raise ValueError(
                f"emails: {twice} is listed twice, and the receivers of an action group need names of their own; list it once"
            )
        asked = sorted(self.model_fields_set - {"emails", "webhooks", "teams"})
        if asked and not self.anybody:
            key = type(self).model_fields[asked[0]].alias or asked[0]
            raise ValueError(
                f"nobody would be told of {key}, as there are no emails, webhooks or teams; write emails: [ADDRESS]"
            )
        return self

    @property
    def anybody(self) -> bool:
        """Whether there is somebody to tell."""
        return bool(self.emails or self.webhooks or self.teams)


def mistakes(alerts: AlertsConfig, *, diagnostics: bool, answers_outside: bool) -> list[str]:
    """What can't work as the rest of the stack is; each begins with its key."""
    found: list[str] = []
    logs = "no logs arrive in Log Analytics while observability.diagnostics is false; write observability.diagnostics: true"
    if alerts.denied_access and not diagnostics:
        found.append(f"alerts.deniedAccess: {logs}")
    if alerts.endpoint.reads_logs and not diagnostics:
        key = "errorPercent" if alerts.endpoint.error_percent is not None else "availabilityPercent"
        found.append(f"alerts.endpoint.{key}: {logs}, or serverErrors, which needs none")
    if alerts.teams is not None and not answers_outside:
        found.append(
            "alerts.teams: the Logic App is outside of the network, so it couldn't read the channel's URL from the vault while "
            "the platform answers inside only (network); write emails or webhooks"
        )
    return found


class Contacts(pulumi.ComponentResource):
    """The action group: everybody who is told."""

    action_group_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        config: AlertsConfig,
        *,
        scope: Scope,
        logic_app: tuple[pulumi.Output[str], pulumi.Output[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes it.

        Args:
            name: the component's name.
            config: who is told.
            scope: where.
            logic_app: the id and the callback URL of the Logic App that tells Teams.
            opts: the usual options.
        """
        super().__init__("mlops:infra:Contacts", name, None, opts)
        group = monitor.ActionGroup(
            f"{name}-action-group",
            resource_group_name=scope.resource_group_name,
            location="global",
            action_group_name=scope.named(lambda names: names.action_group),
            # 12 characters at most, in mails and messages.
            group_short_name="mlops",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=address, email_address=address, use_common_alert_schema=True
                )
                for address in config.emails
            ],
            webhook_receivers=[
                monitor.WebhookReceiverArgs(
                    name=f"webhook-{number}",
                    service_uri=pulumi.Output.secret(url),
                    use_common_alert_schema=True,
                )
                for number, url in enumerate(config.webhooks, 1)
            ],
            logic_app_receivers=[]
            if logic_app is None
            else [
                monitor.LogicAppReceiverArgs(
                    name="teams",
                    resource_id=logic_app[0],
                    callback_url=pulumi.Output.secret(logic_app[1]),
                    use_common_alert_schema=True,
                )
            ],
            tags=scope.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.action_group_id = group.id
        self.register_outputs({"actionGroupId": self.action_group_id})
