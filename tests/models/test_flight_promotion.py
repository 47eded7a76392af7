"""The pipeline's last steps: the model card with its slices, and the gate against what is served."""

import json

import pandas as pd
import pytest
from flight_steps import StepError, run
from sklearn.metrics import roc_auc_score


def test_what_the_gate_lets_through_has_metrics_a_model_card_and_a_verdict(trained):
    written = {path.name for path in trained["model"].iterdir()}
    assert written == {"model.joblib", "metrics.json", "model_card.md", "verdict.md", "gate.json"}
    verdict = json.loads((trained["model"] / "gate.json").read_text())
    metrics = json.loads((trained["model"] / "metrics.json").read_text())
    assert (verdict["passed"], verdict["outcome"]) == (True, "passed without a champion")
    assert verdict["examples"] == metrics["rows"]
    for name in ("auc", "f1"):
        assert verdict["challenger"][name]["value"] == pytest.approx(metrics[name], abs=1e-6)


def test_the_model_card_says_what_the_version_is_made_from_and_how_good_it_is_by_slice(trained):
    card = (trained["model"] / "model_card.md").read_text()
    assert card.startswith("# flight-delay\n")
    assert "## What it is not for" in card
    assert "| Trained on | months 1 to 3: 40," in card
    assert "| Judged on | month 4: 14," in card
    metrics = json.loads((trained["model"] / "metrics.json").read_text())
    assert f"| auc | {metrics['auc']:g} |" in card
    rows = [line.strip("| ").split(" | ") for line in card.partition("### By origin")[2].splitlines()]
    by_origin = {row[0]: row for row in rows if row[0] in ("EWR", "JFK", "LGA")}
    for origin, row in by_origin.items():
        assert float(row[3]) == pytest.approx(metrics[f"auc_{origin}"], abs=5e-4)
    assert len(by_origin) == 3
    assert "### By carrier" in card
    assert "too few flights" in card
    assert "\n| 4 | 13," in card.partition("### By month")[2]


def test_a_worse_model_than_the_champion_is_refused_with_the_figures_and_hands_nothing_on(
    trained, sliced, tmp_path
):
    with pytest.raises(StepError) as error:
        run(tmp_path, sliced, champion=trained["model"], train_months="1", test_months="4")
    last = str(error.value).splitlines()[-1]
    assert last.startswith("gate: refused: AUC 0.88")
    assert "against the champion's 0.89" in last
    assert last.split("; ")[0].endswith("worse by more than 0.005")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"verdict.md", "gate.json"}


def test_the_champion_answers_the_same_flights(trained, sliced, tmp_path):
    run(tmp_path, sliced, champion=trained["model"])
    verdict = json.loads((tmp_path / "model/gate.json").read_text())
    assert verdict["outcome"] == "passed"
    # The same inputs make the same model: nothing is apart.
    assert verdict["difference"]["auc"] == {"value": 0, "low": 0, "high": 0}
    predictions = pd.read_csv(tmp_path / "evaluate-predictions/predictions.csv")
    assert (predictions["challenger"] == predictions["champion"]).all()
    auc = roc_auc_score(predictions["label"], predictions["champion"])
    assert verdict["champion"]["auc"]["value"] == pytest.approx(auc, abs=1e-9)
