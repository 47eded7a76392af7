"""The demo, as people run it: a model's life from its first deployment to a rollback, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.stack import clean_environment

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / ".local"


@pytest.fixture(scope="module")
def told(root: Path) -> Generator[str]:
    """What ``python -m local demo`` printed."""
    environ = {**clean_environment(os.environ), "MLOPS_LOCAL_DIR": str(root), "MLOPS_ENGINE": "embedded"}
    command = [sys.executable, "-m", "local", "demo"]
    try:
        result = subprocess.run(
            command, cwd=_REPOSITORY, env=environ, capture_output=True, text=True, timeout=840, check=False
        )
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
        yield result.stdout
    finally:
        stop = {**environ, "MLOPS_LOCAL_DIR": str(root / "demo")}
        subprocess.run([sys.executable, "-m", "local", "stop"], cwd=_REPOSITORY, env=stop, check=False)


def test_drift_event_retraining_gate_canary_and_rollback_happen_in_this_order(told: str) -> None:
    acts = (
        r"the monitor: \d of \d judged features drifted: .*departure_delay",
        r"Event Grid delivered RunStatusChanged; the Logic App submitted the retraining job",
        r"job flight-delay-\w{12}-1 passed the gate",
        r"m-\w{8} gets 10 % of the requests",
        r"m-\w{8} gets 50 % of the requests",
        r"m-\w{8} gets 100 % of the requests",
        r"m-\w{8} was rolled back at 10 %: \d+ of \d+ live requests failed",
        r"the stack is whole again; m-\w{8} serves",
        r"Done in \d+ s: [\d,]+ requests, \d+ of them failed \(all at the bad candidate\)",
    )
    at = 0
    for act in acts:
        found = re.compile(act).search(told, at)
        assert found, f"{act} isn't in what came after {told[max(0, at - 200) : at]!r}:\n{told}"
        at = found.end()


def test_the_report_has_the_traffic_the_verdict_and_the_drift(told: str, root: Path) -> None:
    assert "Report" in told
    folder = root / "demo" / "report"
    page = (folder / "index.html").read_text()
    assert '<svg class="traffic"' in page
    assert "Passed: no worse than the champion" in page
    assert "departure_delay" in (folder / "drift.html").read_text()


def test_nothing_runs_on_when_it_is_over(told: str, root: Path) -> None:
    assert told
    status = subprocess.run(
        [sys.executable, "-m", "local", "status"],
        cwd=_REPOSITORY,
        env={**clean_environment(os.environ), "MLOPS_LOCAL_DIR": str(root / "demo")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert status.returncode == 3, status.stdout
