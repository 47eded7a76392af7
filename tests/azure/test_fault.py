"""Faults on request: which requests meet one, and what real clients make of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import HeadersPolicy, ProxyPolicy, RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.storage.blob import BlobServiceClient, LinearRetry
from running_azure import ARM, unique

from local import faults
from local.azure import fault
from local.azure.fault import Fault, FaultError, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from running_azure import LocalAzure

GROUPS = "2024-03-01"
IDENTITIES = "2023-01-31"
ADDRESS = "management.azure.com/subscriptions/s"


# --- decisions


def test_rates_come_out_right_and_the_seed_repeats_them() -> None:
    asked = fault.asked(Faults(), ["throttle=0.1", "error=0.2", "drop=0.05", "lost=0.05"], seed=7)
    drawn = [asked.request("GET", ADDRESS, count) for count in range(20_000)]
    for kind, rate in (
        (Fault.THROTTLE, 0.1),
        (Fault.ERROR, 0.2),
        (Fault.DROP, 0.05),
        (Fault.LOST, 0.05),
    ):
        share = sum(met is not None and met[0] is kind for met in drawn) / len(drawn)
        assert share == pytest.approx(rate, abs=0.01)
    shapes = [met[1] for met in drawn if met is not None]
    assert 0.45 < sum(shapes) / len(shapes) < 0.55
    assert drawn == [asked.request("GET", ADDRESS, count) for count in range(20_000)]
    other = fault.asked(asked, [], seed=8)
    assert drawn != [other.request("GET", ADDRESS, count) for count in range(20_000)]


def test_slow_and_late_strike_operations_independently() -> None:
    asked = fault.asked(Faults(), ["slow=0.5", "late=0.2"], delay=3)
    drawn = [asked.operation("PUT", ADDRESS, count) for count in range(10_000)]
    assert {seconds for seconds, _ in drawn} == {0, 3}
    assert sum(seconds == 3 and late for seconds, late in drawn) / len(drawn) == pytest.approx(0.1, abs=0.01)
    assert asked.request("PUT", ADDRESS, 1) is None


def test_all_shares_its_rate_among_requests_and_operations() -> None:
    asked = fault.asked(Faults(), ["all=0.2"])
    assert [asked.throttle, asked.error, asked.drop, asked.lost] == [0.05] * 4
    assert (asked.slow, asked.late) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("globs", "method", "address", "covered"),
    [
        ((), "GET", ADDRESS, True),
        ((), "POST", "login.microsoftonline.com/t/oauth2/v2.0/token", False),
        (("*",), "POST", "login.microsoftonline.com/t/oauth2/v2.0/token", False),
        (("login.microsoftonline.com/*",), "POST", "login.microsoftonline.com/t/oauth2/v2.0/token", True),
        (("*/Vaults/*",), "PUT", f"{ADDRESS}/providers/Microsoft.KeyVault/vaults/v", True),
        (("PUT *",), "GET", ADDRESS, False),
        (("put https://management.azure.com/*",), "PUT", ADDRESS, True),
        (("*.vault.azure.net/*", "GET *"), "GET", ADDRESS, True),
    ],
)
def test_patterns_say_which_requests_fail(
    globs: tuple[str, ...], method: str, address: str, *, covered: bool
) -> None:
    asked = Faults(error=1, only=globs)
    assert (asked.request(method, address, 1) is not None) is covered


@pytest.mark.parametrize(
    "rates", [["more=1"], ["error"], ["error=two"], ["error=1.1"], ["error=nan"], ["error=0.6", "drop=0.6"]]
)
def test_what_cannot_be_is_refused(rates: list[str]) -> None:
    with pytest.raises(FaultError, match=r"KIND=RATE|sum to 1"):
        fault.asked(Faults(), rates)


def test_the_file_reads_back_and_nonsense_in_it_is_told() -> None:
    asked = fault.asked(Faults(), ["all=0.4"], seed=3, only=("PUT *",), delay=0.5, retry_after=2)
    assert fault.read(asked.text()) == asked
    for text in ("", "[]", '{"error": 2}', '{"error": 0.1, "seed": "x"}'):
        with pytest.raises(FaultError):
            fault.read(text)


# --- clients


@pytest.fixture
def fail(local_azure: LocalAzure) -> Generator[Callable[..., None]]:
    """Sets faults for addresses that end in one name, so that nobody else meets them."""

    def fail(*rates: str, only: str, **settings: float) -> None:
        wanted = fault.asked(Faults(), rates, only=(only,), **settings)
        faults.ask_for(local_azure.dir, wanted)

    yield fail
    faults.ask_for(local_azure.dir, Faults())


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Generator[PipelineClient]:
    """What every ``azure-mgmt-*`` client sends with: its own retries, without its pauses."""
    token = local_azure.token()
    policies = [
        HeadersPolicy(base_headers={"Authorization": f"Bearer {token}"}),
        ProxyPolicy(proxies={"https": local_azure.env["HTTPS_PROXY"]}),
        RetryPolicy(retry_total=20, retry_connect=20, retry_status=20, retry_backoff_max=0),
    ]
    transport = RequestsTransport(
        connection_verify=local_azure.env["REQUESTS_CA_BUNDLE"], use_env_settings=False
    )
    with PipelineClient(ARM, policies=policies, transport=transport) as client:
        yield client


def send(client: PipelineClient, method: str, path: str, body: object = None, *, version: str) -> int:
    response = client.send_request(
        HttpRequest(method, f"{ARM}{path}", params={"api-version": version}, json=body)
    )
    assert response.status_code < 300, response.text()
    return response.status_code


def test_a_throttled_client_is_told_when_to_come_back(
    local_azure: LocalAzure, fail: Callable[..., None]
) -> None:
    group = local_azure.group()
    fail("throttle=1", only=f"*{group}", retry_after=3)
    status, headers, body = local_azure.arm("GET", group, api_version=GROUPS)
    assert (status, headers["Retry-After"], body["error"]["code"]) == (429, "3", "TooManyRequests")
    faults.ask_for(local_azure.dir, Faults())
    assert local_azure.arm("GET", group, api_version=GROUPS)[0] == 200


def test_errors_are_500_and_503(local_azure: LocalAzure, fail: Callable[..., None]) -> None:
    group = local_azure.group()
    fail("error=1", only=f"*{group}")
    seen = {local_azure.arm("GET", group, api_version=GROUPS)[0] for _ in range(12)}
    assert seen == {500, 503}


def test_a_dropped_request_has_done_nothing_and_a_lost_one_all(
    local_azure: LocalAzure, fail: Callable[..., None]
) -> None:
    group = local_azure.group()
    for kind, after in (("drop", 404), ("lost", 200)):
        path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{kind}"
        fail(f"{kind}=1", only=f"PUT *{path}")
        with pytest.raises(requests.ConnectionError):
            local_azure.arm("PUT", path, {"location": "westeurope"}, api_version=IDENTITIES)
        assert local_azure.arm("GET", path, api_version=IDENTITIES)[0] == after


def test_azures_own_retries_get_through_half_the_requests_failing(
    local_azure: LocalAzure, client: PipelineClient, fail: Callable[..., None]
) -> None:
    group = local_azure.group()
    fail("all=0.5", only=f"*{group}/*", seed=1, retry_after=0)
    paths = [f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one{n}" for n in range(8)]
    put = {send(client, "PUT", path, {"location": "westeurope"}, version=IDENTITIES) for path in paths}
    assert put <= {200, 201}
    assert {send(client, "GET", path, version=IDENTITIES) for path in paths} == {200}
    log = (local_azure.dir.root / "server-output.log").read_text()
    for kind in ("throttle", "error", "drop", "lost"):
        assert f"fault on request: {kind} of" in log


def test_an_operation_that_fails_late_leaves_the_resource_failed_until_it_is_put_again(
    local_azure: LocalAzure, fail: Callable[..., None]
) -> None:
    path = f"{local_azure.group()}/providers/Microsoft.Storage/storageAccounts/{unique('st')}"
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    fail("late=1", "slow=1", only=f"*{path}", delay=0.3)
    began = time.monotonic()
    status, headers, _ = local_azure.arm("PUT", path, body, api_version="2024-01-01")
    assert status == 202
    with pytest.raises(AssertionError, match="InternalServerError"):
        local_azure.wait(headers, api_version="2024-01-01")
    assert time.monotonic() - began >= 0.3
    found = local_azure.arm("GET", path, api_version="2024-01-01")[2]
    assert found["properties"]["provisioningState"] == "Failed"
    faults.ask_for(local_azure.dir, Faults())
    assert (
        local_azure.put(path, body, api_version="2024-01-01")["properties"]["provisioningState"]
        == "Succeeded"
    )
    # Not in name alone: the keys that its creation makes are there.
    status, _, keys = local_azure.arm("POST", f"{path}/listKeys", api_version="2024-01-01")
    assert status == 200
    assert keys["keys"][0]["value"]
    container = f"{path}/blobServices/default/containers/one"
    assert local_azure.arm("PUT", container, {}, api_version="2024-01-01")[0] == 201


def test_storage_fails_in_its_own_shape_and_loses_answers_too(
    local_azure: LocalAzure, workspace: Any, fail: Callable[..., None]
) -> None:
    account = workspace.storage_account
    path = f"{workspace.group_id}/providers/Microsoft.Storage/storageAccounts/{account}/listKeys"
    _, _, keys = local_azure.arm("POST", path, api_version="2024-01-01")
    settings: dict[str, Any] = {
        "account_url": f"https://{account}.blob.core.windows.net",
        "credential": keys["keys"][0]["value"],
        "proxies": {"https": local_azure.env["HTTPS_PROXY"]},
        "connection_verify": local_azure.env["REQUESTS_CA_BUNDLE"],
    }
    tries = LinearRetry(backoff=0, random_jitter_range=0, retry_total=10, retry_connect=10)
    container = unique()
    with (
        BlobServiceClient(**settings, retry_total=0) as hasty,
        BlobServiceClient(**settings, retry_policy=tries) as patient,
    ):
        hasty.create_container(container)
        fail("throttle=1", only=f"*/{container}/*")
        with pytest.raises(HttpResponseError) as refused:
            hasty.get_blob_client(container, "b").upload_blob(b"one")
        assert refused.value.status_code == 503
        assert "ServerBusy" in str(refused.value)
        fail("lost=1", only=f"PUT */{container}/b")
        with pytest.raises(Exception, match="onnection"):
            hasty.get_blob_client(container, "b").upload_blob(b"two")
        assert hasty.get_blob_client(container, "b").download_blob().readall() == b"two"
        fail("lost=0.3", "drop=0.3", only=f"*/{container}/c*")
        for number in range(4):
            patient.get_blob_client(container, f"c{number}").upload_blob(b"kept", overwrite=True)
        faults.ask_for(local_azure.dir, Faults())
        assert len(list(hasty.get_container_client(container).list_blobs("c"))) == 4
