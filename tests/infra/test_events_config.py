"""What a stack says of where events go, and how a mistake in it is explained: one line, with the remedy."""

import pytest

from infra.config import ConfigError, parse
from infra.events.target import EventsConfig

BASE = {"environment": "dev", "location": "westeurope", "owner": "ml", "costCenter": "ml"}
GITHUB = {"github": {"repository": "octo/models"}}
KINDS = "queue, serviceBus, function, webhook, github, azureDevOps, job"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            {"runFailed": []},
            "mlops:events.runFailed: nobody would be told, as there is no target; write a list of targets, or leave the key out",
        ),
        (
            {"runFailed": [{"name": "pager", "webhook": "http://pager.example.com/hook"}]},
            ("mlops:events.runFailed[0].webhook: Azure calls web hooks over https at public host names only, so nothing would "
            "arrive; write https://HOST/PATH"),
        ),
        (
            {"runFailed": [{"name": "pager"}]},
            f"mlops:events.runFailed[0]: the target pager has none, and an event goes to one place; write one of {KINDS}",
        ),
        (
            {"runFailed": [{"name": "pager", "queue": "failures", **GITHUB}]},
            ("mlops:events.runFailed[0]: the target pager has queue and github, and an event goes to one place; "
            f"write one of {KINDS}"),
        ),
        (
            {"modelRegistered": [{"name": "bus", "serviceBus": "/subscriptions/s/queues/q"}]},
            ("mlops:events.modelRegistered[0].serviceBus: Event Grid finds a queue or topic of another namespace by its "
            "resource id; write /subscriptions/…/providers/Microsoft.ServiceBus/namespaces/NAMESPACE/queues/QUEUE, or a name "
            "alone for a queue that the stack makes"),
        ),
        (
            {"modelRegistered": [{"name": "bus", "serviceBus": "-q"}]},
            ("mlops:events.modelRegistered[0].serviceBus: no queue of Service Bus can be called '-q'; write 1 to 50 letters, "
            "digits, '.', '-' and '_'"),
        ),
        (
            {"modelRegistered": [{"name": "fun", "function": "https://app.azurewebsites.net/api/f"}]},
            ("mlops:events.modelRegistered[0].function: Event Grid finds a function by its resource id; write "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.Web/sites/APP/functions/FUNCTION "
            "(`az functionapp function show --query id`)"),
        ),
        (
            {"modelRegistered": [{"name": "d", **GITHUB}]},
            ("mlops:events.modelRegistered[0].name: 'd' can't be used: it names the subscription and what is made for it; "
            "write 3 to 32 lowercase letters, digits and single hyphens"),
        ),
        (
            {"modelRegistered": [{"name": "delivery", "github": {"repository": "models"}}]},
            ("mlops:events.modelRegistered[0].github.repository: 'models' can't be used: GitHub is told of the event in a "
            "repository; write OWNER/NAME"),
        ),
        (
            {"modelRegistered": [{"name": "delivery", "azureDevOps": {"organization": "contoso", "pipeline": 3}}]},
            ("mlops:events.modelRegistered[0].azureDevOps.project: missing; the pipeline is in a project; write the "
            "project's name or id"),
        ),
        (
            {"modelRegistered": [{"name": "one", **GITHUB}], "runFailed": [{"name": "one", **GITHUB}]},
            "mlops:events: two targets are called one; subscriptions need names of their own",
        ),
        (
            {"runFailed": [{"name": "model-changes", **GITHUB}]},
            ("mlops:events: two targets are called model-changes, and the platform has a subscription of that name itself; "
            "subscriptions need names of their own"),
        ),
        (
            {"runFailed": [{"name": "more", "queue": "monitor-breaches"}]},
            "mlops:events: two targets go to the queue monitor-breaches, and a queue can be made once; write a queue for each",
        ),
        (
            {"monitorBreached": [{"name": "again", **GITHUB}]},
            ("mlops:events: monitorBreached: the target again would start something at every event of every monitor; write "
            "mlops:retraining, which knows a model's monitor, its cool-down and its attempts"),
        ),
        (
            {"runFailed": [{"name": "pager", "queue": "failures", "entra": {"tenant": "0" * 8, "application": "a"}}]},
            ("mlops:events.runFailed[0].entra.tenant: '00000000' can't be used: Event Grid asks this tenant for a token; "
            "write the tenant's id"),
        ),
        (
            {"modelDeployed": [{"name": "one", **GITHUB}]},
            ("mlops:events.modelDeployed: unknown key, it would have no effect; known here: deadLetters, modelRegistered, "
            "monitorBreached, runFailed"),
        ),
    ],
)  # fmt: skip
def test_events_that_go_nowhere_are_one_line_with_the_remedy(events, said):
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "events": events})
    assert str(refusal.value) == said


@pytest.mark.parametrize(
    ("retraining", "said"),
    [
        (
            {"start": "azureDevOps"},
            ("mlops:retraining: start is azureDevOps and there is no pipeline to run; write azureDevOps with organization, "
            "project and pipeline"),
        ),
        (
            {"start": "job", "azureDevOps": {"organization": "contoso", "project": "ml", "pipeline": 3}},
            "mlops:retraining: azureDevOps has no effect while start is job; write start: azureDevOps, or remove it",
        ),
        (
            {"start": "azureDevOps", "azureDevOps": {"organization": "https://dev.azure.com/contoso", "project": "ml", "pipeline": 3}},
            ("mlops:retraining.azureDevOps.organization: 'https://dev.azure.com/contoso' can't be used: the pipeline's "
            "address begins with https://dev.azure.com/ORGANIZATION; write the organization's name, without https://"),
        ),
    ],
)  # fmt: skip
def test_a_loop_through_azure_devops_needs_its_pipeline(retraining, said):
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "retraining": retraining})
    assert str(refusal.value) == said


def test_behind_a_private_network_events_go_to_places_and_start_nothing():
    private = {"network": {"mode": "private"}, "registry": {"sku": "Premium"}}
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, **private, "events": {"modelRegistered": [{"name": "delivery", **GITHUB}]}})
    assert str(refusal.value) == (
        "mlops:events.modelRegistered: the Logic App of the target delivery is outside of the network, so it couldn't reach "
        "the storage account while the platform answers inside only (network); write a queue, and let something in the network read it"
    )
    parse({**BASE, **private, "events": {"modelRegistered": [{"name": "delivery", "queue": "models"}]}})


def test_a_web_hooks_secret_isnt_repeated():
    url = "http://pager.example.com/s3cret"
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "events": {"runFailed": [{"name": "pager", "webhook": url}]}})
    assert "s3cret" not in str(refusal.value)


def test_a_service_bus_is_made_only_for_queues_of_the_stacks_own():
    there = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/n/topics/t"
    other = EventsConfig.model_validate({"runFailed": [{"name": "bus", "serviceBus": there}]})
    assert not other.has_bus
    assert EventsConfig.model_validate({"runFailed": [{"name": "bus", "serviceBus": "failures"}]}).has_bus
