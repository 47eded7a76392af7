"""What ``make up`` shows of the sample model: a prediction, and what the monitor finds in later months' flights.

The first time a deployment is seen, flights of months it wasn't trained on go through the endpoint, as users would
send them; its data collector keeps them, and the model monitor is run on what was collected.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.endpoint import WorkspaceClient
from local.settings import REPOSITORY, LocalDir

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "flight_delay"
MONTHS = (6, 7)
ROWS, ROWS_PER_REQUEST = 2000, 100
_SEED = 13
_FOLDER = REPOSITORY / "models" / MODEL


@dataclass(frozen=True)
class Outcome:
    """What was asked and answered. ``finding`` is the monitor's sentence."""

    url: str
    flight: dict[str, Any]
    answer: dict[str, Any]
    deployment: str
    finding: str
    drifted: bool


def recorded(directory: LocalDir) -> dict[str, Any]:
    """What an earlier ``up`` noted about the deployed stack; empty if there is none (or it can't be read)."""
    try:
        noted = json.loads(directory.stack.read_text())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def record(directory: LocalDir, **changes: Any) -> None:
    """Notes facts about the deployed stack, for ``local env`` and for the next ``up``."""
    part = directory.stack.with_name("stack.json.part")
    part.write_text(json.dumps({**recorded(directory), **changes}, indent=2) + "\n")
    part.replace(directory.stack)


async def try_out(directory: LocalDir, azure: Mapping[str, str], outputs: Mapping[str, Any]) -> Outcome:
    """Scores one flight; replays later months and runs the monitor if that wasn't done for this deployment.

    Raises:
        EndpointError: local Azure, the endpoint or the monitor's run failed.
    """
    served = outputs["models"][MODEL]
    async with WorkspaceClient(azure, outputs["resourceGroup"], outputs["workspace"]) as client:
        known = json.loads((_FOLDER / "smoke.json").read_text())["request"]["data"][-1]
        flight = {**known, "departure_delay": 20}  # a flight that could still make it
        (scored,) = await client.score(served["endpoint"], [{"data": [flight]}])
        finding: dict[str, Any] = recorded(directory).get("finding") or {}
        if finding.get("deployment") != served["deployment"]:
            await client.score(served["endpoint"], later_flights())
            report = await client.run_monitor(served["monitor"])
            finding = {key: report[key] for key in ("sentence", "drifted")} | {
                "deployment": served["deployment"]
            }
            record(directory, finding=finding)
    return Outcome(
        url=served["scoringUri"],
        flight=flight,
        answer=scored.answer[0],
        deployment=scored.deployment,
        finding=finding["sentence"],
        drifted=bool(finding["drifted"]),
    )


def later_flights() -> list[dict[str, Any]]:
    """Request bodies with a sample of the flights of ``MONTHS``; the same ones every time."""
    import pandas as pd  # noqa: PLC0415 (half a second that only the first run needs)

    from models.flight_delay.src.features import from_flights  # noqa: PLC0415

    files = [_FOLDER / "data" / f"2013-{month:02}.csv.gz" for month in MONTHS]
    flights = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    departed = flights.dropna(subset=["dep_delay"]).sample(ROWS, random_state=_SEED)
    features = from_flights(departed)
    rows = features.astype(object).where(features.notna(), None).to_dict(orient="records")
    return [{"data": rows[at : at + ROWS_PER_REQUEST]} for at in range(0, len(rows), ROWS_PER_REQUEST)]
