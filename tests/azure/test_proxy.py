"""The proxy: whom it answers, whom it refuses, and how clients sign in through it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, EnvironmentCredential
from running_azure import unique

if TYPE_CHECKING:
    from running_azure import LocalAzure

SCOPE = "https://management.azure.com/.default"


def connect(azure: LocalAzure, target: str) -> tuple[bytes, bytes]:
    """The first line of the answer to CONNECT, and the rest."""
    with socket.create_connection(("127.0.0.1", azure.port), timeout=10) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
            if b"established\r\n\r\n" in answer:
                break
    first, _, rest = answer.partition(b"\r\n")
    return first, rest


@pytest.mark.parametrize(
    "host", ["example.com:443", "packages.example:443", "management.azure.com:80", "azure.com:443"]
)
def test_every_host_but_azures_is_refused_with_a_reason(local_azure: LocalAzure, host: str) -> None:
    first, rest = connect(local_azure, host)
    assert first.startswith(b"HTTP/1.1 403 ")
    assert host.encode() in rest


@pytest.mark.parametrize(
    "host",
    [
        "management.azure.com",
        "login.microsoftonline.com",
        "account1.blob.core.windows.net",
        "my-vault.vault.azure.net",
        "my-endpoint.westeurope.inference.ml.azure.com",
        "westeurope.api.azureml.ms",
    ],
)
def test_azures_own_hosts_have_certificates_of_the_local_ca(local_azure: LocalAzure, host: str) -> None:
    trust = ssl.create_default_context(cafile=str(local_azure.dir.authority / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", local_azure.port, context=trust, timeout=10)
    connection.set_tunnel(host, 443)
    connection.request("GET", "/")
    assert connection.getresponse().status in (400, 401, 404, 501)
    connection.close()


def test_plain_requests_elsewhere_are_refused(local_azure: LocalAzure) -> None:
    answer = requests.get(
        "http://example.com/x", proxies={"http": f"http://127.0.0.1:{local_azure.port}"}, timeout=10
    )
    assert answer.status_code == 403
    assert "example.com" in answer.text


def test_health_answers_without_tls(local_azure: LocalAzure) -> None:
    answer = requests.get(f"http://127.0.0.1:{local_azure.port}/health", timeout=10).json()
    assert answer["service"] == "local-azure"
    assert answer["pid"] == local_azure.process.pid


def test_many_requests_use_one_connection(local_azure: LocalAzure) -> None:
    trust = ssl.create_default_context(cafile=local_azure.env["REQUESTS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection("127.0.0.1", local_azure.port, context=trust, timeout=10)
    connection.set_tunnel("management.azure.com", 443)
    token = local_azure.token()
    sockets = set()
    for _ in range(3):
        connection.request(
            "GET", "/tenants?api-version=2022-12-01", headers={"Authorization": f"Bearer {token}"}
        )
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["value"]
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


@pytest.fixture
def through_proxy(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_azure.env.items():
        if (
            name.startswith("AZURE_")
            or name.lower().endswith("_proxy")
            or name.endswith(("_BUNDLE", "CERT_FILE"))
        ):
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("through_proxy")
def test_azure_identity_signs_in_as_it_is(local_azure: LocalAzure) -> None:
    with EnvironmentCredential() as credential:
        token = credential.get_token(SCOPE).token
    answer = local_azure.session.get(
        "https://management.azure.com/subscriptions?api-version=2022-12-01",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert [found["subscriptionId"] for found in answer.json()["value"]] == [local_azure.subscription_id]


@pytest.mark.usefixtures("through_proxy")
def test_a_wrong_secret_is_refused(local_azure: LocalAzure) -> None:
    wrong = ClientSecretCredential(
        local_azure.env["AZURE_TENANT_ID"], local_azure.env["AZURE_CLIENT_ID"], "guessed"
    )
    with wrong, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        wrong.get_token(SCOPE)


def test_secrets_are_readable_by_their_owner_only(local_azure: LocalAzure) -> None:
    directory = local_azure.dir
    assert stat.S_IMODE(directory.root.stat().st_mode) == 0o700
    for path in (directory.identity, directory.authority / "ca-key.pem", directory.database):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_bundle_trusts_what_was_trusted_before_and_the_local_ca(local_azure: LocalAzure) -> None:
    bundle = Path(local_azure.env["REQUESTS_CA_BUNDLE"]).read_text()
    assert (local_azure.dir.authority / "ca.pem").read_text() in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 20


def test_a_body_that_is_sent_after_its_head_is_not_waited_for(local_azure: LocalAzure) -> None:
    # urllib3 sends them apart, and leaves Nagle's algorithm on towards a proxy. Linux delays an acknowledgement by 40 ms
    # at least, once it has seen a few requests on a connection.
    path = f"/subscriptions/{local_azure.subscription_id}/resourceGroups/{unique('rg-')}"
    taken: list[float] = []
    for _ in range(12):
        began = time.perf_counter()
        local_azure.arm("PUT", path, {"location": "westeurope"}, api_version="2024-03-01")
        taken.append(time.perf_counter() - began)
    assert min(taken[4:]) < 0.03
