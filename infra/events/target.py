"""What the stack's YAML says of where events go: ``mlops:events``."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from infra.events.purpose import MODEL_REGISTERED, MONITOR_BREACHED, RUN_FAILED
from infra.events.start import AzureDevOps, GitHub, Job  # noqa: TC001 (pydantic reads them)
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.events.event_workflow import AnyStart
    from infra.events.purpose import Purpose

#: Subscriptions that every platform has, and their queues.
BREACH_QUEUE = "monitor-breaches"
MODEL_QUEUE = "model-changes"

_FUNCTION = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Web/sites/[^/]+/functions/[^/]+",
    re.IGNORECASE,
)
_BUS = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ServiceBus/namespaces/[^/]+/(queues|topics)/[^/]+",
    re.IGNORECASE,
)
_KINDS = ("queue", "serviceBus", "function", "webhook", "github", "azureDevOps", "job")


def https_url(text: str) -> str:
    """A URL that Azure can call.

    Raises:
        ValueError: it can't; the URL isn't repeated, as it may hold a secret.
    """
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname or "." not in url.hostname:
        raise ValueError(
            "Azure calls web hooks over https at public host names only, so nothing would arrive; write https://HOST/PATH"
        )
    return text


def _function(text: str) -> str:
    if not _FUNCTION.fullmatch(text):
        raise ValueError(
            "Event Grid finds a function by its resource id; write /subscriptions/…/resourceGroups/…/providers/"
            "Microsoft.Web/sites/APP/functions/FUNCTION (`az functionapp function show --query id`)"
        )
    return text


def _bus(text: str) -> str:
    if "/" in text and not _BUS.fullmatch(text):
        raise ValueError(
            "Event Grid finds a queue or topic of another namespace by its resource id; write /subscriptions/…/providers/"
            "Microsoft.ServiceBus/namespaces/NAMESPACE/queues/QUEUE, or a name alone for a queue that the stack makes"
        )
    if "/" not in text and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", text):
        raise ValueError(
            f"no queue of Service Bus can be called '{text}'; write 1 to 50 letters, digits, '.', '-' and '_'"
        )
    return text


HttpsUrl = Annotated[str, AfterValidator(https_url)]


class Entra(Section):
    """``entra``: the application that Event Grid signs in to before it calls a web hook."""

    tenant: str = setting(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        breaks="Event Grid asks this tenant for a token",
        write="the tenant's id",
    )
    application: str = setting(
        min_length=1, breaks="the token is for this application", write="the application's id or its id URI"
    )


class Target(Section):
    """One target of events: a name, and exactly one place or start."""

    name: str = setting(
        min_length=3,
        max_length=32,
        pattern=r"^[a-z0-9](-?[a-z0-9])*$",
        breaks="it names the subscription and what is made for it",
        write="3 to 32 lowercase letters, digits and single hyphens",
    )
    queue: str | None = setting(
        None,
        min_length=3,
        max_length=63,
        pattern=r"^[a-z0-9](-?[a-z0-9])*$",
        breaks="it names a queue of the workspace's storage account, which the stack makes",
        write="3 to 63 lowercase letters, digits and single hyphens",
    )
    service_bus: Annotated[str, AfterValidator(_bus)] | None = setting(
        None,
        breaks="it names a queue of the stack's own Service Bus namespace, or says which existing queue or topic",
        write="a queue's name, or a resource id",
    )
    function: Annotated[str, AfterValidator(_function)] | None = setting(
        None, breaks="Event Grid calls this function", write="a function's resource id"
    )
    webhook: HttpsUrl | None = setting(
        None,
        breaks="Event Grid calls this URL, which must answer its handshake",
        write="https://HOST/PATH (`pulumi config set --secret --path` where it holds a secret)",
    )
    entra: Entra | None = setting(
        None,
        breaks="it decides whether Event Grid signs in before it calls the web hook",
        write="a mapping with tenant and application, or leave the key out",
    )
    github: GitHub | None = setting(
        None, breaks="it tells a repository of the event", write="a mapping with repository"
    )
    azure_dev_ops: AzureDevOps | None = setting(
        None,
        breaks="it queues a run of a pipeline",
        write="a mapping with organization, project and pipeline",
    )
    job: Job | None = setting(
        None, breaks="it submits the job of a schedule", write="a mapping with schedule"
    )

    @model_validator(mode="after")
    def _one(self) -> Target:
        chosen = [kind for kind in _KINDS if self.model_dump(by_alias=True)[kind] is not None]
        if len(chosen) != 1:
            what = f"has {' and '.join(chosen)}" if chosen else "has none"
            raise ValueError(
                f"the target {self.name} {what}, and an event goes to one place; write one of {', '.join(_KINDS)}"
            )
        if self.entra is not None and self.webhook is None:
            raise ValueError(
                f"the target {self.name} has entra, which only web hooks are signed in to; remove it"
            )
        return self

    @property
    def start(self) -> AnyStart | None:
        """What a Logic App starts; None where the event goes to a place."""
        return self.github or self.azure_dev_ops or self.job

    @property
    def own_bus_queue(self) -> str | None:
        """The queue of the stack's own namespace that it goes to."""
        return self.service_bus if self.service_bus and "/" not in self.service_bus else None


