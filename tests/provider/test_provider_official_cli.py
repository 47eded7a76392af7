"""The official Pulumi CLI with the stand-in: from its plugin folder, and attached to a process that runs already."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from provider_process import provider_process

from local.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import pulumi
from pulumi_azure_native import resources, storage

group = resources.ResourceGroup("rg", tags={"team": "ml"})
account = storage.StorageAccount("sa", resource_group_name=group.name, kind="StorageV2", sku={"name": "Standard_LRS"})
pulumi.export("account", account.id)
"""
PLUGIN = REPOSITORY / "local" / "provider" / "plugin"


def official() -> str | None:
    """The official CLI, if there is one on the path; the embedded engine has the same name and is one of ours."""
    found = shutil.which("pulumi")
    return None if found is None or os.path.realpath(found).startswith(str(REPOSITORY)) else found


class Cli:
    """The official CLI in a project of its own."""

    def __init__(self, pulumi: str, folder: Path, environment: dict[str, str], plugin: Path | None) -> None:
        self.pulumi, self.folder = pulumi, folder
        self.environment = {
            **os.environ,
            **environment,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        project = {
            "name": "official",
            "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
            "backend": {"url": f"file://{folder}"},
        }
        if plugin is not None:
            project["plugins"] = {"providers": [{"name": "azure-native", "path": str(plugin)}]}
        (folder / "Pulumi.yaml").write_text(json.dumps(project))
        (folder / "__main__.py").write_text(PROGRAM)
        self.run("stack", "init", "dev")
        self.run("config", "set", "azure-native:location", "westeurope")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.pulumi, *arguments, "--non-interactive"],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def changes(self) -> dict[str, int]:
        return json.loads(self.run("preview", "--json"))["changeSummary"]


@pytest.fixture(scope="module")
def pulumi() -> str:
    found = official()
    if found is None:
        pytest.skip("there is no official pulumi on the path")
    return found


def test_its_plugin_folder_is_enough_to_deploy_import_and_destroy(pulumi: str, local_azure, tmp_path: Path):
    cli = Cli(pulumi, tmp_path, local_azure.env, PLUGIN)
    cli.run("up", "--yes", "--skip-preview")
    assert cli.changes() == {"same": 3}
    account = cli.run("stack", "output", "account").strip()
    urn = "urn:pulumi:dev::official::azure-native:storage:StorageAccount::sa"
    cli.run("state", "delete", urn, "--yes")
    written = cli.run(
        "import", "azure-native:storage:StorageAccount", "sa", account, "--yes", "--protect=false"
    )
    assert 'kind="StorageV2",' in written
    assert f'account_name="{account.rpartition("/")[2]}",' in written
    cli.run("destroy", "--yes", "--skip-preview")
    assert local_azure.arm("GET", account, api_version="2024-01-01")[0] == 404


def test_it_attaches_to_a_provider_that_runs_already(pulumi: str, local_azure, tmp_path: Path):
    with provider_process(local_azure.env) as port:
        environment = {**local_azure.env, "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}"}
        assert Cli(pulumi, tmp_path, environment, None).changes() == {"create": 3}
