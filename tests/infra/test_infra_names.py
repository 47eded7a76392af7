import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import names
from infra.access.identity import PURPOSES
from infra.events.system_topic import BREACH_QUEUE, MODEL_QUEUE

parts = st.from_regex(names.PART_PATTERN, fullmatch=True)
suffixes = st.from_regex(names.SUFFIX_PATTERN, fullmatch=True)
platforms = st.builds(names.Names, parts, parts, suffixes)
guids = st.uuids().map(str)
scopes = guids.map(lambda guid: f"/subscriptions/{guid}/resourceGroups/g")


@given(platforms)
def test_every_name_keeps_azures_limits(platform):
    limits = {
        platform.resource_group: r"[\w.()-]{1,90}",
        platform.workspace: r"[a-zA-Z0-9][\w-]{2,32}",
        platform.storage_account: r"[a-z0-9]{3,24}",
        platform.lake_account: r"[a-z0-9]{3,24}",
        platform.dashboard: r"[a-zA-Z0-9-]{3,24}",
        platform.vault: r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
        platform.registry: r"[a-zA-Z0-9]{5,50}",
        platform.log_analytics: r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
        platform.application_insights: r"[\w-]{1,260}",
        platform.system_topic: r"[a-zA-Z0-9-]{3,50}",
        platform.virtual_network: r"[a-zA-Z0-9][\w.-]{0,62}\w",
        platform.nat_gateway: r"[a-zA-Z0-9][\w.-]{0,78}\w",
        platform.public_ip: r"[a-zA-Z0-9][\w.-]{0,78}\w",
        platform.security_group("endpoints"): r"[a-zA-Z0-9][\w.-]{0,78}\w",
        platform.private_endpoint("storage-queue"): r"[a-zA-Z0-9][\w.-]{0,62}\w",
        **{platform.identity(purpose): r"[a-zA-Z0-9][\w-]{2,127}" for purpose in PURPOSES},
    }
    assert [name for name, limit in limits.items() if not re.fullmatch(limit, name)] == []
    assert len(limits) == 15 + len(PURPOSES)


@given(platforms)
def test_a_platforms_names_all_end_with_its_suffix(platform):
    kinds = [name for name, value in vars(names.Names).items() if isinstance(value, property)]
    assert len(kinds) > 12
    assert all(getattr(platform, kind).endswith(platform.suffix) for kind in kinds)


@given(platforms, platforms)
def test_two_suffixes_never_share_a_name(one, other):
    if one.suffix != other.suffix:
        assert one.storage_account != other.storage_account
        assert one.vault != other.vault
        assert one.registry != other.registry


def test_a_vault_keeps_its_hyphens_where_they_fit():
    assert names.Names("mlops", "local", "abc123").vault == "kv-mlops-local-abc123"
    assert names.Names("platform", "staging", "abc123").vault == "kvplatformstagingabc123"
    assert names.Names("platform", "producta", "abc123").dashboard == "dbplatformproductaabc123"


def test_queues_keep_azures_limits():
    assert all(re.fullmatch(r"[a-z0-9](?!.*--)[a-z0-9-]{2,62}", name) for name in (BREACH_QUEUE, MODEL_QUEUE))


@given(scopes, guids, guids)
def test_a_role_assignment_has_the_same_guid_however_the_ids_are_spelled(scope, principal, role):
    name = names.role_assignment(scope, principal, role)
    assert str(uuid.UUID(name)) == name
    assert names.role_assignment(scope.upper(), principal.upper(), role.upper()) == name


@given(scopes, scopes, guids, guids)
def test_role_assignments_of_different_scopes_or_principals_differ(scope, other_scope, principal, role):
    if scope != other_scope:
        assert names.role_assignment(scope, principal, role) != names.role_assignment(
            other_scope, principal, role
        )
    assert names.role_assignment(scope, principal, role) != names.role_assignment(scope, role, principal) or (
        principal == role
    )


def test_role_assignment_names_never_change():
    # Another GUID would replace every assignment of every stack.
    scope = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g"
    name = names.role_assignment(
        scope, "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
    )
    assert name == "48991dc0-4522-5155-9922-7918032f7d4f"


@given(guids)
def test_a_role_definitions_id_is_below_its_subscription(role):
    subscription = "00000000-0000-0000-0000-000000000000"
    id_ = names.role_definition_id(subscription, role)
    assert names.subscription_of(id_) == subscription
    assert id_.endswith(f"/providers/Microsoft.Authorization/roleDefinitions/{role}")


def test_an_id_outside_of_subscriptions_is_refused():
    with pytest.raises(ValueError, match="not the id of something in a subscription"):
        names.subscription_of("/providers/Microsoft.Authorization/roleDefinitions/x")


def test_the_platforms_own_tags_win():
    tags = names.tags(
        project="mlops", environment="dev", owner="us", cost_center="1", more={"owner": "them", "team": "a"}
    )
    assert tags == {
        "project": "mlops",
        "environment": "dev",
        "owner": "us",
        "cost-center": "1",
        "managed-by": "pulumi",
        "team": "a",
    }


def test_a_data_assets_uri_is_its_folder_in_the_lake():
    assert names.data_uri("lake", "flights", "2013.1") == "azureml://datastores/lake/paths/flights/2013.1/"
