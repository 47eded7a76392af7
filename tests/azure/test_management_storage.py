"""azure-mgmt-storage, unmodified: accounts, keys, containers, policies, SAS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.storage import StorageManagementClient
from running_azure import unique

if TYPE_CHECKING:
    from conftest import Management

ACCOUNT = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


@pytest.fixture(scope="module")
def client(management: Management) -> StorageManagementClient:
    return management.client(StorageManagementClient)


@pytest.fixture(scope="module")
def account(client: StorageManagementClient, management: Management) -> str:
    name = unique("st")
    assert client.storage_accounts.check_name_availability({"name": name}).name_available
    made = client.storage_accounts.begin_create(management.group, name, ACCOUNT).result()
    assert (made.provisioning_state, made.primary_endpoints.blob) == (
        "Succeeded",
        f"https://{name}.blob.core.windows.net/",
    )
    return name


def test_a_name_is_taken_once_and_must_be_one(client: StorageManagementClient, account: str):
    taken = client.storage_accounts.check_name_availability({"name": account})
    assert (taken.name_available, taken.reason) == (False, "AlreadyExists")
    wrong = client.storage_accounts.check_name_availability({"name": "Not-A-Name"})
    assert (wrong.name_available, wrong.reason) == (False, "AccountNameInvalid")


def test_an_account_is_changed_and_its_keys_are_renewed(
    client: StorageManagementClient, management: Management, account: str
):
    changed = client.storage_accounts.update(
        management.group, account, {"properties": {"minimumTlsVersion": "TLS1_2"}, "tags": {"a": "b"}}
    )
    assert (changed.minimum_tls_version, changed.tags) == ("TLS1_2", {"a": "b"})
    before = {
        one.key_name: one.value
        for one in client.storage_accounts.list_keys(management.group, account).keys_property
    }
    after = client.storage_accounts.regenerate_key(management.group, account, {"keyName": "key1"})
    assert [one.value == before[one.key_name] for one in after.keys_property] == [False, True]
    assert account in [one.name for one in client.storage_accounts.list_by_resource_group(management.group)]


def test_containers_services_and_policies(
    client: StorageManagementClient, management: Management, account: str
):
    where = (management.group, account)
    made = client.blob_containers.create(*where, "models", {})
    assert made.name == "models"
    assert [one.name for one in client.blob_containers.list(*where)] == ["models"]
    service = client.blob_services.set_service_properties(
        *where,
        {"properties": {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 7}}},
    )
    assert (service.is_versioning_enabled, service.delete_retention_policy.days) == (True, 7)
    rule = {
        "name": "old",
        "type": "Lifecycle",
        "definition": {
            "filters": {"blobTypes": ["blockBlob"]},
            "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
        },
    }
    policy = client.management_policies.create_or_update(
        *where, "default", {"properties": {"policy": {"rules": [rule]}}}
    )
    assert policy.policy.rules[0].name == "old"
    client.blob_containers.delete(*where, "models")
    assert not list(client.blob_containers.list(*where))


def test_a_signature_for_the_account_is_given(
    client: StorageManagementClient, management: Management, account: str
):
    end = datetime.now(UTC) + timedelta(hours=1)
    given = client.storage_accounts.list_account_sas(
        management.group,
        account,
        {"signedServices": "b", "signedResourceTypes": "sco", "signedPermission": "rl", "signedExpiry": end},
    )
    assert "sig=" in given.account_sas_token


def test_an_account_of_the_wrong_kind_is_refused(client: StorageManagementClient, management: Management):
    with pytest.raises(HttpResponseError):
        client.storage_accounts.begin_create(
            management.group, unique("st"), {**ACCOUNT, "sku": {"name": "No_SKU"}}
        ).result()
