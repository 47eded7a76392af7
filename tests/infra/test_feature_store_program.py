"""The feature store and what is in it, recorded."""

import uuid

import pytest
from recorded_program import SUBSCRIPTION, SUFFIX, run

from infra.access.role import Role

FEATURES = {
    "enabled": True,
    "onlineStore": {"enabled": True, "sku": "Basic", "capacity": 0},
    "entities": [
        {"name": "route", "indexColumns": [{"name": "origin"}, {"name": "year", "type": "Integer"}]}
    ],
    "featureSets": [
        {
            "name": "delays",
            "version": "2",
            "entities": ["route:1"],
            "specification": "features/delays/2",
            "materialization": {"store": "both", "every": "day", "startTime": "2026-12-01T03:00:00"},
        }
    ],
}


@pytest.fixture(scope="module")
def recording():
    return run("local", models=[], featureStore=FEATURES, observability={"diagnostics": True})


def test_a_feature_store_is_a_workspace_of_its_own_on_the_platforms_storage(recording):
    store = recording.one("mlops-feature-store-workspace").inputs
    assert (store["kind"], store["workspaceName"]) == ("FeatureStore", f"mlf-mlops-local-{SUFFIX}")
    assert store["storageAccount"] == recording.one("mlops-storage-account").id
    assert store["systemDatastoresAuthMode"] == "Identity"
    assert store["featureStoreSettings"] == {
        "computeRuntime": {"sparkRuntimeVersion": "3.4.0"},
        "offlineStoreConnectionName": "offline-store",
        "onlineStoreConnectionName": "online-store",
    }


def test_the_connections_name_the_stores_and_the_identity_that_opens_them(recording):
    offline = recording.one("mlops-feature-store-offline-store").inputs["properties"]
    online = recording.one("mlops-feature-store-online-store").inputs["properties"]
    assert offline["target"] == recording.one("mlops-feature-store-offline").id
    assert online["target"] == recording.one("mlops-online-store-cache").id
    assert [one["category"] for one in (offline, online)] == ["AzureDataLakeGen2", "Redis"]
    identity = recording.one("mlops-feature-store-identity")
    assert {one["credentials"]["resourceId"] for one in (offline, online)} == {identity.id}
    assert {one["authType"] for one in (offline, online)} == {"ManagedIdentity"}


def test_the_identity_that_computes_features_has_the_least(recording):
    principal = str(uuid.uuid5(uuid.NAMESPACE_URL, recording.one("mlops-feature-store-identity").id))
    granted = {
        (r.inputs["roleDefinitionId"].rsplit("/", 1)[1], r.inputs["scope"])
        for r in recording.of("authorization:RoleAssignment")
        if r.inputs["principalId"] == principal
    }
    assert granted == {
        (Role.AZUREML_DATA_SCIENTIST.value, recording.one("mlops-feature-store-workspace").id),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR.value, recording.one("mlops-storage-account").id),
        (Role.STORAGE_BLOB_DATA_READER.value, recording.one("mlops-storage-lake").id),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR.value, recording.one("mlops-feature-store-offline").id),
        (Role.CONTRIBUTOR.value, recording.one("mlops-online-store-cache").id),
    }


def test_the_cache_takes_tls_only(recording):
    cache = recording.one("mlops-online-store-cache").inputs
    assert cache["sku"] == {"name": "Basic", "family": "C", "capacity": 0}
    assert (cache["enableNonSslPort"], cache["minimumTlsVersion"]) == (False, "1.2")


def test_entities_are_there_before_the_feature_sets_about_them(recording):
    version = recording.one("mlops-features-delays-2")
    properties = version.inputs["properties"]
    assert {"mlops-features-entity-route-1", "mlops-features-delays"} <= recording.needs(version)
    assert properties["entities"] == ["azureml:route:1"]
    assert properties["specification"]["path"] == "azureml://datastores/lake/paths/features/delays/2"
    columns = recording.one("mlops-features-entity-route-1").inputs["properties"]["indexColumns"]
    assert columns == [
        {"columnName": "origin", "dataType": "String"},
        {"columnName": "year", "dataType": "Integer"},
    ]


def test_a_schedule_materializes_features_on_spark(recording):
    settings = recording.one("mlops-features-delays-2").inputs["properties"]["materializationSettings"]
    assert settings["storeType"] == "OnlineAndOffline"
    assert settings["resource"] == {"instanceType": "standard_e8s_v3"}
    assert settings["sparkConfiguration"]["spark.executor.instances"] == "2"
    assert settings["schedule"] == {
        "triggerType": "Recurrence",
        "frequency": "Day",
        "interval": 1,
        "startTime": "2026-12-01T03:00:00",
        "timeZone": "UTC",
    }


def test_feature_store_and_cache_are_logged(recording):
    watched = {r.inputs["resourceUri"] for r in recording.of("monitor:DiagnosticSetting")}
    assert recording.one("mlops-feature-store-workspace").id in watched
    assert recording.one("mlops-online-store-cache").id in watched


def test_a_given_cache_is_used_instead():
    given = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Cache/redis/shared"
    recording = run(
        "local", models=[], featureStore={"enabled": True, "onlineStore": {"enabled": True, "id": given}}
    )
    assert not recording.of("redis:Redis")
    assert recording.one("mlops-feature-store-online-store").inputs["properties"]["target"] == given
