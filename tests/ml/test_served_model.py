"""A served model's parts: what they are called, what they get from each other."""

import asyncio
import subprocess

import pulumi
import pytest
import tiny_model
from pulumi.runtime.stack import run_pulumi_func
from pulumi_loops import closed_loops

from ml import lineage, spec
from ml.served_model import PlatformInputs, ServedModel, deployment_name, git_commit

PLATFORM = PlatformInputs(
    suffix="abc123",
    resource_group_name="group",
    workspace_name="workspace",
    cpu_compute_name="cpu",
    lake_account_name="lake",
    lake_container_name="data",
    endpoint_identity_id="/identity",
)


class Recorder(pulumi.runtime.Mocks):
    """Answers as Azure would and keeps what was asked for."""

    def __init__(self):
        self.resources = {}

    def new_resource(self, args):
        self.resources[args.name] = (args.typ, dict(args.inputs))
        computed = {
            "tiny-environment": {"reference": "azureml:tiny:1"},
            "tiny-model": {
                "version": "3",
                "model_id": "/models/tiny/3",
                "reference": "azureml:tiny-reference:9",
            },
            "tiny-endpoint": {"scoring_uri": "https://tiny/score"},
        }
        return args.name, {**args.inputs, **computed.get(args.name, {})}

    def call(self, args):
        raise AssertionError(args.token)


@pytest.fixture
def deployed(tmp_path):
    read = spec.load(tiny_model.write(tmp_path))
    recorder = Recorder()
    outputs = {}

    def program():
        served = ServedModel("tiny", read, PLATFORM, environment="dev", tags={"team": "ml"})
        for name in (
            "endpoint_name",
            "scoring_uri",
            "deployment_name",
            "model_name",
            "model_version",
            "lineage",
        ):
            getattr(served, name).apply(lambda value, name=name: outputs.update({name: value}))
        for name in ("monitor_name", "batch_endpoint_name"):
            getattr(served, name).apply(lambda value, name=name: outputs.update({name: value}))

    async def run():
        pulumi.runtime.set_mocks(recorder, preview=False)
        await run_pulumi_func(program)

    with closed_loops():
        asyncio.run(run())
    return read, recorder.resources, outputs


def name_of(read):
    """The deployment's name by the model's files."""
    return deployment_name(
        read.lineage, lineage.combined(lineage.files(read.scoring.code)), read.scoring.script
    )


def test_all_parts_are_there_under_the_names_that_others_rely_on(deployed):
    read, resources, outputs = deployed
    assert outputs == {
        "endpoint_name": "tiny-abc123",
        "scoring_uri": "https://tiny/score",
        "deployment_name": name_of(read),
        "model_name": "tiny",
        "model_version": "3",
        "lineage": read.lineage,
        "monitor_name": "tiny-monitor",
        "batch_endpoint_name": "tiny-b-abc123",
    }
    assert {kind for kind, _ in resources.values()} == {
        "mlops:ml:ServedModel",
        *(
            f"pulumi-python:dynamic/ml:{kind}"
            for kind in (
                "DataFiles",
                "Environment",
                "Model",
                "OnlineEndpoint",
                "OnlineDeployment",
                "Traffic",
                "BatchEndpoint",
                "BatchDeployment",
                "Monitor",
            )
        ),
    }


def test_all_requests_go_to_the_deployment_of_the_newest_lineage(deployed):
    read, resources, _ = deployed
    _, traffic = resources["tiny-traffic"]
    assert traffic["shares"] == {name_of(read): 100}
    _, deployment = resources["tiny-deployment"]
    assert deployment["model_id"] == "/models/tiny/3"
    assert deployment["environment"] == "azureml:tiny:1"
    _, monitor = resources["tiny-monitor"]
    assert (monitor["deployment"], monitor["reference"]) == (
        name_of(read),
        "azureml:tiny-reference:9",
    )


def test_another_scoring_script_or_its_content_is_another_deployment():
    assert (
        len({deployment_name(*parts) for parts in (("a", "b", "c"), ("a", "b", "d"), ("a", "x", "c"))}) == 3
    )
    assert len(deployment_name("a", "b", "c")) == 10


def test_no_resource_has_a_key_or_a_secret(deployed):
    _, resources, _ = deployed
    for _, inputs in resources.values():
        assert not [
            key for key in inputs if any(word in key.lower() for word in ("secret", "password", "token"))
        ]
        assert len(inputs.get("__provider", "")) < 200


def test_the_commit_says_where_a_model_comes_from(tmp_path):
    assert git_commit(tmp_path) == "unknown"
    for command in (
        ("init", "-q"),
        ("-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "x"),
    ):
        subprocess.run(("git", "-C", str(tmp_path), *command), check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "new.py").write_text("x = 1\n")
    assert git_commit(tmp_path) == f"{commit}-dirty"
