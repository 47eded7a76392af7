"""The loop in the program: per model, behind everything that it needs, and only where the stack asks for it."""

import json

import pulumi
import pytest
from recorded_program import CALLBACK, SUFFIX, run

from infra.events import retraining_workflow
from infra.events.retraining_start import Loop
from ops import program

_runs = {}


@pytest.fixture(scope="module")
def recording():
    """One run of the program with the loop."""
    if not _runs:
        _runs["dev"] = run("dev", retraining={"start": "job"})
    return _runs["dev"]


def test_each_model_has_a_loop_with_its_monitor_schedule_and_cool_down(recording):
    definition = recording.one("flight-delay-retraining-logic-app").inputs["definition"]
    values = {name: one["defaultValue"] for name, one in definition["parameters"].items()}
    assert values["model"] == "flight-delay"
    assert values["monitor"] == "flight-delay-monitor"
    assert values["schedule"] == "flight-delay-retraining"
    assert values["claims"].endswith(f"{SUFFIX}.blob.core.windows.net/retraining-flight-delay")
    assert values["coolDownMinutes"] == 24 * 60


def test_the_logic_app_waits_for_its_roles_and_the_subscription_for_the_logic_app(recording):
    app = recording.one("flight-delay-retraining-logic-app")
    granted = {name for name in recording.needs(app) if name.startswith("flight-delay-retraining-access-")}
    assert len(granted) == 3
    subscription = recording.one("flight-delay-retraining-subscription")
    assert {app.name, "flight-delay-monitor"} <= recording.needs(subscription)


def test_only_the_subscription_is_given_the_callback_url(recording):
    def holds(value):
        return CALLBACK in json.dumps(value, default=str)

    assert [one.name for one in recording.resources if holds(one.inputs)] == [
        "flight-delay-retraining-subscription"
    ]
    assert not holds(recording.outputs)


def test_for_github_the_definition_names_the_secret_and_keeps_the_token_out_of_the_history():
    token = "https://kv.vault.azure.net/secrets/github-token"
    loop = Loop("m", "m-monitor", "", "/w", "https://st", "/id", 60, "dev", "octo/models", token)
    made = retraining_workflow.definition(loop, "github")
    assert made["parameters"]["token"]["defaultValue"] == token
    start = made["actions"]["Start"]["actions"]
    assert start["Get_token"]["runtimeConfiguration"] == {"secureData": {"properties": ["outputs"]}}
    assert start["Dispatch"]["runtimeConfiguration"] == {"secureData": {"properties": ["inputs"]}}


def test_a_model_without_retraining_is_refused_where_a_breach_starts_a_job():
    class Spec:
        retraining_lineage = None

    class Config:
        models_folder = "models"

        class retraining:  # noqa: N801 (a section)
            start = "job"

    with pytest.raises(
        pulumi.RunError, match=r"mlops:retraining\.start: models/old/model\.yaml has no retraining"
    ):
        program.check_loop(Config(), {"old": Spec()})
