"""The command line, as a process would use it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml.drift.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    (tmp_path / "reference.csv").write_text(
        "x,c\n" + "".join(f"{i % 50},{'ab'[i % 2]}\n" for i in range(500))
    )
    (tmp_path / "same.csv").write_text("x,c\n" + "".join(f"{i % 50},{'ab'[i % 2]}\n" for i in range(250)))
    rows = [{"x": i % 50 + 30, "c": "ab"[i % 2]} for i in range(400)]
    folder = tmp_path / "collected/2026/01/02/03"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(json.dumps({"id": "1", "data": rows}) + "\n")
    return tmp_path


def run(data, *arguments):
    return main(
        [arguments[0], *(str(data / a) if "." in a or a == "collected" else a for a in arguments[1:])]
    )


def test_compare_prints_a_table_and_a_sentence(data, capsys):
    assert run(data, "compare", "reference.csv", "collected") == 0
    printed = capsys.readouterr().out
    assert "500 reference rows, 400 current rows" in printed
    assert "x        drifted  Normalised Wasserstein" in printed
    assert printed.rstrip().endswith("1 of 2 judged features drifted: x.")


def test_drift_is_an_exit_code_where_it_is_asked_for(data, capsys):
    assert run(data, "compare", "reference.csv", "collected", "--fail-on-drift") == 3
    assert run(data, "compare", "reference.csv", "same.csv", "--fail-on-drift") == 0
    assert "No drift in 2 judged features." in capsys.readouterr().out


def test_json_is_the_whole_output(data, capsys):
    assert run(data, "compare", "reference.csv", "collected", "--json", "--title", "t") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["title"], document["drifted"]) == ("t", ["x"])


def test_report_writes_a_page_to_the_current_folder_unless_told_where(data, capsys, monkeypatch):
    monkeypatch.chdir(data)
    assert run(data, "report", "reference.csv", "collected") == 0
    assert "The page: drift.html" in capsys.readouterr().out
    assert (data / "drift.html").read_text().startswith("<!doctype html>")
    assert run(data, "report", "reference.csv", "collected", "--html", "other.html") == 0
    assert (data / "other.html").exists()


def test_thresholds_features_and_codes_can_be_given(data, capsys):
    given = ("--threshold", "normalized_wasserstein=9", "--features", "x")
    assert run(data, "compare", "reference.csv", "collected", "--fail-on-drift", *given) == 0
    assert "within" not in capsys.readouterr().err
    assert run(data, "compare", "reference.csv", "same.csv", "--categorical", "x", "--json") == 0
    assert json.loads(capsys.readouterr().out)["columns"][0]["kind"] == "categorical"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "absent.csv", "same.csv"), "there is no such file or folder"),
        (("compare", "reference.csv", "same.csv", "--features", "y"), "no column y"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(data, capsys, arguments, message):
    assert run(data, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("ml.drift: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "reference.csv"), "give both"),
        (("report", "--title", "t"), "monitors have their own title"),
        (("report", "reference.csv", "same.csv", "--days", "3"), "--days is for a workspace's monitors"),
        (("compare", "reference.csv", "same.csv", "--threshold", "psi=1"), "write STATISTIC=VALUE"),
        (("compare", "reference.csv", "same.csv", "--threshold", "jensen_shannon=x"), "is no number"),
    ],
)
def test_a_wrong_command_line_is_refused(data, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        run(data, *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_report_without_files_asks_for_a_workspace_where_none_is_named(data, capsys, monkeypatch):
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_WORKSPACE_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert run(data, "report") == 2
    error = capsys.readouterr().err
    assert "AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, AZURE_WORKSPACE_NAME are not set" in error
    assert error.count("\n") == 1


def test_comparing_files_needs_numpy_and_nothing_of_azure_or_pulumi(data):
    script = (
        "import sys; from ml.drift.__main__ import main; "
        f"code = main(['compare', {str(data / 'reference.csv')!r}, {str(data / 'same.csv')!r}]); "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'azure', 'pulumi', 'pandas', 'scipy', 'yaml'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
