"""Who may score, and which deployment answers."""

import importlib
import random
from collections import Counter

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.identity import EnvironmentCredential

from local.azure.machine_learning import inference
from local.azure.machine_learning.inference import pick


@pytest.mark.parametrize("seed", range(5))
def test_draws_fall_on_deployments_by_their_shares(seed: int):
    chance = random.Random(seed)
    drawn = Counter(pick({"blue": 30, "green": 70, "red": 0}, chance.random()) for _ in range(10_000))
    assert set(drawn) == {"blue", "green"}
    # Four standard deviations of a binomial share.
    assert abs(drawn["blue"] - 3_000) < 4 * (10_000 * 0.3 * 0.7) ** 0.5


def test_requests_go_the_same_ways_again_under_a_seed(monkeypatch: pytest.MonkeyPatch):
    def ways(seed: str | None) -> list[str | None]:
        monkeypatch.delenv("MLOPS_LOCAL_TRAFFIC_SEED", raising=False)
        if seed is not None:
            monkeypatch.setenv("MLOPS_LOCAL_TRAFFIC_SEED", seed)
        again = importlib.reload(inference)
        return [again.pick({"blue": 30, "green": 70}, again._choice.random()) for _ in range(60)]

    assert ways("7") == ways("7")
    assert len({tuple(ways(seed)) for seed in ("7", "8", None, None)}) == 4


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999999, 1.0])
def test_all_traffic_goes_to_the_only_deployment_that_has_any(draw: float):
    assert pick({"blue": 0, "green": 100}, draw) == "green"


@pytest.mark.parametrize("traffic", [{}, {"blue": 0}])
def test_without_traffic_nobody_answers(traffic: dict[str, int]):
    assert pick(traffic, 0.5) is None


def score(uri: str, token: str) -> tuple[int, str]:
    answer = requests.post(uri, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.status_code, answer.text


def test_an_endpoint_with_azure_ml_tokens_takes_its_own_only(ml_client: MLClient):
    made = []
    for name in ("tokens", "others"):
        endpoint = ManagedOnlineEndpoint(name=name, auth_mode="aml_token")
        made.append(ml_client.online_endpoints.begin_create_or_update(endpoint).result())
    own, other = (ml_client.online_endpoints.get_keys(endpoint.name).access_token for endpoint in made)
    # It may: what is missing is a deployment.
    assert score(made[0].scoring_uri, own) == (404, "Not found: the endpoint has no deployment with traffic.")
    assert score(made[0].scoring_uri, other) == (401, "token_auth_access_denied")


def test_an_endpoint_with_entra_tokens_takes_those_for_azure_ml_only(ml_client: MLClient):
    endpoint = ManagedOnlineEndpoint(name="entra", auth_mode="aad_token")
    uri = ml_client.online_endpoints.begin_create_or_update(endpoint).result().scoring_uri
    credential = EnvironmentCredential()
    assert score(uri, credential.get_token("https://ml.azure.com/.default").token)[0] == 404
    assert score(uri, credential.get_token("https://management.azure.com/.default").token)[0] == 401


def test_an_endpoint_that_is_not_there_is_a_404(ml_client: MLClient):
    assert score("https://nobody.westeurope.inference.ml.azure.com/score", "key")[0] == 404
