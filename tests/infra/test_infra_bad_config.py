"""Configurations that can't be used: `bad_configurations.yaml` says exactly what is said of each.

The rooms' own tables (`test_compute_config.py`, `test_events_config.py`, ...) have more of them.
"""

from pathlib import Path

import pytest
import yaml

from infra.config import ConfigError, parse

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}
TABLE = yaml.safe_load((Path(__file__).parent / "bad_configurations.yaml").read_text())
ROWS = [(kind, row) for kind, rows in TABLE.items() for row in rows]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{kind}-{row['says']}"[:90]) for kind, row in ROWS])
def test_what_is_wrong_with_a_configuration_is_said_in_one_line_a_mistake(row):
    values = {
        key: value for key, value in {**LEAST, **row["says"]}.items() if value is not None or key not in LEAST
    }
    with pytest.raises(ConfigError) as caught:
        parse(values)
    assert str(caught.value).splitlines() == row["lines"]


def test_there_are_more_than_sixty():
    assert len({str(row["says"]) for _, row in ROWS}) >= 60


def test_the_least_configuration_itself_can_be_used():
    parse(LEAST)
