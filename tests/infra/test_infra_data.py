"""Datastores, data assets and lifecycle rules, recorded."""

import pytest
from recorded_program import SUBSCRIPTION, SUFFIX, run

DATA = {
    "datastores": [
        {"name": "raw", "type": "blob", "container": "raw"},
        {"name": "raw_again", "type": "blob", "container": "raw"},
        {"name": "bronze", "type": "adls", "container": "bronze", "description": "As it came."},
        {"name": "scratch", "type": "file", "container": "scratch"},
        {
            "name": "partner",
            "type": "adls",
            "container": "shared",
            "account": "partnerdata",
            "resourceGroup": "rg-partner",
            "subscription": SUBSCRIPTION,
        },
    ],
    "assets": [
        {"name": "flights", "version": "1", "path": "flights/1/"},
        {"name": "flights", "version": "2", "datastore": "bronze", "path": "flights/2/"},
        {"name": "airports", "type": "file", "path": "airports.csv"},
    ],
    "lifecycle": [
        {"name": "old", "coolAfterDays": 30, "archiveAfterDays": 180, "deleteAfterDays": 730},
        {"name": "versions", "account": "storage", "prefixes": ["azureml/"], "deleteVersionsAfterDays": 90},
    ],
}


@pytest.fixture(scope="module")
def recording():
    return run("local", models=[], data=DATA)


def stores(recording):
    return {
        r.inputs["name"]: r.inputs["properties"] for r in recording.of("machinelearningservices:Datastore")
    }


def test_no_datastore_holds_a_key(recording):
    found = stores(recording)
    assert set(found) == {"lake", *(one["name"] for one in DATA["datastores"])}
    assert {one["credentials"]["credentialsType"] for one in found.values()} == {"None"}
    assert {one["serviceDataAccessAuthIdentity"] for one in found.values()} == {
        "WorkspaceUserAssignedIdentity"
    }


def test_each_kind_is_on_the_account_that_fits_it(recording):
    found = stores(recording)
    accounts = {name: one["accountName"] for name, one in found.items()}
    assert accounts["raw"] == accounts["scratch"] == f"stmlopslocal{SUFFIX}"
    assert accounts["bronze"] == accounts["lake"] == f"dlmlopslocal{SUFFIX}"
    assert found["scratch"]["fileShareName"] == "scratch"
    assert found["bronze"]["filesystem"] == "bronze"


def test_containers_of_the_platforms_accounts_are_made_once_before_their_datastores(recording):
    made = [r for r in recording.of("storage:BlobContainer") if "datastores" in r.name]
    assert sorted(r.inputs["containerName"] for r in made) == ["bronze", "raw"]
    assert [r.inputs["shareName"] for r in recording.of("storage:FileShare")] == ["scratch"]
    for name in ("raw", "raw_again"):
        needed = recording.needs(recording.one(f"mlops-datastores-{name}"))
        assert "mlops-datastores-storage-raw" in needed


def test_a_given_account_is_referred_to_and_left_alone(recording):
    partner = stores(recording)["partner"]
    assert (partner["accountName"], partner["resourceGroup"]) == ("partnerdata", "rg-partner")
    assert partner["subscriptionId"] == SUBSCRIPTION
    assert "shared" not in [r.inputs["containerName"] for r in recording.of("storage:BlobContainer")]


def test_versions_of_an_asset_are_below_one_container_and_wait_for_their_datastore(recording):
    second = recording.one("mlops-assets-flights-2")
    assert second.inputs["properties"]["dataUri"] == "azureml://datastores/bronze/paths/flights/2/"
    assert {"mlops-assets-flights", "mlops-datastores-bronze"} <= recording.needs(second)
    airports = recording.one("mlops-assets-airports-1").inputs["properties"]
    assert (airports["dataType"], airports["dataUri"]) == (
        "uri_file",
        "azureml://datastores/lake/paths/airports.csv",
    )


def test_an_account_has_one_policy_with_its_own_rules(recording):
    lake = recording.one("mlops-lifecycle-lake").inputs
    assert lake["accountName"] == f"dlmlopslocal{SUFFIX}"
    (rule,) = lake["policy"]["rules"]
    assert rule["definition"]["actions"]["baseBlob"] == {
        "tierToCool": {"daysAfterModificationGreaterThan": 30},
        "tierToArchive": {"daysAfterModificationGreaterThan": 180},
        "delete": {"daysAfterModificationGreaterThan": 730},
    }
    (rule,) = recording.one("mlops-lifecycle-storage").inputs["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["azureml/"]
    assert rule["definition"]["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": 90}}}


def test_versions_of_blobs_can_be_switched_off_where_there_are_some():
    recording = run("local", models=[], storage={"versioning": False})
    assert recording.one("mlops-storage-account-blobs").inputs["isVersioningEnabled"] is False
    assert "isVersioningEnabled" not in recording.one("mlops-storage-lake-blobs").inputs
