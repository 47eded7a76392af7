import pytest

from infra.config import ConfigError, parse
from infra.profile import PROFILES, leaves, origins

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}


def settings(config):
    return {".".join(path): value for path, value in leaves(config)}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_alone_is_a_configuration_that_works(profile):
    parse({**LEAST, "profile": profile})


@pytest.mark.parametrize(
    ("profile", "path"), [(profile, path) for profile, paths in PROFILES.items() for path in paths]
)
def test_a_profile_sets_what_the_model_would_not(profile, path):
    # A default that says what the model says would tell a reader that the profile is the reason.
    without = settings(parse(LEAST))
    changed = {
        key for key, value in settings(parse({**LEAST, "profile": profile})).items() if without[key] != value
    }
    assert path in changed


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_name_settings_and_not_whole_sections(profile):
    known = set(settings(parse(LEAST)))
    assert [path for path in PROFILES[profile] if path not in known] == []


def test_no_profile_is_standard():
    assert settings(parse(LEAST)) == settings(parse({**LEAST, "profile": "standard"}))


def test_the_file_wins_key_by_key():
    config = parse({**LEAST, "profile": "regulated", "storage": {"redundancy": "GZRS"}, "protect": "false"})
    assert config.storage.redundancy == "GZRS"
    assert config.storage.soft_delete_days == 30
    assert not config.protect


def test_each_value_has_an_origin():
    values = {**LEAST, "profile": "regulated", "storage": {"redundancy": "ZRS"}, "tags": {"team": "a"}}
    found = origins(parse(values), values)
    assert found["storage.redundancy"] == "file"  # though the profile says the same
    assert found["storage.sharedKeys"] == "profile"
    assert found["network.addressSpace"] == "default"
    assert found["network.mode"] == "profile"
    assert found["tags"] == "file"
    assert found["suffix"] == "default"
    assert found.keys() == settings(parse(values)).keys()


def test_a_mapping_of_the_stacks_own_names_is_taken_as_the_file_has_it(monkeypatch):
    monkeypatch.setitem(PROFILES, "sandbox", {"tags": {"team": "nobody"}})
    assert parse({**LEAST, "profile": "sandbox"}).tags == {"team": "nobody"}
    assert parse({**LEAST, "profile": "sandbox", "tags": {"floor": "3"}}).tags == {"floor": "3"}


@pytest.mark.parametrize("profile", ["Regulated", "", 3, ["standard"], None])
def test_a_profile_that_is_not_there_is_one_line(profile):
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "profile": profile})
    assert str(caught.value) == (
        f"mlops:profile: {'null' if profile is None else repr(profile)} can't be used: it sets the defaults of all other keys; write sandbox for trying "
        "something, standard for a team's development, regulated for audited production"
    )


def test_what_a_profile_leads_to_is_checked_with_what_the_file_says():
    with pytest.raises(ConfigError, match=r"^mlops:registry\.sku: a Basic registry"):
        parse({**LEAST, "profile": "regulated", "registry": {"sku": "Basic"}})


def test_a_section_that_is_none_is_refused_and_not_filled():
    with pytest.raises(ConfigError, match=r"^mlops:storage: 3 can't be used"):
        parse({**LEAST, "profile": "regulated", "storage": 3})
