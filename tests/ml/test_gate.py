"""The gate: its statistics against their definitions, what it decides, and its command."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml import gate
from ml.gate import Criteria, GateError, Outcome, Predictions, State

SEEDS = range(8)
LENIENT = Criteria(minimum_auc=0.5, minimum_f1=0.0, tolerance=0.02)


def examples(seed, size=400, skill=1.0, *, steps=0):
    """Labels, and scores that are the better the higher ``skill`` is; ``steps`` makes ties."""
    random = np.random.default_rng(seed)
    label = (random.random(size) < 0.3).astype(float)
    label[:2] = (0, 1)
    score = 1 / (1 + np.exp(-(random.normal(size=size) + skill * (2 * label - 1))))
    return label, np.round(score * steps) / steps if steps else score


def write(path, label, **scores):
    columns = {"label": label.astype(int), **scores}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def command(*arguments):
    return subprocess.run(
        [sys.executable, Path(gate.__file__), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


# --- Statistics


def test_the_examples_in_its_documentation_are_right():
    found = doctest.testmod(gate)
    assert (found.failed, found.attempted) == (0, 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("steps", [0, 5])
def test_auc_is_the_share_of_pairs_in_the_right_order(seed, steps):
    label, score = examples(seed, size=120, steps=steps)
    pairs = [(one > other) + (one == other) / 2 for one in score[label == 1] for other in score[label == 0]]
    assert gate.auc(label, score) == pytest.approx(np.mean(pairs), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_auc_depends_on_the_order_of_scores_only_and_mirrors(seed):
    label, score = examples(seed, steps=20)
    found = gate.auc(label, score)
    assert gate.auc(label, score**3) == pytest.approx(found, abs=1e-12)
    assert gate.auc(label, 1 - score) == pytest.approx(1 - found, abs=1e-12)
    assert gate.auc(1 - label, score) == pytest.approx(1 - found, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(seed):
    label, score = examples(seed)
    predicted = score >= 0.5
    precision, recall = label[predicted].mean(), predicted[label == 1].mean()
    assert gate.f1(label, score) == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_model_that_is_always_right_has_1_and_one_that_sees_nothing_one_half():
    label = np.array([0.0, 1, 0, 1])
    assert (gate.auc(label, label), gate.f1(label, label)) == (1, 1)
    assert (gate.auc(label, np.full(4, 0.3)), gate.f1(label, np.full(4, 0.3))) == (0.5, 0)


def test_known_figures_of_a_known_table():
    # 3 by 4 pairs, 10 of them right, one tied; 2 hits, 1 false alarm, 1 miss.
    label = np.array([0.0, 0, 0, 0, 1, 1, 1])
    score = np.array([0.1, 0.2, 0.3, 0.6, 0.3, 0.7, 0.9])
    assert gate.auc(label, score) == pytest.approx(10.5 / 12)
    assert gate.f1(label, score) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_intervals_hold_their_figures_and_narrow_with_more_examples(seed):
    few = gate.judge(Predictions(*examples(seed, size=200)), LENIENT)
    many = gate.judge(Predictions(*examples(seed, size=5000)), LENIENT)
    for name, found in few.challenger.items():
        assert found.low <= found.value <= found.high
        assert many.challenger[name].high - many.challenger[name].low < (found.high - found.low) / 2


def test_the_interval_covers_the_true_auc_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(gate, "RESAMPLES", 200)
    label, score = examples(999, size=200_000)
    true = gate.auc(label, score)
    found = [
        gate.judge(Predictions(*examples(seed, size=300)), LENIENT).challenger["auc"] for seed in range(200)
    ]
    covered = np.mean([one.low <= true <= one.high for one in found])
    assert 0.9 <= covered <= 0.99


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_examples_does_not_matter(seed):
    label, score = examples(seed, steps=50)
    champion = examples(seed, skill=0.8)[1]
    shuffled = np.random.default_rng(seed).permutation(label.size)
    first = gate.judge(Predictions(label, score, champion), LENIENT)
    second = gate.judge(Predictions(label[shuffled], score[shuffled], champion[shuffled]), LENIENT)
    assert gate.document(first) == gate.document(second)


# --- Decisions


@pytest.mark.parametrize("seed", SEEDS)
def test_a_challenger_that_is_the_champion_passes_whatever_the_tolerance(seed):
    label, score = examples(seed)
    verdict = gate.judge(Predictions(label, score, score), Criteria(tolerance=0))
    assert verdict.outcome is Outcome.PASSED
    assert (verdict.difference["auc"].low, verdict.difference["auc"].high) == (0, 0)


def test_a_better_challenger_passes_and_a_worse_one_is_refused_with_the_figures():
    label, better = examples(1, size=4000, skill=1.3)
    worse = examples(1, size=4000, skill=0.8)[1]
    assert gate.judge(Predictions(label, better, worse), LENIENT).passed
    verdict = gate.judge(Predictions(label, worse, better), LENIENT)
    assert verdict.outcome is Outcome.REFUSED
    assert [check.state for check in verdict.checks] == [State.MET, State.MET, State.MISSED, State.MISSED]
    assert verdict.reason.startswith("AUC 0.8")
    assert "against the champion's 0.9" in verdict.reason
    assert "worse by more than 0.02" in verdict.reason


def test_without_a_champion_only_the_minimums_count_and_the_verdict_says_so():
    verdict = gate.judge(Predictions(*examples(2)), LENIENT)
    assert verdict.outcome is Outcome.PASSED_FIRST
    assert (verdict.champion, verdict.difference) == ({}, {})
    assert "there is no champion to compare with" in gate.markdown(verdict)


def test_a_minimum_that_is_missed_refuses_even_the_better_model():
    label, better = examples(3, skill=0.6)
    verdict = gate.judge(Predictions(label, better, examples(3, skill=0.1)[1]), Criteria(minimum_auc=0.95))
    assert verdict.reason.startswith("AUC 0.")
    assert "is below the minimum of 0.95" in verdict.reason


def test_what_too_few_examples_cannot_tell_is_not_passed():
    label, score = examples(4, size=60)
    figure = gate.auc(label, score)
    verdict = gate.judge(Predictions(label, score), Criteria(minimum_auc=round(figure - 0.01, 3)))
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.checks[0].state is State.UNDECIDED
    assert "judge on more examples" in verdict.reason


# --- The command


def test_passing_hands_the_candidate_on_with_the_verdict(tmp_path):
    label, score = examples(6)
    predictions = write(
        tmp_path / "predictions.csv", label, carrier=np.full(label.size, "AA"), challenger=score
    )
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate/model.joblib").write_bytes(b"model")
    done = command(
        "--predictions", tmp_path, "--candidate", tmp_path / "candidate", "--output", tmp_path / "model"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "model.joblib",
        "gate.json",
        "verdict.md",
    }
    written = json.loads((tmp_path / "model/gate.json").read_text())
    expected = gate.document(gate.judge(gate.read(predictions), Criteria()))
    assert written == json.loads(json.dumps(expected))
    assert (written["passed"], written["outcome"]) == (True, "passed without a champion")
    assert done.stdout.startswith((tmp_path / "model/verdict.md").read_text())
    assert done.stdout.splitlines()[-1].startswith("gate: passed without a champion: AUC 0.")


def test_refusing_exits_with_1_writes_the_verdict_and_keeps_the_candidate_back(tmp_path):
    label, score = examples(7)
    predictions = write(tmp_path / "p.csv", label, challenger=score, champion=score)
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate/model.joblib").write_bytes(b"model")
    done = command(
        *("--predictions", predictions, "--minimum-auc", "0.99"),
        *("--candidate", tmp_path / "candidate", "--output", tmp_path / "model"),
    )
    assert done.returncode == 1
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"gate.json", "verdict.md"}
    assert json.loads((tmp_path / "model/gate.json").read_text())["passed"] is False
    assert done.stdout.startswith("# Refused\n")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("gate: refused: AUC 0.")
    assert last.endswith("is below the minimum of 0.99")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,champion\n0,0.5\n", "lacks the columns challenger; it has label, champion"),
        ("", "lacks the columns label, challenger"),
        ("label,challenger\n", "there are no predictions"),
        ("label,challenger\n0,0.5\n2,0.5\n", "label is 2 for example 2; write 0 or 1"),
        ("label,challenger\n0,0.5\n1,1.5\n", "challenger is 1.5 for example 2; write probabilities"),
        ("label,challenger\n0,0.5\n1,nan\n", "challenger is nan for example 2; write probabilities"),
        ("label,challenger,champion\n0,0.5,0.5\n1,0.5,\n", "line 3: '1,0.5,' isn't a number in each column"),
        ("label,challenger\n0,0.5\n1\n", "line 3: '1' isn't a number in each column"),
        (
            "label,challenger\n0,0.5\n0,0.1\n",
            "every example has the label 0; judge on examples of both kinds",
        ),
    ],
)
def test_predictions_that_nothing_can_be_told_from_exit_with_2_and_one_line(tmp_path, capsys, text, message):
    (tmp_path / "p.csv").write_text(text)
    assert gate.main(["--predictions", str(tmp_path / "p.csv"), "--output", str(tmp_path / "model")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("gate: ")
    assert message in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert not (tmp_path / "model").exists()


def test_a_missing_file_a_missing_candidate_and_a_wrong_number_exit_with_2(tmp_path):
    missing = command("--predictions", tmp_path / "none.csv")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "can't be read: No such file" in missing.stderr
    predictions = write(tmp_path / "p.csv", *examples(0)[:1], challenger=examples(0)[1])
    absent = command("--predictions", predictions, "--candidate", tmp_path / "none")
    assert (absent.returncode, "is no folder" in absent.stderr) == (2, True)
    wrong = command("--predictions", predictions, "--tolerance", "5")
    assert (wrong.returncode, "5 isn't a number from 0 to 1" in wrong.stderr) == (2, True)
    with pytest.raises(GateError, match="tolerance is 5; write a number from 0 to 1"):
        Criteria(tolerance=5)


def test_it_runs_alone_with_nothing_but_numpy(tmp_path):
    text = Path(gate.__file__).read_text()
    imported = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


def test_the_snapshot_of_its_step_holds_it_alone():
    from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder

    folder = Path(gate.__file__).parent
    sent = get_upload_files_from_folder(str(folder), ignore_file=get_ignore_file(folder))
    assert [name for _, name in sent] == ["gate.py"]