def _some(targets: tuple[Target, ...] | None) -> tuple[Target, ...] | None:
    if targets == ():
        raise ValueError(
            "nobody would be told, as there is no target; write a list of targets, or leave the key out"
        )
    return targets


Targets = Annotated[tuple[Target, ...] | None, AfterValidator(_some)]
_WRITE = f"a list of mappings with a name and one of {', '.join(_KINDS)}"


class EventsConfig(Section):
    """``mlops:events``: where the workspace's events go, and what they start."""

    dead_letters: bool = setting(
        True,
        breaks="it decides whether events that can't be delivered within a day are kept or lost",
        write="true, or false",
    )
    model_registered: Targets = setting(
        None, breaks="these learn of every model version, which starts a delivery", write=_WRITE
    )
    monitor_breached: Targets = setting(
        None, breaks="these learn of every monitor's breach, beside mlops:retraining", write=_WRITE
    )
    run_failed: Targets = setting(None, breaks="these learn of every job that failed", write=_WRITE)

    @model_validator(mode="after")
    def _fits(self) -> EventsConfig:
        taken = Counter([BREACH_QUEUE, MODEL_QUEUE, *(target.name for _, target in self.targets())])
        twice = next((name for name, count in taken.items() if count > 1), None)
        if twice is not None:
            own = ", and the platform has a subscription of that name itself" if twice in (BREACH_QUEUE, MODEL_QUEUE) else ""  # fmt: skip
            raise ValueError(f"two targets are called {twice}{own}; subscriptions need names of their own")
        queues = Counter(
            [BREACH_QUEUE, MODEL_QUEUE, *(target.queue for _, target in self.targets() if target.queue)]
        )
        twice = next((name for name, count in queues.items() if count > 1), None)
        if twice is not None:
            raise ValueError(
                f"two targets go to the queue {twice}, and a queue can be made once; write a queue for each"
            )
        started = next((target for target in self.monitor_breached or () if target.start), None)
        if started is not None:
            raise ValueError(
                f"monitorBreached: the target {started.name} would start something at every event of every monitor; "
                "write mlops:retraining, which knows a model's monitor, its cool-down and its attempts"
            )
        return self

    def targets(self) -> Iterator[tuple[Purpose, Target]]:
        """All targets and what they are for."""
        for purpose, targets in (
            (MODEL_REGISTERED, self.model_registered),
            (MONITOR_BREACHED, self.monitor_breached),
            (RUN_FAILED, self.run_failed),
        ):
            for target in targets or ():
                yield purpose, target

    @property
    def has_bus(self) -> bool:
        """Whether the stack makes a Service Bus namespace."""
        return any(target.own_bus_queue for _, target in self.targets())


def unreachable(config: EventsConfig) -> list[str]:
    """What can't work where the storage account and the vault are private; each begins with its key."""
    return [
        f"events.{purpose.key}: the Logic App of the target {target.name} is outside of the network, so it couldn't reach the "
        "storage account while the platform answers inside only (network); write a queue, and let something in the network read it"
        for purpose, target in config.targets()
        if target.start is not None
    ]
