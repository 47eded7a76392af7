"""Answers the online endpoint's requests: features in, the probability of a late arrival out."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from azureml.ai.monitoring import Collector  # pyright: ignore[reportMissingImports] - only where it serves
from azureml_inference_server_http.api.aml_response import AMLResponse  # pyright: ignore[reportMissingImports]
from features import FEATURES, InvalidRequestError, from_request
from threadpoolctl import threadpool_limits

_log = logging.getLogger("score")
_state: dict[str, Any] = {}


def init() -> None:
    """Load the model, once per worker."""
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    # How deep the registered folder lies below depends on what the model was registered from.
    _state["model"] = joblib.load(next(folder.rglob("model.joblib")))
    # Requests are answered side by side by workers; threads of theirs would only wait for each other.
    threadpool_limits(1)
    # A request is answered whether or not it can be collected: deployments without a collector are fine.
    for name in ("model_inputs", "model_outputs"):
        _state[name] = Collector(name=name, on_error=_not_collected)


def run(raw_data: str) -> Any:
    """Score ``{"data": [{feature: value, …}, …]}``: a list of ``{"probability": p, "late": p >= 0.5}``."""
    try:
        frame = from_request(json.loads(raw_data))
    except json.JSONDecodeError as error:
        return _refused(f"the body isn't JSON: {error}")
    except InvalidRequestError as error:
        return _refused(str(error))
    answers = predict(_state["model"], frame)
    context = _state["model_inputs"].collect(frame)
    _state["model_outputs"].collect(answers, context)
    return answers.to_dict(orient="records")


def predict(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The answers, a row per flight."""
    probability = model.predict_proba(frame[list(FEATURES)])[:, 1].round(6)
    return pd.DataFrame({"probability": probability, "late": probability >= 0.5})


def _refused(message: str) -> AMLResponse:
    return AMLResponse({"error": message}, 400, json_str=True)


def _not_collected(error: Exception) -> None:
    _log.info("not collected: %s", error)
