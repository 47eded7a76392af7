"""The guide to local Azure says what the code serves."""

from __future__ import annotations

import pytest

from local.azure import coverage


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
    assert "`workspaces/onlineEndpoints/deployments`" in tables
    assert "`regenerateKeys`" in tables
    assert "`login.microsoftonline.com`" in tables
