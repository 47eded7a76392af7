"""``python -m ops preview``: what it reads, what it refuses, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from previewing import OWN, preview, recorded, step

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*arguments: str, text: str | bytes = b"") -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "ops", "preview", *arguments],
        cwd=REPOSITORY,
        input=text.encode() if isinstance(text, str) else text,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "standard input: is empty"),
        ('{"steps": [{"op": "cre', "standard input: ends in the middle"),
        ("Previewing update (dev):\n", "standard input: isn't one JSON document"),
        ('{"sequence": 0}\n{"sequence": 1}\n', "standard input: isn't one JSON document"),
        ("[1, 2]", "standard input: is JSON, but not that of a preview"),
        ('{"version": 3, "deployment": {}}', "standard input: is JSON, but not that of a preview"),
        (b"\xff\x00\xfe\x81", "standard input: isn't text"),
        (
            preview(
                diagnostics=[
                    {"severity": "error", "message": "boom:\n  it broke"},
                    {"severity": "error", "message": "b"},
                ]
            ),
            "standard input: the preview failed, so nobody knows what would change: boom: it broke (and 1 more)",
        ),
    ],
)
def test_what_is_no_preview_is_one_error_and_nothing_on_standard_output(text: str | bytes, said: str) -> None:
    result = run("-", text=text)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json"], "nowhere.json: can't be read (No such file or directory)"),
        ([], "name either the file"),
        (["-", "--stack", "dev"], "name either the file"),
        (["-", "--fail-on", "replace,gone"], "--fail-on: nothing is called gone"),
        (
            ["-", "--policy-pack", "policy"],
            "--policy-pack, --policy-pack-config and --config-file go with --stack",
        ),
    ],
)
def test_wrong_arguments_are_one_error(arguments: list[str], said: str) -> None:
    result = run(*arguments, text=recorded("preview-change-json"))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {said}")


def test_fail_on_prints_the_comment_and_names_what_stops_the_change(tmp_path: Path) -> None:
    out = tmp_path / "comment.md"
    result = run("-", "--fail-on", "replace,delete", "--out", str(out), text=recorded("preview-change-json"))
    assert result.returncode == 1
    assert result.stderr == "error: --fail-on replace,delete stops this change: replace: b; delete: gone\n"
    assert out.read_text().startswith("<!-- mlops-preview:dev -->")


def test_fail_on_lets_a_change_without_these_pass() -> None:
    assert run("-", "--fail-on", "replace,delete", text=preview(step("create", new={"a": 1}))).returncode == 0


def test_a_file_that_windows_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(recorded("preview-same-json"), encoding="utf-16")
    assert "No changes." in run(str(file)).stdout


def test_json_has_the_sentences_and_the_changes() -> None:
    document = json.loads(run(str(OWN / "model-change.json"), "--json").stdout)
    assert [item["concern"] for item in document["first"]] == ["replace", "traffic", "model"]
    model = next(change for change in document["changes"] if change["urn"].endswith("flight-delay-model"))
    assert {"path": "parameters.train_months", "kind": "update", "before": "1-3", "after": "1-6"} in model[
        "properties"
    ]
