"""The guide to local Azure says what the code serves."""

from __future__ import annotations

import pytest

from local.azure import coverage, providers
from local.azure.catalog import Catalog
from local.provider.facts import Facts


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


def test_every_type_that_the_local_provider_deploys_is_served() -> None:
    facts, catalog = Facts.load(), Catalog(providers.load())
    missing: set[str] = set()
    for token in facts.tokens:
        path = facts.resource(token).path
        namespace, *rest = path.rpartition("/providers/")[2].split("/")
        kind = (
            "/".join([namespace, *rest[::2]])
            if "/providers/" in path
            else "Microsoft.Resources/resourceGroups"
        )
        if catalog.find(kind) is None:
            missing.add(kind)
    assert not missing
