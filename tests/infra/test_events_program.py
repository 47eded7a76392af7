"""Events in the program: where each purpose's events go, as whom, and what becomes of what can't be delivered."""

import pytest
from recorded_program import CALLBACK
from watched_program import TOPIC, unwatched, watched

from infra.access.grant import Role


@pytest.fixture(scope="module")
def recording():
    """One run of the program with a target of each kind."""
    return watched()


def destination_of(one):
    """Where a subscription's events go; a web hook's is a secret as a whole."""
    by_identity = one.inputs.get("deliveryWithResourceIdentity")
    found = by_identity["destination"] if by_identity else one.inputs["destination"]
    return found.get("value", found)


def subscription(recording, called):
    (found,) = [one for one in recording.of("SystemTopicEventSubscription") if one.physical_name == called]
    return found


@pytest.mark.parametrize(
    ("called", "kind", "events", "filters"),
    [
        ("monitor-breaches", "StorageQueue", ["RunStatusChanged"], ["data.RunTags.azureml_modelmonitor_threshold_breached"]),
        ("model-changes", "StorageQueue", ["ModelRegistered", "ModelDeployed"], []),
        ("failures", "StorageQueue", ["RunStatusChanged"], ["data.RunStatus"]),
        ("bus", "ServiceBusQueue", ["RunStatusChanged"], ["data.RunStatus"]),
        ("other-bus", "ServiceBusTopic", ["RunStatusChanged"], ["data.RunStatus"]),
        ("pager", "WebHook", ["RunStatusChanged"], ["data.RunStatus"]),
        ("fun", "AzureFunction", ["RunStatusChanged"], ["data.RunTags.azureml_modelmonitor_threshold_breached"]),
        ("delivery", "WebHook", ["ModelRegistered"], []),
        ("triage", "WebHook", ["RunStatusChanged"], ["data.RunStatus"]),
    ],
)  # fmt: skip
def test_each_target_gets_its_purposes_events(recording, called, kind, events, filters):
    inputs = subscription(recording, called).inputs
    assert destination_of(subscription(recording, called))["endpointType"] == kind
    assert ("deliveryWithResourceIdentity" in inputs) == (
        kind in ("StorageQueue", "ServiceBusQueue", "ServiceBusTopic")
    )
    assert [one.rpartition(".")[2] for one in inputs["filter"]["includedEventTypes"]] == events
    assert [one["key"] for one in inputs["filter"].get("advancedFilters") or []] == filters


def test_what_cannot_be_delivered_is_kept_by_the_identity_that_may_write_there_alone(recording):
    container = recording.one("mlops-events-dead-letters")
    grant = recording.one(
        "mlops-events-dead-letters-access-events-storage-blob-data-contributor-dead-letters"
    )
    assert grant.inputs["scope"] == container.id
    for one in recording.of("SystemTopicEventSubscription"):
        letters = one.inputs["deadLetterWithResourceIdentity"]
        assert letters["deadLetterDestination"]["blobContainerName"] == "dead-letters"
        assert letters["identity"]["type"] == "UserAssigned"
        assert grant.name in recording.needs(one)


def test_without_dead_letters_there_is_no_container():
    plain = unwatched()
    assert "mlops-events-dead-letters" not in {one.name for one in plain.resources}
    assert all(
        "deadLetterWithResourceIdentity" not in one.inputs for one in plain.of("SystemTopicEventSubscription")
    )


def test_the_stacks_service_bus_has_no_keys_and_event_grid_may_send_to_the_queue_alone(recording):
    assert recording.one("mlops-events-service-bus-namespace").inputs["disableLocalAuth"] is True
    queue = recording.one("mlops-events-service-bus-failed-runs")
    grant = recording.one("mlops-events-bus-access-events-service-bus-data-sender-service-bus")
    assert (grant.inputs["scope"], grant.inputs["roleDefinitionId"].rpartition("/")[2]) == (
        queue.id,
        Role.SERVICE_BUS_DATA_SENDER.value,
    )
    assert grant.name in recording.needs(subscription(recording, "bus"))
    assert recording.one("mlops-events-other-bus-access-events-service-bus-data-sender-service-bus").inputs["scope"] == TOPIC  # fmt: skip


def test_a_start_may_do_what_it_needs_and_only_event_grid_can_start_it(recording):
    def granted(name):
        prefix = f"mlops-on-{name}-access-starter-"
        return {r.name.removeprefix(prefix) for r in recording.of("RoleAssignment") if r.name.startswith(prefix)}  # fmt: skip

    assert granted("delivery") == {
        "storage-blob-data-contributor-claims",
        "key-vault-secrets-user-vault",
    }
    assert granted("pipeline") == {"storage-blob-data-contributor-claims"}
    assert "azureml-data-scientist-workspace" in granted("triage")
    callers = {
        one.name
        for one in recording.of("SystemTopicEventSubscription")
        if destination_of(one).get("endpointUrl") == CALLBACK
    }
    assert callers == {f"mlops-on-{name}-subscription" for name in ("delivery", "pipeline", "triage")}


def test_the_definitions_name_what_is_started_and_no_token(recording):
    app = recording.one("mlops-on-pipeline-logic-app").inputs["definition"]
    values = {name: one["defaultValue"] for name, one in app["parameters"].items()}
    assert (values["organization"], values["pipeline"], values["stack"]) == ("contoso", "3", "dev")
    assert "token" not in values
    delivery = recording.one("mlops-on-delivery-logic-app").inputs["definition"]["parameters"]
    assert delivery["token"]["defaultValue"].endswith(".vault.azure.net/secrets/github-token")
