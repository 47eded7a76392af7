"""What a stack says of its loop, and how a mistake in it is explained."""

import pytest

from infra.access.grant import RETRAINING_ROLES
from infra.access.role import Role
from infra.config import ConfigError, parse
from infra.names import Names, claims_container

BASE = {"environment": "dev", "location": "westeurope", "owner": "ml", "costCenter": "ml"}


def test_without_a_word_a_breach_starts_nothing():
    assert parse(BASE).retraining.start == "none"


@pytest.mark.parametrize(
    ("retraining", "said"),
    [
        ({"start": "github"}, "mlops:retraining: start is github and there is no repository"),
        ({"start": "later"}, "mlops:retraining.start: 'later' can't be used"),
        ({"start": "github", "repository": "models"}, "write OWNER/NAME"),
        ({"start": "job", "tokensecret": "x"}, "did you mean tokenSecret?"),
    ],
)
def test_a_loop_that_cannot_work_is_one_line_with_the_remedy(retraining, said):
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "retraining": retraining})
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_token_in_the_place_of_its_secrets_name_is_refused_and_not_repeated():
    token = "ghp_0123456789"
    wrong = {"start": "github", "repository": "octo/models", "tokenSecret": token}
    with pytest.raises(
        ConfigError, match=r"mlops:retraining\.tokenSecret: no secret of a key vault"
    ) as refusal:
        parse({**BASE, "retraining": wrong})
    assert token not in str(refusal.value)


def test_a_private_network_has_no_loop():
    private = {"network": {"mode": "private"}, "registry": {"sku": "Premium"}}
    with pytest.raises(
        ConfigError, match=r"mlops:retraining\.start: the Logic App is outside of the network"
    ):
        parse({**BASE, **private, "retraining": {"start": "job"}})


def test_the_vaults_secrets_are_readable_for_github_alone():
    assert Role.KEY_VAULT_SECRETS_USER not in {role for role, _ in RETRAINING_ROLES["job"]}
    assert {target for _, target in RETRAINING_ROLES["github"]} == {"claims", "vault"}


@pytest.mark.parametrize("model", ["a", "flight-delay", "a--b", "a---b", "m" * 23])
def test_names_of_the_loop_keep_azures_limits(model):
    container = claims_container(model)
    assert 3 <= len(container) <= 63
    assert "--" not in container
    names = Names("mlopsmlo", "producti", "abc123")
    assert len(names.logic_app(model)) <= 80
    assert len(names.identity(f"retraining-{model}")) <= 128
