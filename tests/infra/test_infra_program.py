import re

import pytest
from recorded_program import NAMED, SUBSCRIPTION, SUFFIX, TENANT, run

from infra.access.role import Role
from local.provider.check import failures
from local.provider.facts import Facts

STACKS = ["local", "dev", "prod"]
UNTAGGED = (
    "storage:BlobServiceProperties",
    "storage:BlobContainer",
    "storage:Queue",
    "authorization:RoleAssignment",
    "authorization:RoleDefinition",
    "authorization:PolicyAssignment",
    "authorization:ManagementLockByScope",
    "eventgrid:SystemTopicEventSubscription",
    "network:Subnet",
    "network:PrivateDnsZoneGroup",
    "monitor:DiagnosticSetting",
)
_runs = {}


@pytest.fixture(scope="module")
def recordings():
    """One run of the program per stack."""
    if not _runs:
        _runs.update({stack: run(stack) for stack in STACKS})
    return _runs


@pytest.fixture(params=STACKS)
def recording(request, recordings):
    return recordings[request.param]


def native(recording):
    return [r for r in recording.resources if r.type.startswith("azure-native:")]


def test_a_platform_with_one_model_is_about_sixty_resources(recording):
    more = ":(network|privatedns|monitor):|PolicyAssignment|ManagementLock"
    network = [r for r in native(recording) if re.search(more, r.type)]
    assert 40 <= len(native(recording)) - len(network) <= 70
    assert len(recording.resources) - len(network) <= 95


def test_every_name_keeps_azures_limits(recording):
    wrong = [
        r.physical_name for r in native(recording) if not re.fullmatch(NAMED[r.type][2], r.physical_name)
    ]
    assert wrong == []


def test_every_name_that_is_shared_with_the_world_or_kept_after_deletion_carries_the_suffix(recording):
    shared = ("ResourceGroup", "StorageAccount", "Vault", "Registry", "Workspace", "Component", "SystemTopic")
    found = [r for r in native(recording) if r.type.endswith(shared)]
    assert len(found) == 9
    assert all(r.physical_name.endswith(SUFFIX) for r in found)


def test_every_resource_that_can_be_tagged_is_tagged(recording):
    untagged = [
        r.name
        for r in native(recording)
        if not r.type.endswith(UNTAGGED)
        and not {"project", "environment", "owner", "cost-center", "managed-by"}
        <= {**(r.inputs.get("tags") or r.inputs["properties"]["tags"])}.keys()
    ]
    assert untagged == []


def test_no_input_holds_a_secret(recording):
    words = re.compile(
        r"password|accountkey|connectionstring|sastoken|clientsecret|sharedkey=", re.IGNORECASE
    )
    assert [r.name for r in native(recording) if words.search(repr(r.inputs))] == []


def test_nothing_is_open_to_the_public(recording):
    accounts = recording.of("storage:StorageAccount")
    assert [a.inputs["allowBlobPublicAccess"] for a in accounts] == [False, False]
    assert [a.inputs["minimumTlsVersion"] for a in accounts] == ["TLS1_2", "TLS1_2"]
    assert recording.of("storage:BlobContainer")[0].inputs["publicAccess"] == "None"
    assert recording.of("containerregistry:Registry")[0].inputs["adminUserEnabled"] is False
    for cluster in recording.of(":Compute")[1:]:
        assert cluster.inputs["properties"]["properties"]["remoteLoginPortPublicAccess"] == "Disabled"


def test_data_goes_to_an_account_with_a_hierarchical_namespace_and_the_workspace_to_one_without(recording):
    account, lake = recording.one("mlops-storage-account"), recording.one("mlops-storage-lake")
    assert not account.inputs["isHnsEnabled"]
    assert lake.inputs["isHnsEnabled"]
    workspace = recording.one("mlops-workspace-workspace")
    assert workspace.inputs["storageAccount"] == account.id
    assert recording.one("mlops-data-lake").inputs["properties"]["accountName"] == lake.physical_name


