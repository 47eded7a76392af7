import json
import subprocess
import sys

import jsonschema
import pytest
import yaml
from recorded_program import REPOSITORY

from infra import schema
from infra.config import StackConfig

STACKS = ("local", "dev", "prod")
LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}


@pytest.fixture(scope="module")
def validator():
    made = schema.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def stack(**changes):
    return {"config": {f"mlops:{key}": value for key, value in {**LEAST, **changes}.items()}}


def settings(node, path=()):
    """Every setting in the schema, by its path."""
    for key, inner in node.get("properties", {}).items():
        if "properties" in inner:
            yield from settings(inner, (*path, key))
        else:
            yield ".".join((*path, key)), inner


def test_the_committed_schema_is_what_the_models_say():
    assert schema.FILE.read_text() == schema.text(), "run `python -m infra schema --write`, and commit it"


def test_every_setting_is_described_typed_and_defaulted(validator):
    config = validator.schema["properties"]["config"]
    required = {*config["required"]}
    for path, setting in settings(config):
        assert " Write " in setting["description"], path
        assert {"type", "anyOf", "$ref"} & setting.keys(), path
        assert ("default" in setting) != (path in required), path
        assert "title" not in setting


def test_every_section_says_what_it_is_about(validator):
    config = validator.schema["properties"]["config"]["properties"]
    sections = {key: value for key, value in config.items() if "properties" in value}
    assert len(sections) > 5
    assert [key for key, section in sections.items() if not section["description"]] == [], (
        'begin the docstring with "``mlops:KEY``: what it is about."'
    )


def test_a_description_says_what_profiles_make_of_the_setting(validator):
    network = validator.schema["properties"]["config"]["properties"]["mlops:network"]
    assert network["properties"]["mode"]["description"].endswith('By profile: regulated "private".')


@pytest.mark.parametrize("name", STACKS)
def test_a_committed_stack_names_the_schema_for_editors(name):
    first = (REPOSITORY / f"Pulumi.{name}.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={schema.FILE.name}"


def test_a_checker_of_schemas_passes_the_committed_stacks_and_no_bad_one(tmp_path):
    bad = tmp_path / "Pulumi.bad.yaml"
    bad.write_text(yaml.safe_dump(stack(storage={"redundancy": "ZSR"}, comput={})))
    checker = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema.FILE)]
    files = [str(REPOSITORY / f"Pulumi.{name}.yaml") for name in STACKS]
    result = subprocess.run([*checker, *files, str(bad)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert not [file for file in files if file in result.stdout]
    assert "'ZSR'" in result.stdout
    assert "mlops:comput" in result.stdout


@pytest.mark.parametrize(
    "document",
    [
        stack(),
        stack(profile="regulated", tags={"team": "a"}),
        stack(owner={"secure": "v1:abc:def"}),
        {**stack(), "encryptionsalt": "v1:salt", "secretsprovider": "passphrase"},
        {"encryptionsalt": "v1:salt"},
        {"config": {**stack()["config"], "azure-native:subscriptionId": "1"}},
        stack(access={"principals": {"us": {"id": "12121212-3434-4565-8787-909090909090"}}}),
        stack(access={"table": [{"who": "us", "role": "reader", "where": "lake"}]}),
    ],
)
def test_what_pulumi_and_people_write_passes(validator, document):
    assert not list(validator.iter_errors(document))


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (stack(network={"mode": "secret"}), ["config", "mlops:network", "mode"]),
        (stack(network={"firewal": True}), ["config", "mlops:network"]),
        (stack(location="West Europe"), ["config", "mlops:location"]),
        (stack(vault={"softDeleteDays": 6}), ["config", "mlops:vault", "softDeleteDays"]),
        (stack(protect="maybe"), ["config", "mlops:protect"]),
        (stack(tags={"a<b": "c"}), ["config", "mlops:tags"]),
        (stack(models="flight_delay"), ["config", "mlops:models"]),
        (stack(access={"table": [{"who": "us"}]}), ["config", "mlops:access", "table", 0]),
        ({"config": {"mlops:environment": "dev"}}, ["config"]),
        ({"config": {}, "configuration": {}}, []),
        ({"config": {**stack()["config"], "environment": "dev"}}, ["config"]),
    ],
)
def test_what_the_program_would_refuse_an_editor_marks(validator, document, path):
    errors = {json.dumps(list(error.absolute_path)) for error in validator.iter_errors(document)}
    assert json.dumps(path) in errors


def test_the_least_stack_of_these_tests_is_one_that_the_program_takes():
    StackConfig.model_validate(LEAST)
