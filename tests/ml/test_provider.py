"""What the dynamic providers share: references in the state, settings, diffs, errors of one line."""

import base64
import importlib
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from ml import client
from ml.batch_endpoint import BatchDeploymentProvider, BatchEndpointProvider
from ml.client import AzureMLError, Door, Settings
from ml.data_files import DataFilesProvider
from ml.environment import EnvironmentProvider
from ml.model import ModelProvider
from ml.monitor import MonitorProvider
from ml.online_deployment import OnlineDeploymentProvider
from ml.online_endpoint import OnlineEndpointProvider
from ml.provider import Made, Provider, changes
from ml.traffic import TrafficProvider, invalid, live

ROOT = Path(__file__).parents[2]
PROVIDERS = [
    BatchDeploymentProvider,
    BatchEndpointProvider,
    DataFilesProvider,
    EnvironmentProvider,
    ModelProvider,
    MonitorProvider,
    OnlineDeploymentProvider,
    OnlineEndpointProvider,
    TrafficProvider,
]
PLACE = {"resource_group": "g", "workspace": "w"}


def configured(provider, **config):
    values = {"azure-native:subscriptionId": "s", **{f"mlops:{key}": value for key, value in config.items()}}
    provider.configure(ConfigureRequest(Config(values, "mlops")))
    return provider


@pytest.mark.parametrize("kind", PROVIDERS)
def test_the_state_holds_a_reference_to_the_class_and_nothing_else(kind):
    serialized = serialize_provider(kind())
    assert len(serialized) < 200
    assert serialize_provider(configured(kind())) == serialized
    assert kind.serialize_as_secret_always is False
    restored = pickle.loads(base64.b64decode(serialized))
    assert type(restored) is kind
    assert vars(restored) == {}


def test_editing_a_provider_does_not_change_its_reference(tmp_path, monkeypatch):
    source = textwrap.dedent("""
        from ml.provider import Provider
        class EditedProvider(Provider):
            def make(self, door, inputs):
                return {answer}
    """)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "edited_provider.py"
    file.write_text(source.format(answer=1))
    module = importlib.import_module("edited_provider")
    before = serialize_provider(module.EditedProvider())
    file.write_text(source.format(answer="'something much longer than before'"))
    importlib.invalidate_caches()
    assert serialize_provider(importlib.reload(module).EditedProvider()) == before
    sys.modules.pop("edited_provider")


def test_importing_the_resources_does_not_import_azure_ai_ml():
    code = "import ml.served_model, ml.spec, sys; print([m for m in sys.modules if m.startswith('azure')])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ}
    )
    assert done.stdout.strip() == "[]"


def test_the_subscription_is_the_stacks_else_the_environments(monkeypatch):
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "from-arm")
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "from-azure")
    assert client.subscription("named") == "named"
    assert client.subscription(None) == "from-arm"
    monkeypatch.delenv("ARM_SUBSCRIPTION_ID")
    assert client.subscription(None) == "from-azure"