def test_blobs_that_were_deleted_come_back_and_versions_are_kept_where_azure_can(recording):
    kept = recording.one("mlops-storage-account-blobs").inputs
    lake = recording.one("mlops-storage-lake-blobs").inputs
    assert kept["isVersioningEnabled"]
    assert "isVersioningEnabled" not in lake
    assert kept["deleteRetentionPolicy"]["enabled"]
    assert lake["deleteRetentionPolicy"]["enabled"]


def test_application_insights_writes_to_our_log_analytics(recording):
    insights = recording.of("applicationinsights:Component")[0]
    assert insights.inputs["workspaceResourceId"] == recording.one("mlops-observability-log-analytics").id


def test_the_vault_is_governed_by_roles(recording):
    properties = recording.of("keyvault:Vault")[0].inputs["properties"]
    assert properties["enableRbacAuthorization"]
    assert properties["tenantId"] == TENANT
    assert "accessPolicies" not in properties


def test_the_workspace_acts_as_its_own_identity_and_keeps_no_keys(recording):
    inputs = recording.one("mlops-workspace-workspace").inputs
    identity = recording.one("mlops-identity-workspace").id
    keys = [r.id for r in recording.resources if r.name == "mlops-encryption-identity"]
    assert inputs["identity"] == {"type": "UserAssigned", "userAssignedIdentities": [identity, *keys]}
    assert inputs["primaryUserAssignedIdentity"] == identity
    assert inputs["systemDatastoresAuthMode"].lower() == "identity"
    assert inputs["v1LegacyMode"] is False


def test_the_workspaces_identity_has_its_roles_before_the_workspace_is_made(recording):
    needed = recording.needs(recording.one("mlops-workspace-workspace"))
    for role in (
        "storage-account-contributor-storage",
        "storage-blob-data-contributor-storage",
        "key-vault-contributor-vault",
        "key-vault-administrator-vault",
        "contributor-registry",
        "contributor-insights",
    ):
        assert f"mlops-access-workspace-{role}" in needed


def test_what_stands_on_the_workspace_waits_for_it(recording):
    for name in (
        "mlops-compute-cpu-cluster",
        "mlops-compute-gpu-cluster",
        "mlops-data-lake",
        "mlops-events-topic",
    ):
        assert "mlops-workspace-workspace" in recording.needs(recording.one(name))
    assert "mlops-data-lake" in recording.needs(recording.one("mlops-data-flights-2013.1"))


def test_a_model_waits_for_the_roles_of_its_endpoint_its_jobs_and_whoever_deploys(recording):
    endpoint = recording.needs(recording.one("flight-delay-endpoint"))
    assert "mlops-access-endpoint-acr-pull-registry" in endpoint
    assert "mlops-access-endpoint-storage-blob-data-contributor-storage" in endpoint
    assert "mlops-workspace-access-endpoint-azureml-metrics-writer-workspace" in endpoint
    model = recording.needs(recording.one("flight-delay-model"))
    assert "mlops-access-compute-storage-blob-data-contributor-lake" in model
    assert "mlops-data-flights-2013.1" in model
    files = recording.needs(recording.one("flight-delay-data"))
    assert any(
        re.search(r"mlops-access-(deployer|1.*)-storage-blob-data-contributor-lake", name) for name in files
    )


def test_clusters_scale_to_zero_and_the_gpu_cluster_is_low_priority(recording):
    cpu = recording.one("mlops-compute-cpu-cluster").inputs["properties"]["properties"]
    gpu = recording.one("mlops-compute-gpu-cluster").inputs["properties"]["properties"]
    assert cpu["scaleSettings"]["minNodeCount"] == gpu["scaleSettings"]["minNodeCount"] == 0
    assert re.fullmatch(r"PT\d+S", cpu["scaleSettings"]["nodeIdleTimeBeforeScaleDown"])
    assert cpu["vmPriority"] == "Dedicated"
    assert gpu["vmPriority"] == "LowPriority"


def test_a_cluster_has_user_assigned_identities_only(recording):
    for name in ("mlops-compute-cpu-cluster", "mlops-compute-gpu-cluster"):
        identity = recording.one(name).inputs["identity"]
        assert identity["type"] == "UserAssigned"
        assert identity["userAssignedIdentities"] == [recording.one("mlops-identity-compute").id]


