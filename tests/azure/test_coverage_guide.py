"""The guide to local Azure says what the code serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.azure import coverage, providers
from local.azure.catalog import Catalog
from local.provider.facts import Facts

if TYPE_CHECKING:
    from running_azure import LocalAzure


def test_the_guides_tables_are_current() -> None:
    assert coverage.written() == coverage.tables(), "run `python -m local.azure.coverage --write`"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?P<vault>[a-z0-9-]+)\.vault\.azure\.net", "{vault}.vault.azure.net"),
        (r"/runs/(?P<run>[^/]+)/instances/\d+", "/runs/{run}/instances/*"),
        (r"(/subscriptions/(?P<subscription>[^/]+))?/providers", "/providers"),
        (r"/(secrets|deletedsecrets)/?", "/secrets|deletedsecrets"),
        (r"/(?P<path>score|swagger\.json)", "/score|swagger.json"),
    ],
)
def test_a_pattern_is_written_for_people(pattern: str, expected: str) -> None:
    assert coverage.readable(pattern) == expected


def test_the_tables_name_types_actions_and_hosts() -> None:
    tables = coverage.tables()
    assert (
        "| `Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments` | PUT GET list PATCH DELETE |"
        in tables
    )
    assert "`regenerateKeys`" in tables
    assert "`login.microsoftonline.com`" in tables


def _kinds() -> set[str]:
    """The ARM types that the local azure-native deploys."""
    facts = Facts.load()
    paths = [facts.resource(token).path for token in facts.tokens]
    parts = [path.rpartition("/providers/")[2].split("/") for path in paths if "/providers/" in path]
    return {"/".join([namespace, *rest[::2]]) for namespace, *rest in parts}


def test_what_the_local_provider_deploys_is_served_or_refused_by_name(local_azure: LocalAzure) -> None:
    catalog = Catalog(providers.load())
    lacking = {kind for kind in _kinds() if catalog.find(kind) is None}
    group = f"/subscriptions/{local_azure.subscription_id}/resourceGroups/any"
    for kind in sorted(lacking):
        namespace, *types = kind.split("/")
        named = "/".join(f"{type_}/any" for type_ in types)
        status, _, body = local_azure.arm(
            "GET", f"{group}/providers/{namespace}/{named}", api_version="2024-01-01"
        )
        assert (status, body["error"]["code"]) == (501, "NotSupportedByLocalAzure"), kind
        assert kind.lower() in body["error"]["message"].lower()