def test_without_a_subscription_the_error_says_where_to_set_one(monkeypatch, tmp_path):
    for name in ("ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AzureMLError, match="azure-native:subscriptionId"):
        client.subscription(None)


def test_settings_come_from_the_stack_and_wrong_ones_are_named():
    settings = configured(TrafficProvider(), pollInterval="0.5", trainingTimeout="60")._settings
    assert settings == Settings("s", poll_interval=0.5, training_timeout=60)
    with pytest.raises(
        AzureMLError, match=r"mlops:timeout: 'soon' isn't a number of seconds; write one above 0"
    ):
        configured(TrafficProvider(), timeout="soon")


@pytest.mark.parametrize("kind", PROVIDERS)
def test_the_same_inputs_show_no_change_whatever_azure_added(kind):
    inputs = {**PLACE, **dict.fromkeys(kind.replaces | kind.ignored, "x"), "__provider": "p"}
    olds = {**inputs, **dict.fromkeys(kind.computed, "only Azure knows")}
    result = kind().diff("id", olds, {**inputs, **dict.fromkeys(kind.ignored, "elsewhere")})
    assert result.changes is False
    assert result.replaces == []


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_change_of_name_or_place_makes_another_one_before_the_old_one_goes(kind):
    for key in kind.replaces | set(PLACE):
        result = kind().diff("id", {key: "a"}, {key: "b"})
        assert (result.changes, result.replaces, result.delete_before_replace) == (True, [key], False)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_the_docstring_of_a_provider_accounts_for_what_replaces_and_what_is_ignored(kind):
    for key in kind.replaces | kind.ignored:
        assert key in (kind.__doc__ or ""), f"{kind.__name__} doesn't say what a change of {key} does"


def test_other_inputs_are_updated_and_unknown_ones_show_as_changed():
    result = OnlineDeploymentProvider().diff("id", {"model_id": "1"}, {"model_id": UNKNOWN})
    assert (result.changes, result.replaces) == (True, [])
    assert changes({"a": 1, "b": None}, {"a": 1.0}, unless=frozenset()) == frozenset()
    assert changes({"a": {"x": 1}}, {"a": {"x": 2}, "__provider": "p"}, unless=frozenset()) == {"a"}


class Recording(Provider):
    """A provider without Azure."""

    # ruff: noqa: ARG002 - it answers the same whatever it is asked
    computed = frozenset({"number"})
    seen = None

    def make(self, door, inputs):
        return Made("id", {"number": 7})

    def look(self, door, resource_id, props):
        return self.seen

    def change(self, door, olds, news):
        return {}


def test_what_a_refresh_reads_becomes_inputs_too_so_that_the_next_diff_is_quiet():
    provider = configured(Recording())
    made = provider.create({**PLACE, "tags": {"a": "b"}, "__provider": "p"})
    assert made.outs == {**PLACE, "tags": {"a": "b"}, "number": 7}
    provider.seen = {"tags": {"a": "changed"}, "number": 8}
    read = provider.read("id", {**made.outs, "__provider": "p"})
    assert read.outs == {**PLACE, "tags": {"a": "changed"}, "number": 8}
    assert read.inputs == {**PLACE, "tags": {"a": "changed"}}
    assert provider.diff("id", read.outs, {**PLACE, "tags": {"a": "changed"}}).changes is False
    provider.seen = None
    assert provider.read("id", made.outs).id == ""


def test_an_update_keeps_what_only_azure_knows():
    provider = configured(Recording())
    assert provider.update("id", {**PLACE, "number": 7}, {**PLACE, "tags": {}}).outs == {
        **PLACE,
        "tags": {},
        "number": 7,
    }


def test_an_unknown_workspace_is_fine_in_a_preview_and_an_error_afterwards():
    provider = configured(Recording())
    assert provider.check({}, {"resource_group": "g", "workspace": UNKNOWN}).failures == []
    with pytest.raises(AzureMLError, match="the workspace isn't known"):
        provider.create({"resource_group": "g", "workspace": UNKNOWN})


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ({}, None),
        ({"a": 0}, None),
        ({"a": 100, "b": 0}, None),
        ({"a": 90, "b": 10.0}, None),
        ({"a": 90}, "the shares sum to 90, and requests without a deployment would fail; make it 0 or 100"),
        (
            {"a": 90, "b": 20},
            "the shares sum to 110, and requests without a deployment would fail; make it 0 or 100",
        ),
        ({"a": 110, "b": -10}, "the shares of a, b aren't whole numbers from 0 to 100; write percentages"),
        ({"a": 99.5, "b": 0.5}, "the shares of a, b aren't whole numbers from 0 to 100; write percentages"),
    ],
)
def test_shares_must_sum_to_0_or_100(shares, why):
    assert invalid(shares) == why
    failures = configured(TrafficProvider()).check({}, {**PLACE, "endpoint": "e", "shares": shares}).failures
    assert [failure.reason for failure in failures] == ([why] if why else [])


def test_unknown_shares_pass_a_preview_and_zero_shares_are_not_live():
    assert TrafficProvider().check({}, {"endpoint": "e", "shares": UNKNOWN}).failures == []
    assert live({"a": 100, "b": 0, "c": "0"}) == {"a": 100}
    assert live(None) == {}


def test_changed_files_of_a_data_version_are_refused_in_the_preview():
    provider = configured(DataFilesProvider())
    olds = {
        **PLACE,
        "account": "a",
        "container": "c",
        "asset": "flights",
        "version": "1",
        "files": {"01": "x", "02": "y"},
    }
    assert provider.check(olds, {**olds}).failures == []
    assert provider.check(olds, {**olds, "version": "2", "files": {"01": "z"}}).failures == []
    assert provider.check(olds, {**olds, "files": {**olds["files"], "03": "z"}}).failures == []
    failures = provider.check(olds, {**olds, "files": {"01": "z", "02": "y"}}).failures
    assert failures[0].property == "files"
    assert "write a new data.version in model.yaml" in failures[0].reason


