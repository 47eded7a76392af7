"""The process of a monitor's job: ``python -m local.azure.machine_learning.monitor_process REQUEST OUTPUT``.

REQUEST is a JSON file: ``{"signals": [{"name", "reference", "production", "since", "features", "categorical",
"thresholds"}]}`` with folders as paths, ``since`` an ISO 8601 time or null, and thresholds as in the schedule. Writes
``OUTPUT/{signal}.json`` for each signal, and ``OUTPUT/report.json``, which is the first one's.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.drift import Thresholds, compare
from ml.drift.table import TableError, read, read_collected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.drift import Report


def judge(signal: Mapping[str, Any]) -> Report:
    """The report of one signal."""
    since = signal["since"] and datetime.fromisoformat(signal["since"])
    production = Path(signal["production"])
    collected = any(production.rglob("*.jsonl"))
    return compare(
        read(signal["reference"]),
        read_collected(production, since=since) if collected else read(production),
        Thresholds.from_azure(signal["thresholds"]),
        features=signal["features"],
        categorical=signal["categorical"],
    )


def main(request: Path, output: Path) -> int:
    """Judges all signals; the exit code is 1 where data can't be read, said on stderr."""
    output.mkdir(parents=True, exist_ok=True)
    for number, signal in enumerate(json.loads(request.read_text())["signals"]):
        try:
            report = judge(signal)
        except (TableError, ValueError) as error:
            sys.stderr.write(f"Signal '{signal['name']}': {error}\n")
            return 1
        sys.stdout.write(f"Signal '{signal['name']}': {report.sentence}.\n")
        text = json.dumps(report.as_dict(), indent=1)
        (output / f"{signal['name']}.json").write_text(text)
        if number == 0:
            (output / "report.json").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
