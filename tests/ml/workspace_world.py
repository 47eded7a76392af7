"""A workspace of local Azure with all that the providers need, and the providers themselves, ready to be called."""

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_model
from pulumi.dynamic import Config, ConfigureRequest

from ml import client, lineage
from ml.client import Door, Settings
from ml.data_files import DataFilesProvider
from ml.environment import EnvironmentProvider, version
from ml.model import ModelProvider

COMPUTE = "cpu"


@dataclass(frozen=True)
class Trained:
    """A registered version of the tiny model: its files, what it was made from, what came out."""

    folder: Path
    inputs: dict
    outs: dict
    environment: str


@dataclass
class World:
    """Where the providers work; ``said`` are the lines they showed."""

    door: Door
    lake_account: str
    lake_container: str
    identity_id: str
    said: list[str]

    @property
    def place(self):
        return {"resource_group": self.door.resource_group, "workspace": self.door.workspace}

    def provider(self, kind):
        """A provider as Pulumi configures it."""
        made = kind()
        config = {
            "azure-native:subscriptionId": self.door.settings.subscription_id,
            "mlops:pollInterval": "0.5",
        }
        made.configure(ConfigureRequest(Config(config, "mlops")))
        return made


@contextmanager
def environment(variables):
    """The variables of a client of local Azure, and no clients left from before or for after."""

    def forget():
        client._clients.clear()
        client.credential.cache_clear()

    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(variables):
            if name.lower().endswith("_proxy") or name.startswith(("AZURE_", "ARM_")):
                patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        forget()
        yield
        forget()


def build(local_azure, group, workspace):
    """The world of a workspace: identity, compute and a lake (its own default store serves as one)."""
    said = []
    settings = Settings(local_azure.subscription_id, poll_interval=0.5)
    door = Door(settings, group, workspace, said.append)
    scope = f"/subscriptions/{settings.subscription_id}/resourceGroups/{group}"
    identity = f"{scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/endpoint"
    local_azure.put(identity, {"location": "westeurope"}, api_version="2023-01-31")
    from azure.ai.ml.entities import AmlCompute

    door.client.compute.begin_create_or_update(
        AmlCompute(name=COMPUTE, size="Standard_DS3_v2", min_instances=0, max_instances=1)
    ).result()
    store = door.client.datastores.get("workspaceblobstore")
    return World(door, store.account_name, store.container_name, identity, said)


def register_data(world, asset, version):
    """The data asset, as the platform registers it."""
    from azure.ai.ml.entities import Data

    path = f"azureml://datastores/workspaceblobstore/paths/{asset}/{version}/"
    world.door.client.data.create_or_update(Data(name=asset, version=version, type="uri_folder", path=path))


def data_inputs(world, folder, **changed):
    """What a served model hands to its data files."""
    return {
        **world.place,
        "account": world.lake_account,
        "container": world.lake_container,
        "asset": "numbers",
        "version": "1",
        "folder": str(folder / "data"),
        "files": lineage.files(folder / "data"),
        **changed,
    }


def environment_inputs(world, folder):
    """What a served model hands to its environment."""
    conda = folder / "environment.yml"
    return {
        **world.place,
        "name": "tiny",
        "version": version("base:1", conda),
        "image": "base:1",
        "conda": str(conda),
        "conda_hash": lineage.document(conda),
        "description": "What tiny runs in.",
        "tags": {"team": "ml"},
    }


def model_inputs(world, folder, environment):
    """What a served model hands to its model version."""
    return {
        **world.place,
        "name": "tiny",
        "lineage": "a" * 64,
        "description": "Whether a number is above what was seen.",
        "framework": "none",
        "data": "numbers:1",
        "pipeline": str(folder / "pipeline.yml"),
        "parameters": {"scale": 1},
        "environment": environment,
        "compute": COMPUTE,
        "target_environment": "test",
        "git_commit": "0" * 40,
        "tags": {"team": "ml"},
    }


def endpoint_inputs(world, name, **changed):
    """What a served model hands to its endpoint."""
    return {
        **world.place,
        "name": name,
        "identity_id": world.identity_id,
        "auth": "key",
        "public_access": True,
        "description": "Above or not.",
        "tags": {"team": "ml"},
        **changed,
    }


def deployment_inputs(world, trained, endpoint, name, **changed):
    """What a served model hands to its deployment."""
    return {
        **world.place,
        "endpoint": endpoint,
        "name": name,
        "model_id": trained.outs["model_id"],
        "environment": trained.environment,
        "code": str(trained.folder / "src"),
        "code_hash": lineage.combined(lineage.files(trained.folder / "src")),
        "script": "score.py",
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "collect": ["model_inputs", "model_outputs"],
        "smoke": json.dumps(tiny_model.SMOKE),
        "public_egress": True,
        "tags": {"team": "ml"},
        **changed,
    }


def train(world, folder):
    """Sends the data, makes the environment, trains: the first three steps of a served model."""
    tiny_model.write(folder)
    world.provider(DataFilesProvider).create(data_inputs(world, folder))
    register_data(world, "numbers", "1")
    runtime = world.provider(EnvironmentProvider).create(environment_inputs(world, folder))
    reference = runtime.outs["reference"]
    inputs = model_inputs(world, folder, reference)
    return Trained(folder, inputs, world.provider(ModelProvider).create(inputs).outs, reference)
