"""A small program through an engine, the provider and local Azure: what users of the stack see."""

from __future__ import annotations

from pathlib import Path

import pulumi
from provider_process import provider_process
from pulumi import automation as auto
from pulumi_azure_native import authorization, resources, storage

REPOSITORY = Path(__file__).parents[2]


def program(tags: dict[str, str], kind: str):
    def run() -> None:
        group = resources.ResourceGroup("rg", tags=tags)
        account = storage.StorageAccount(
            "sa",
            resource_group_name=group.name,
            kind=kind,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
            is_hns_enabled=kind == "StorageV2",
        )
        container = storage.BlobContainer("data", resource_group_name=group.name, account_name=account.name)
        client = authorization.get_client_config()
        pulumi.export("account", account.name)
        pulumi.export("blob", account.primary_endpoints.blob)
        pulumi.export("container", container.id)
        pulumi.export("subscription", client.subscription_id)

    return run


def stack_in(folder: Path, environment: dict[str, str]) -> auto.Stack:
    workspace = auto.LocalWorkspace(
        pulumi_command=auto.PulumiCommand(str(REPOSITORY / "local")),
        pulumi_home=str(folder / "home"),
        work_dir=str(folder),
        project_settings=auto.ProjectSettings(
            name="lifecycle", runtime="python", backend=auto.ProjectBackend(url=f"file://{folder}")
        ),
        env_vars={**environment, "PULUMI_CONFIG_PASSPHRASE": "test"},
    )
    stack = auto.Stack.create_or_select("dev", workspace)
    stack.set_config("azure-native:location", auto.ConfigValue("westeurope"))
    return stack


def counts(result: auto.UpResult | auto.RefreshResult | auto.DestroyResult) -> dict[str, int]:
    return {kind: number for kind, number in (result.summary.resource_changes or {}).items() if number}


def test_a_stack_lives_from_its_first_update_to_its_end(local_azure, warm_engine, tmp_path: Path):
    stack = stack_in(tmp_path, {**local_azure.env, **warm_engine})
    workspace = stack.workspace
    workspace.program = program({"team": "ml"}, "StorageV2")
    preview = stack.preview()
    assert {str(op): n for op, n in preview.change_summary.items()} == {"create": 4}

    created = stack.up()
    assert counts(created) == {"create": 4}
    name = created.outputs["account"].value
    assert created.outputs["subscription"].value == local_azure.subscription_id
    assert created.outputs["blob"].value == f"https://{name}.blob.core.windows.net/"

    assert counts(stack.up()) == {"same": 4}
    assert counts(stack.refresh()) == {"same": 4}

    workspace.program = program({"team": "ops"}, "StorageV2")
    tagged = stack.up()
    assert counts(tagged) == {"same": 3, "update": 1}
    assert tagged.outputs["account"].value == name

    workspace.program = program({"team": "ops"}, "BlobStorage")
    replaced = stack.up()
    assert counts(replaced) == {"same": 2, "replace": 2}
    assert replaced.outputs["account"].value != name
    assert counts(stack.refresh()) == {"same": 4}

    assert counts(stack.destroy()) == {"delete": 4}


def test_an_engine_attaches_to_a_provider_that_runs_already(local_azure, tmp_path: Path):
    with provider_process(local_azure.env) as port:
        stack = stack_in(tmp_path, {**local_azure.env, "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}"})
        stack.workspace.program = program({"team": "ml"}, "StorageV2")
        assert {str(op): n for op, n in stack.preview().change_summary.items()} == {"create": 4}
