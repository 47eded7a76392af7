"""What is said about wrong settings of workspace, encryption, data, feature store and shared registry."""

import pytest

from infra.config import ConfigError, parse

GOOD = {"environment": "dev", "location": "westeurope", "owner": "team", "costCenter": "1"}
HUB = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/mlw-hub"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-keys"
KEY = f"https://kv-keys.vault.azure.net/keys/ml/{'0' * 32}"


def store(**changes):
    return {"data": {"datastores": [{"name": "raw", "type": "blob", "container": "raw", **changes}]}}


def rule(**changes):
    return {"data": {"lifecycle": [{"name": "old", "deleteAfterDays": 100, **changes}]}}


def asset(*several):
    return {"data": {"assets": [{"name": "flights", "path": "f/", **one} for one in several]}}


def features(**changes):
    entity = {"name": "route", "indexColumns": [{"name": "origin"}]}
    one = {"name": "delays", "entities": ["route:1"], "specification": "features/delays/1"}
    return {"featureStore": {"enabled": True, "entities": [entity], "featureSets": [one], **changes}}


MISTAKES = [
    (
        features(enabled=False, featureSets=[]),
        (
            "featureStore.entities: given while featureStore.enabled is false, so it would have no effect; write enabled: "
            "true"
        ),
    ),
    (
        features(entities=[]),
        (
            "featureStore.featureSets: delays is about route:1, which this store doesn't have; write one of "
            "featureStore.entities"
        ),
    ),
    (
        features(entities=[{"name": "route", "indexColumns": [{"name": "origin"}]}] * 2),
        "featureStore.entities: route:1 is listed twice, and a version never changes what it says; number one anew",
    ),
    (
        features(entities=[{"name": "route", "indexColumns": []}], featureSets=[]),
        (
            "featureStore.entities[0].indexColumns: [] can't be used: feature sets are joined to what they describe by these "
            "columns; write a list of mappings with name and type, at least one"
        ),
    ),
    (
        features(
            featureSets=[
                {
                    "name": "delays",
                    "entities": ["route:1"],
                    "specification": "f",
                    "materialization": {"store": "online"},
                }
            ]
        ),
        (
            "featureStore.featureSets: delays is kept in an online store, and this store has none; write "
            "onlineStore.enabled: true, or store: offline"
        ),
    ),
    (
        features(
            featureSets=[
                {
                    "name": "delays",
                    "entities": ["route:1"],
                    "specification": "f",
                    "materialization": {"every": "day"},
                }
            ]
        ),
        (
            "featureStore.featureSets[0].materialization: every is given while store is none, so there is nothing to compute "
            "on schedule; write store: offline"
        ),
    ),
    (
        features(onlineStore={"enabled": True, "name": "my--cache"}),
        (
            "featureStore.onlineStore.name: 'my--cache' can't be used: it is a host name below redis.cache.windows.net, the "
            "same for everybody; write 1 to 63 letters, digits and single hyphens, none at either end, or leave the key out"
        ),
    ),
    (
        features(onlineStore={"enabled": True, "sku": "Premium", "capacity": 0}),
        (
            "featureStore.onlineStore: a Premium cache of capacity 0 doesn't exist; write capacity 1 to 5, or sku: Standard"
        ),
    ),
    (
        {
            **features(onlineStore={"enabled": True}),
            "network": {"mode": "private"},
            "registry": {"sku": "Premium"},
        },
        (
            "featureStore.onlineStore.enabled: true while network.mode is private: no private endpoint of the platform leads "
            "to a cache; write the id of one that the network reaches, or false"
        ),
    ),
    (
        {"workspace": {"kind": "project"}},
        (
            "workspace: kind is project and hub is missing, and a project has no storage, vault or registry of its own; write the "
            "hub's id, or kind: default"
        ),
    ),
    (
        {"workspace": {"hub": HUB}},
        "workspace: hub is given while kind is default, and only a project has one; write kind: project, or remove hub",
    ),
    (
        {"workspace": {"kind": "hub"}},
        "workspace: kind is hub without projects, and models and endpoints are in projects; list at least one project",
    ),
    (
        {"workspace": {"projects": ["delay"]}},
        "workspace: projects are listed while kind is default, and only a hub has them; write kind: hub",
    ),
    (
        {"workspace": {"kind": "hub", "projects": ["a", "b", "a"]}},
        "workspace: the project a is listed twice, and one name can't be two workspaces; list it once",
    ),
    (
        {"workspace": {"kind": "hub", "projects": ["toolong"]}},
        (
            "workspace.projects[0]: 'toolong' can't be used: each becomes a workspace of the hub, with the label in its name; "
            "write a list of labels of 1 to 6 lowercase letters and digits, a letter first"
        ),
    ),
    (
        {"encryption": {"keys": "customer"}, "registry": {"sku": "Premium"}},
        (
            "encryption.keys: customer while vault.purgeProtection is false: Azure takes no key from a vault that can lose it, as "
            "everything encrypted with it would be lost too; write vault.purgeProtection: true"
        ),
    ),
    (
        {
            "encryption": {"keys": "customer"},
            "vault": {"purgeProtection": True},
            "registry": {"sku": "Basic"},
        },
        (
            "encryption.keys: customer while registry.sku is Basic: only Premium registries are encrypted with a key of yours; "
            "write registry.sku: Premium"
        ),
    ),
    (
        {"encryption": {"key": KEY, "vaultId": VAULT}},
        "encryption: a key is named while keys is microsoft, so nothing would be encrypted with it; write keys: customer",
    ),
    (
        {"encryption": {"keys": "customer", "key": KEY}, "registry": {"sku": "Premium"}},
        (
            "encryption: a given key needs key and vaultId, else nothing may open it; write both, or neither for a key of the "
            "platform's own"
        ),
    ),
    (
        {
            "encryption": {"keys": "customer", "key": KEY.replace("kv-keys", "kv-else"), "vaultId": VAULT},
            "registry": {"sku": "Premium"},
        },
        "encryption: the key isn't in the vault kv-keys, so the grant there wouldn't open it; write the id of the key's vault",
    ),
    (
        {"encryption": {"keys": "customer", "key": KEY.rsplit("/", 1)[0], "vaultId": VAULT}},
        (
            "encryption.key: 'https://kv-keys.vault.azure.net/keys/ml' can't be used: the workspace is encrypted with one version "
            "of a key; write https://VAULT.vault.azure.net/keys/NAME/VERSION, or leave the key out and the platform makes one in "
            "its vault"
        ),
    ),
    (
        {"encryption": {"rotateAfterDays": 7}},
        (
            "encryption.rotateAfterDays: 7 can't be used: Key Vault makes a new version of the key after so many days, at least "
            "28; write a whole number from 28 to 3650, or null to rotate by hand"
        ),
    ),
    (
        store(type="file", account="lake"),
        (
            "data.datastores[0]: the datastore raw is a file share on the lake, whose hierarchical namespace is for blobs: nobody "
            "has a role on its shares, and no private endpoint leads there; write account: storage"
        ),
    ),
    (
        store(type="adls", account="storage"),
        (
            "data.datastores[0]: the datastore raw is adls on the workspace's account, which has no hierarchical namespace and "
            "can't get one; write account: lake, or type: blob"
        ),
    ),
    (
        store(name="workspaceblobstore"),
        (
            "data.datastores[0]: the name workspaceblobstore is a datastore that every workspace of this platform has; write "
            "another name"
        ),
    ),
    (
        store(account="partnerdata"),
        (
            "data.datastores[0]: the datastore raw is on the given account partnerdata, which isn't found without its group; write "
            "resourceGroup"
        ),
    ),
    (
        store(resourceGroup="rg"),
        (
            "data.datastores[0]: the datastore raw is on the platform's account, so resourceGroup and subscription would have no "
            "effect; remove them, or name another account"
        ),
    ),
    (
        {"data": {"datastores": [{"name": "raw", "type": "blob", "container": c} for c in ("one", "two")]}},
        "data.datastores: raw is listed twice, and a workspace has one datastore of a name; rename one",
    ),
    (
        rule(coolAfterDays=200),
        (
            "data.lifecycle[0]: the rule old has deleteAfterDays 100, not after coolAfterDays 200, so that step would never be "
            "taken; write more than 200 days"
        ),
    ),
    (
        rule(deleteAfterDays=None),
        (
            "data.lifecycle[0]: the rule old does nothing, and Azure refuses it; write one of coolAfterDays, coldAfterDays, "
            "archiveAfterDays, deleteAfterDays or deleteVersionsAfterDays"
        ),
    ),
    (
        rule(deleteVersionsAfterDays=5),
        (
            "data.lifecycle[0]: the rule old deletes versions on the lake, and an account with a hierarchical namespace has none; "
            "remove deleteVersionsAfterDays, or write account: storage"
        ),
    ),
    (
        {**rule(archiveAfterDays=50), "storage": {"redundancy": "ZRS"}},
        (
            "data.lifecycle: the rule old archives while storage.redundancy is ZRS, and accounts with zone redundancy have no "
            "archive tier; write coldAfterDays instead, or storage.redundancy: GRS"
        ),
    ),
    (
        asset({}, {"path": "g/"}),
        "data.assets: version 1 of flights is listed twice, and a version refers to one thing; number one anew",
    ),
    (
        asset({"datastore": "gold"}),
        "data.assets: flights is on the datastore gold, which this stack doesn't have; write one of lake",
    ),
    (
        asset({}, {"version": "2", "type": "file"}),
        (
            "data.assets: flights is a folder in one version and a file in another, and Azure ML refuses that; give the file "
            "another name"
        ),
    ),
    (
        asset({"path": "/f"}),
        (
            "data.assets[0].path: '/f' can't be used: it is what the version refers to, below the datastore; write a path without "
            "a leading slash such as flights/2026/"
        ),
    ),
]


@pytest.mark.parametrize(("values", "message"), MISTAKES)
def test_a_mistake_is_one_line_with_the_key_the_harm_and_the_remedy(values, message):
    with pytest.raises(ConfigError) as error:
        parse({**GOOD, **values})
    assert str(error.value) == f"mlops:{message}"
