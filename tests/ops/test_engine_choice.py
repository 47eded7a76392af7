"""Which engine runs: PATH, MLOPS_ENGINE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.engine import EMBEDDED, EngineError, choose

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def official(tmp_path: Path) -> Path:
    path = tmp_path / "pulumi"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_pulumi_on_path_is_the_engine(official: Path) -> None:
    engine = choose({"PATH": str(official.parent)})
    assert (engine.kind, engine.executable) == ("official", official)


def test_without_a_pulumi_on_path_the_embedded_engine_runs(tmp_path: Path) -> None:
    assert choose({"PATH": str(tmp_path)}).executable == EMBEDDED


def test_the_embedded_engine_on_path_is_still_the_embedded_engine() -> None:
    assert choose({"PATH": str(EMBEDDED.parent)}).kind == "embedded"


def test_mlops_engine_forces_the_embedded_engine(official: Path) -> None:
    assert choose({"PATH": str(official.parent), "MLOPS_ENGINE": "embedded"}).kind == "embedded"


def test_forcing_the_official_engine_without_one_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no pulumi is on PATH"):
        choose({"PATH": str(tmp_path), "MLOPS_ENGINE": "official"})


def test_an_engine_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="MLOPS_ENGINE=gpu is no engine"):
        choose({"PATH": "", "MLOPS_ENGINE": "gpu"})