def test_another_identity_of_an_endpoint_is_refused_but_not_another_case_of_its_id():
    provider = configured(OnlineEndpointProvider())
    olds = {**PLACE, "name": "e", "identity_id": "/subscriptions/S/a"}
    assert provider.check(olds, {**olds, "identity_id": "/subscriptions/s/A"}).failures == []
    assert provider.check(olds, {**olds, "name": "f", "identity_id": "/b"}).failures == []
    assert [f.property for f in provider.check(olds, {**olds, "identity_id": "/b"}).failures] == [
        "identity_id"
    ]


class RefusedError(Exception):
    """An HTTP error as azure-core raises it."""

    def __init__(self, status_code, message):
        super().__init__(message)
        self.status_code = status_code
        self.message = message


def test_errors_are_one_line_without_secrets():
    error = RefusedError(
        400, "(BadRequest) no\nCode: BadRequest\n see https://a.b/?sv=1&sig=abc%3D123&se=2 Bearer eyJ.x-y"
    )
    text = client.explain(error)
    assert "\n" not in text
    assert "abc%3D123" not in text
    assert "eyJ" not in text
    assert text.startswith("(BadRequest) no Code: BadRequest")
    assert len(client.explain(RefusedError(400, "x" * 5000))) == 600


def test_without_credentials_the_error_says_how_to_sign_in():
    page = "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted: …"
    assert client.explain(RefusedError(None, page)).startswith("not signed in to Azure; run `az login`")
    assert "AADSTS7000215" in client.explain(RefusedError(None, f"{page} AADSTS7000215: wrong secret"))


def test_the_last_words_of_a_log_are_its_last_exception_and_its_cause_else_its_end():
    log = """
        ValueError: something else, handled
        Traceback (most recent call last):
          File "score.py", line 2, in init
        KeyError: no such feature

        The above exception was the direct cause of the following exception:

        server.UserScriptException: Caught an unhandled exception
        Worker exiting (pid: 7)
    """
    expected = "KeyError: no such feature | server.UserScriptException: Caught an unhandled exception"
    assert client.last_words(log) == expected
    assert client.last_words("one\ntwo\n\nthree\n", lines=2) == "two | three"
    assert client.last_words("azure.core.exceptions.HttpResponseError: sig=abc said no\nbye") == (
        "azure.core.exceptions.HttpResponseError: … said no"
    )
    assert client.last_words("2026-11-21 E [1] gunicorn - Reason: Worker failed\n") == (
        "2026-11-21 E [1] gunicorn - Reason: Worker failed"
    )
    assert client.last_words("") == ""


def test_a_403_of_a_fresh_role_assignment_is_tried_again_and_a_lasting_one_is_an_error():
    said = []
    door = Door(Settings("s", poll_interval=0.01, permission_timeout=5), "g", "w", said.append)
    answers = [RefusedError(403, "denied"), RefusedError(403, "denied"), "done"]

    def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert door.do("data", call) == "done"
    assert said == ["data: not allowed yet, waiting for role assignments to take effect"] * 2

    def denied():
        raise RefusedError(403, "denied")

    impatient = Door(Settings("s", poll_interval=0.01, permission_timeout=0.05), "g", "w", said.append)
    with pytest.raises(AzureMLError, match=r"^data: denied$"):
        impatient.do("data", denied)


def test_waiting_has_an_end():
    door = Door(Settings("s", poll_interval=0.01), "g", "w")
    with pytest.raises(AzureMLError, match=r"job x: not finished after 0 s; the next `up` goes on"):
        door.until("job x", lambda: False, bool, 0.03)


def test_many_threads_may_import_azure_ai_ml_at_once():
    code = """
        import sys, warnings
        warnings.simplefilter("ignore")
        from concurrent.futures import ThreadPoolExecutor
        from ml import client
        def work(number):
            client.load()
            from azure.ai.ml.entities import Environment, ManagedOnlineEndpoint
            return Environment is not None
        with ThreadPoolExecutor(8) as pool:
            print(all(pool.map(work, range(8))))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "True"
