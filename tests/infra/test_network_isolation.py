"""What stands between a stack and a managed network: isolation that only rises, and a provisioning that can be repeated."""

import pickle

import pytest

from infra.network import provisioning
from infra.network.isolation import IsolationProvider, lowering
from infra.network.managed import ISOLATIONS
from infra.network.provisioning import ProvisioningProvider
from ml.client import AzureMLError, Settings

DISABLED, INTERNET, APPROVED = ISOLATIONS
PROPS = {"resource_group": "rg", "workspace": "mlw", "spark": False}


@pytest.mark.parametrize(
    ("before", "wanted"), [(None, DISABLED), (None, APPROVED), (INTERNET, INTERNET), (INTERNET, APPROVED)]
)
def test_isolation_may_stay_and_rise(before, wanted):
    assert lowering(before, wanted) is None
    olds = {} if before is None else {"isolation": before}
    assert not IsolationProvider().check(olds, {"isolation": wanted}).failures


@pytest.mark.parametrize(
    ("before", "wanted", "remedy"),
    [
        (INTERNET, DISABLED, f"write mode: managed with isolation: {INTERNET}"),
        (APPROVED, INTERNET, f"write isolation: {APPROVED}"),
    ],
)
def test_isolation_that_would_be_lowered_is_refused_in_the_preview(before, wanted, remedy):
    (failure,) = IsolationProvider().check({"isolation": before}, {"isolation": wanted}).failures
    assert failure.reason == (
        f"network.managed.isolation: the workspace's managed network is {before}, and Azure never lowers it to {wanted}; "
        f"{remedy}, or deploy a new stack"
    )


@pytest.mark.parametrize("provider", [IsolationProvider(), ProvisioningProvider()])
def test_the_state_holds_a_reference_to_the_class_and_no_code(provider):
    assert len(pickle.dumps(provider)) < 100


class Azure:
    """A workspace whose network becomes active some looks after it was asked to."""

    def __init__(self, status="Inactive", spark=False, looks=0):
        self.status, self.spark, self.looks = status, spark, looks
        self.asked = []

    def request(self, method, _path, *, api_version, body=None):
        assert api_version
        if method == "POST":
            self.asked.append(body)
            return None
        if self.asked:
            self.looks -= 1
            if self.looks < 0:
                self.status, self.spark = "Active", self.spark or self.asked[-1]["includeSpark"]
        return {
            "properties": {"managedNetwork": {"status": {"status": self.status, "sparkReady": self.spark}}}
        }


@pytest.fixture
def provider(monkeypatch):
    def made(azure):
        monkeypatch.setattr(provisioning.resource_manager, "request", azure.request)
        found = ProvisioningProvider()
        found._settings = Settings("sub", poll_interval=0.001, timeout=5)
        return found

    return made


def test_a_network_is_provisioned_once_and_waited_for(provider):
    azure = Azure(looks=3)
    made = provider(azure).create(PROPS)
    assert made.outs["status"] == "Active"
    assert azure.asked == [{"includeSpark": False}]


def test_what_a_killed_run_provisioned_is_adopted(provider):
    azure = Azure("Active")
    assert provider(azure).create(PROPS).id == "mlw"
    assert azure.asked == []


def test_spark_is_provisioned_later_and_never_taken_back(provider):
    azure = Azure("Active")
    changing = provider(azure)
    assert changing.diff("mlw", PROPS, {**PROPS, "spark": True}).changes
    changing.update("mlw", PROPS, {**PROPS, "spark": True})
    changing.update("mlw", {**PROPS, "spark": True}, PROPS)
    assert azure.asked == [{"includeSpark": True}]


def test_a_network_that_is_not_active_any_more_is_provisioned_by_the_next_update(provider):
    assert provider(Azure()).read("mlw", PROPS).id == ""
    kept = provider(Azure("Active")).read("mlw", {**PROPS, "status": "Active"})
    assert (kept.id, kept.outs["spark"]) == ("mlw", False)


def test_a_provisioning_that_failed_says_so(provider):
    with pytest.raises(AzureMLError, match="managed network of mlw: its provisioning failed"):
        provider(Azure("Failed")).create(PROPS)
