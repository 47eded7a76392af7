"""The cases recorded from the official engine, through the Automation API as a user's own tool would."""

import importlib.util
import json
from pathlib import Path

import pytest
from pulumi import automation

REPOSITORY = Path(__file__).resolve().parents[2]
CONFORMANCE = REPOSITORY / "tests" / "conformance"
CASES = sorted(path.parent.name for path in (CONFORMANCE / "cases").glob("*/case.json"))


def _runner():
    spec = importlib.util.spec_from_file_location("conformance_run", CONFORMANCE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_has_the_same_outcome(
    name: str, tmp_path: Path, warm_engine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in warm_engine.items():
        monkeypatch.setenv(variable, value)
    runner = _runner()
    folder = CONFORMANCE / "cases" / name
    command = automation.PulumiCommand(root=str(REPOSITORY / "local"))
    seen = runner.Case(folder, tmp_path).run(command)
    expected = json.loads((folder / "expected.json").read_text())
    assert list(runner.differences(expected, seen)) == []