def test_role_assignments_have_distinct_deterministic_names(recordings):
    first = {r.name: r.physical_name for r in recordings["local"].of("RoleAssignment")}
    again = {r.name: r.physical_name for r in run("local").of("RoleAssignment")}
    assert first == again
    assert len(set(first.values())) == len(first)


def test_role_assignments_say_what_kind_of_principal_they_are_for(recording):
    identities = {r.name.removeprefix("mlops-identity-") for r in recording.of("UserAssignedIdentity")}
    for assignment in recording.of("RoleAssignment"):
        if assignment.name == "mlops-encryption-key-user":
            assert assignment.inputs["principalType"] == "ServicePrincipal"
            continue
        who = re.sub(
            r"mlops-(?:workspace-|events-dead-letters-)?access-(.*?)-(storage|key|acr|azureml|contributor|reader|deploy|managed|callback).*",
            r"\1",
            assignment.name,
        )
        expected = "User" if who == "deployer" else "ServicePrincipal"
        assert assignment.inputs["principalType"] == expected
        assert who in identities | {"deployer", "10ca1000-0000-4000-8000-000000000004"}


def test_role_assignments_name_known_roles_and_the_narrowest_scope(recording):
    made = {r.physical_name for r in recording.of("RoleDefinition")}
    known = {role.value for role in Role} | made
    for assignment in recording.of("RoleAssignment"):
        role = assignment.inputs["roleDefinitionId"]
        assert role.startswith(
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
        )
        assert role.rsplit("/", 1)[1] in known
        if assignment.name.endswith("-callback-reader-resource-group"):
            continue  # Logic Apps are made with the models, after everything else
        # A resource, or a container of one.
        assert assignment.inputs["scope"].count("/") == 8 or "/containers/" in assignment.inputs["scope"]


def test_people_get_what_their_work_needs_and_no_more():
    group = "aaaaaaaa-1111-4222-8333-44444444444{}"
    access = {
        "principals": {
            "scientists": {"id": group.format(1)},
            "operators": {"id": group.format(2)},
            "readers": {"id": group.format(3)},
        },
        "table": [
            {"who": "scientists", "role": "data scientist"},
            {"who": "operators", "role": "compute operator"},
            {"who": "readers", "role": "reader"},
        ],
    }
    recording = run("local", access=access, models=[])
    granted = {}
    for assignment in recording.of("RoleAssignment"):
        role = Role(assignment.inputs["roleDefinitionId"].rsplit("/", 1)[1]).label
        target = assignment.inputs["scope"].split("/")[-2]
        granted.setdefault(assignment.inputs["principalId"], set()).add((role, target))
        if assignment.inputs["principalId"].startswith("aaaa"):
            assert assignment.inputs["principalType"] == "Group"
    assert granted[group.format(1)] == {
        ("azureml-data-scientist", "workspaces"),
        ("storage-blob-data-contributor", "storageAccounts"),
        ("storage-file-data-privileged-contributor", "storageAccounts"),
    }
    assert granted[group.format(2)] == {("azureml-compute-operator", "workspaces"), ("reader", "workspaces")}
    assert granted[group.format(3)] == {("reader", "workspaces")}


def test_no_identity_may_grant_roles_or_owns_anything(recording):
    forbidden = {"8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"}
    used = {r.inputs["roleDefinitionId"].rsplit("/", 1)[1] for r in recording.of("RoleAssignment")}
    assert not used & forbidden


