"""The whole path as a user walks it: up, look, up again, kill, up again, down.

The tests share one stack and run in this order, in one worker (a file is one worker's).
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Deployed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_REPOSITORY = Path(__file__).resolve().parents[2]
_NOTHING = "nothing to change"


def test_up_ends_with_the_endpoint_a_prediction_and_the_monitors_finding(first_up: str) -> None:
    assert re.search(
        r"Endpoint\s+https://flight-delay-\w{6}\.westeurope\.inference\.ml\.azure\.com/score", first_up
    )
    assert re.search(r"Prediction\s+.* \d+% likely to arrive more than 15 min late", first_up)
    assert re.search(r"Monitor\s+\d of \d judged features drifted: .*departure_delay", first_up)
    assert "make down" in first_up


def test_up_again_changes_nothing(deployed: Deployed) -> None:
    again = deployed.local("up").stdout
    assert _NOTHING in again
    assert "Prediction" in again


def test_a_preview_says_that_nothing_would_change(deployed: Deployed) -> None:
    deployed.local("pulumi", "preview", "--expect-no-changes")


def test_a_refresh_finds_nothing_changed(deployed: Deployed) -> None:
    result = deployed.local("pulumi", "refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.search(r"Resources:\n +\d+ unchanged\n", result.stdout), result.stdout


def test_commands_on_the_stack_alone_need_no_stack_named(deployed: Deployed) -> None:
    assert "flight-delay-endpoint" in deployed.local("pulumi", "stack").stdout
    workspace = deployed.local("pulumi", "stack", "output", "workspace").stdout.strip()
    assert workspace == json.loads((deployed.root / "stack.json").read_text())["workspace"]


def test_an_unmodified_ml_client_lists_invokes_and_reads_traffic(deployed: Deployed, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(
        "import json, os, sys\n"
        "from azure.ai.ml import MLClient\n"
        "from azure.identity import EnvironmentCredential\n"
        "client = MLClient(EnvironmentCredential(), os.environ['AZURE_SUBSCRIPTION_ID'],\n"
        "                  os.environ['AZURE_RESOURCE_GROUP'], os.environ['AZURE_WORKSPACE_NAME'])\n"
        "(endpoint,) = client.online_endpoints.list()\n"
        "request = json.load(open(sys.argv[1]))['request']\n"
        "body = sys.argv[2]\n"
        "json.dump(request, open(body, 'w'))\n"
        "answer = json.loads(client.online_endpoints.invoke(endpoint.name, request_file=body))\n"
        "model = client.models.get('flight-delay', label='latest')\n"
        "print(json.dumps({'traffic': endpoint.traffic, 'answer': answer, 'tags': model.tags}))\n"
    )
    smoke = _REPOSITORY / "models" / "flight_delay" / "smoke.json"
    result = subprocess.run(
        [sys.executable, str(script), str(smoke), str(tmp_path / "request.json")],
        env=deployed.client_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    assert list(seen["traffic"].values()) == [100]
    assert [row["late"] for row in seen["answer"]] == [False, True]
    assert seen["tags"]["DataLineageVersion"] == "flights:2013.1"
    assert 0.8 < float(seen["tags"]["auc"]) < 1


def test_a_folder_of_flights_becomes_one_file_of_predictions(deployed: Deployed, tmp_path: Path) -> None:
    with gzip.open(_REPOSITORY / "models" / "flight_delay" / "data" / "2013-04.csv.gz", "rt") as stream:
        header, *flights = csv.reader(stream)
    folder = tmp_path / "flights"
    folder.mkdir()
    days = {f"2013-04-{day:02}.csv": [row for row in flights if int(row[2]) == day] for day in range(1, 6)}
    for name, rows in days.items():
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "ops",
            "score",
            "flight_delay",
            str(folder),
            "-o",
            "predictions.csv",
            "--json",
        ],
        cwd=tmp_path,
        env={**deployed.client_environ(), "PYTHONPATH": str(_REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["files"], told["rows"]) == (5, sum(map(len, days.values())))
    with (tmp_path / "predictions.csv").open() as stream:
        scored = list(csv.reader(stream))
    # A file's flights in their order, each once.
    for name, rows in days.items():
        assert [int(row) for file, row, *_ in scored if file == name] == list(range(len(rows)))
    delay = header.index("arr_delay")
    arrived = [
        (float(days[file][int(row)][delay]) > 15, float(probability))
        for file, row, probability, _ in scored
        if days[file][int(row)][delay] != "NA"
    ]
    late, in_time = ([probability for was, probability in arrived if was is late] for late in (True, False))
    assert sum(late) / len(late) > 3 * sum(in_time) / len(in_time)


def test_the_drift_report_is_a_page_of_the_monitored_features(deployed: Deployed, tmp_path: Path) -> None:
    page = tmp_path / "drift.html"
    subprocess.run(
        [sys.executable, "-m", "ml.drift", "report", "--html", str(page)],
        cwd=_REPOSITORY,
        env=deployed.client_environ(),
        check=True,
        capture_output=True,
    )
    text = page.read_text()
    assert "departure_delay" in text
    assert "<svg" in text


def test_local_azure_killed_and_started_again_has_lost_nothing(deployed: Deployed) -> None:
    os.kill(deployed.server()["pid"], signal.SIGKILL)
    deployed.local("start")
    assert _NOTHING in deployed.local("up").stdout


def test_no_secret_is_in_the_state(deployed: Deployed) -> None:
    state = (deployed.root / "state" / ".pulumi" / "stacks" / "mlops" / "local.json").read_text()
    identity = json.loads((deployed.root / "identity.json").read_text())
    secrets = [value for value in identity.values() if isinstance(value, str)]
    assert secrets
    assert not [value for value in secrets if value in state]
    assert "accountKey" not in state
    assert "primaryKey" not in state


def test_down_destroys_the_stack_and_leaves_no_process(deployed: Deployed) -> None:
    down = deployed.local("down").stdout
    assert "deleted" in down
    _, alive = psutil.wait_procs(deployed.processes(), timeout=10)
    assert alive == []


def test_down_again_is_fine(deployed: Deployed) -> None:
    assert "nothing was deployed" in deployed.local("down").stdout


def test_clean_leaves_no_file(deployed: Deployed) -> None:
    deployed.local("clean")
    assert not deployed.root.exists()