def test_breaches_and_models_arrive_on_queues_of_their_own(recording):
    topic = recording.one("mlops-events-topic")
    assert topic.inputs["topicType"] == "Microsoft.MachineLearningServices.Workspaces"
    assert topic.inputs["source"] == recording.one("mlops-workspace-workspace").id
    breaches = recording.one("mlops-events-monitor-breaches").inputs
    models = recording.one("mlops-events-model-changes").inputs
    assert breaches["filter"]["includedEventTypes"] == ["Microsoft.MachineLearningServices.RunStatusChanged"]
    assert breaches["filter"]["advancedFilters"] == [
        {
            "operatorType": "StringContains",
            "key": "data.RunTags.azureml_modelmonitor_threshold_breached",
            "values": ["has failed due to one or more features violating metric thresholds"],
        }
    ]
    assert models["filter"]["includedEventTypes"] == [
        "Microsoft.MachineLearningServices.ModelRegistered",
        "Microsoft.MachineLearningServices.ModelDeployed",
    ]
    for subscription in (breaches, models):
        delivery = subscription["deliveryWithResourceIdentity"]
        assert delivery["identity"]["userAssignedIdentity"] == recording.one("mlops-identity-events").id
        assert delivery["destination"]["resourceId"] == recording.one("mlops-storage-account").id
        assert subscription["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}


def test_the_datastore_of_the_lake_holds_no_keys(recording):
    properties = recording.one("mlops-data-lake").inputs["properties"]
    assert properties["datastoreType"] == "AzureDataLakeGen2"
    assert properties["credentials"] == {"credentialsType": "None"}


def test_a_data_assets_version_points_to_its_folder_in_the_lake(recording):
    version = recording.one("mlops-data-flights-2013.1").inputs
    assert version["properties"]["dataUri"] == "azureml://datastores/lake/paths/flights/2013.1/"
    assert version["properties"]["dataType"] == "uri_folder"


def test_production_keeps_what_holds_data(recordings):
    kept = {r.name for r in native(recordings["prod"]) if r.protect}
    assert kept == {
        "mlops-group",
        "mlops-workspace-workspace",
        "mlops-storage-account",
        "mlops-storage-lake",
        "mlops-storage-lake-data",
        "mlops-vault-vault",
        "mlops-registry-registry",
        "mlops-observability-log-analytics",
    }
    assert not [r.name for r in native(recordings["local"]) + native(recordings["dev"]) if r.protect]


def test_production_answers_through_private_endpoints_only(recordings):
    prod = recordings["prod"]
    assert prod.one("mlops-workspace-workspace").inputs["publicNetworkAccess"] == "Disabled"
    # Azure's own builders can't reach a closed registry.
    assert prod.one("mlops-workspace-workspace").inputs["imageBuildCompute"] == "cpu-cluster"
    assert prod.of("containerregistry:Registry")[0].inputs["sku"] == {"name": "Premium"}
    assert prod.of("keyvault:Vault")[0].inputs["properties"]["enablePurgeProtection"]
    for account in prod.of("storage:StorageAccount"):
        assert account.inputs["publicNetworkAccess"] == "Disabled"
        assert account.inputs["networkRuleSet"]["defaultAction"] == "Deny"
        assert account.inputs["allowSharedKeyAccess"] is False


def test_every_resource_has_a_parent_that_is_a_component_of_ours(recording):
    for resource in native(recording):
        assert re.search(r"mlops:infra:\w+::", resource.parent)
        assert resource.name.startswith(resource.parent.rsplit("::", 1)[1])


def test_a_suffix_that_the_stack_fixes_ends_every_name():
    recording = run("local", suffix="zzz999", models=[])
    assert recording.one("mlops-group").physical_name == "rg-mlops-local-zzz999"


def test_a_platform_without_models_stands_by_itself():
    recording = run("local", models=[])
    assert recording.of("DataVersion") == []
    assert recording.outputs.keys() >= {"resourceGroup", "workspace", "location", "models"}


def test_whoever_runs_the_program_is_asked_for_only_where_the_stack_lists_nobody(recordings):
    assert recordings["local"].calls == []
    assert recordings["dev"].calls == ["azure-native:authorization:getClientConfig"]


def whole(value):
    """Numbers as the program wrote them: the mocked engine hands all of them over as floats."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_azure_knows_every_property_and_misses_none(recording):
    facts = Facts.load()
    wrong = {
        resource.name: found
        for resource in native(recording)
        if (found := failures(facts, facts.resource(resource.type), whole(resource.inputs)))
    }
    assert wrong == {}
