"""An engine that is killed while local Azure creates, updates or deletes: the next one finds out what came of it."""

import json
import subprocess
import time

import pytest

PROGRAM = """
import pulumi
from pulumi_azure_native import authorization, keyvault, managedidentity, operationalinsights, resources, storage

tags = {"round": pulumi.Config().get("round") or "first"}
group = resources.ResourceGroup("rg", resource_group_name="GROUP", location="westeurope", tags=tags)
inside = {"resource_group_name": group.name}
account = storage.StorageAccount(
    "sa", **inside, kind="StorageV2", sku={"name": "Standard_LRS"}, allow_blob_public_access=False, tags=tags
)
storage.BlobServiceProperties(
    "blobs", **inside, account_name=account.name, blob_services_name="default", is_versioning_enabled=True
)
storage.BlobContainer("data", **inside, account_name=account.name)
identity = managedidentity.UserAssignedIdentity("who", **inside, tags=tags)
operationalinsights.Workspace("log", **inside, sku={"name": "PerGB2018"}, retention_in_days=30, tags=tags)
keyvault.Vault(
    "kv",
    **inside,
    tags=tags,
    properties={"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True},
)
reader = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
authorization.RoleAssignment(
    "access",
    scope=group.id,
    principal_id=identity.principal_id,
    principal_type="ServicePrincipal",
    role_definition_id=group.id.apply(lambda id: f"/subscriptions/{id.split('/')[2]}{reader}"),
)
pulumi.export("account", account.name)
"""
NAMES = ("rg", "sa", "blobs", "data", "who", "log", "kv", "access")


class AzureStack:
    """Eight resources of local Azure, in a group whose name no other test uses."""

    def __init__(self, stack, azure):
        self.stack, self.azure = stack, azure
        self.group = f"rg-{stack.root.name}"
        stack.env.update(azure.env)
        tenant = azure.env["AZURE_TENANT_ID"]
        program = PROGRAM.replace("GROUP", self.group).replace("TENANT", repr(tenant))
        (stack.program / "__main__.py").write_text(program)

    def in_azure(self):
        """The ids of what the group holds; None if there is no group."""
        path = f"/subscriptions/{self.azure.subscription_id}/resourceGroups/{self.group}/resources"
        status, _, body = self.azure.arm("GET", path, api_version="2024-03-01")
        return {row["id"].lower() for row in body["value"]} if status == 200 else None

    def ids(self):
        return {name: self.stack.resource(name)["id"] for name in NAMES}

    def records(self, kind):
        """How many records of a kind the journal of a running engine has."""
        log = self.stack.state_file.parents[2] / "journals" / "conformance" / "dev" / "log"
        return log.read_text().count(f'{{"{kind}":') if log.exists() else 0

    def killed(self, *words, when):
        """Run a command and kill its engine as soon as something is the case; returns what it printed."""
        engine = subprocess.Popen(
            self.stack.command(*words, "--yes", "--skip-preview", "--non-interactive"),
            cwd=self.stack.program,
            env=self.stack.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + 60
        while engine.poll() is None and not when():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.002)
        engine.kill()
        output, _ = engine.communicate()
        assert engine.returncode == -9, f"it ended before it was killed: {output}"
        return output

    def pending(self):
        exported = json.loads(self.stack.run("stack", "export").stdout)["deployment"]
        return [
            (row["type"], row["resource"]["urn"].rsplit("::", 1)[1])
            for row in exported.get("pending_operations", [])
        ]

    def unchanged(self):
        self.stack.up("--expect-no-changes")
        assert "pending_operations" not in self.stack.latest()

    def destroyed(self):
        self.stack.run("destroy", "--yes", "--skip-preview", "--non-interactive")
        assert self.in_azure() is None
        assert "resources" not in self.stack.latest()
        assert "pending_operations" not in self.stack.latest()


@pytest.fixture
def azure_stack(stack, local_azure):
    return AzureStack(stack, local_azure)


def test_creates_killed_again_and_again_end_with_every_resource_once(azure_stack) -> None:
    for begun in (1, 2, 4):
        azure_stack.killed("up", when=lambda begun=begun: azure_stack.records("begin") >= begun)
        assert (
            azure_stack.pending()
        )  # reading the stack also plays the journal back: the next run writes a new one
    azure_stack.stack.up()
    ids = azure_stack.ids()
    # The group's list has what is directly in it: the account, the identity, the log and the vault.
    assert azure_stack.in_azure() == {ids[name].lower() for name in ("sa", "who", "log", "kv")}
    azure_stack.unchanged()
    azure_stack.destroyed()


def test_what_azure_has_and_the_state_has_not_is_taken_over(azure_stack) -> None:
    azure_stack.killed("up", when=lambda: len(azure_stack.in_azure() or ()) >= 2)
    made = azure_stack.in_azure()
    azure_stack.stack.up()
    assert made <= azure_stack.in_azure()
    assert len(azure_stack.in_azure()) == 4
    azure_stack.unchanged()
    azure_stack.destroyed()


def test_an_interrupted_create_goes_on_from_what_it_made(azure_stack) -> None:
    azure_stack.stack.up()
    before = azure_stack.ids()
    _forget(azure_stack.stack, "kv", "data", "blobs", "access", "log")
    preview = azure_stack.stack.run("preview", "--json", "--non-interactive")
    assert json.loads(preview.stdout)["changeSummary"] == {"create": 1, "same": 8}
    done = azure_stack.stack.up("-c", "round=second")
    said = done.stdout.partition("Diagnostics:")[2]
    assert said.count("was being created when the last run was interrupted: taken over") == 4
    # Properties that are always there tell nothing: they are written again.
    assert said.count("was being created when the last run was interrupted: nothing to take over") == 1
    assert azure_stack.ids() == before
    assert azure_stack.stack.resource("kv")["outputs"]["tags"] == {"round": "second"}
    azure_stack.unchanged()


def test_a_resource_that_an_interrupted_create_made_and_nobody_wants_is_deleted(azure_stack) -> None:
    azure_stack.stack.up()
    _forget(azure_stack.stack, "kv", "log", "access")
    azure_stack.destroyed()


def test_updates_and_deletes_that_were_killed_are_done_again(azure_stack) -> None:
    azure_stack.stack.up()
    before = azure_stack.ids()
    azure_stack.killed("up", "-c", "round=second", when=lambda: azure_stack.records("begin") >= 3)
    assert {kind for kind, _ in azure_stack.pending()} == {"updating"}
    # The program changed its mind: what the state says was never certain, so it is written once more.
    azure_stack.stack.up("-c", "round=first")
    assert azure_stack.ids() == before
    for name in ("rg", "sa", "who", "log", "kv"):
        status, _, body = azure_stack.azure.arm(
            "GET", before[name], api_version=azure_stack.stack.resource(name)["outputs"]["azureApiVersion"]
        )
        assert (status, body["tags"]) == (200, {"round": "first"}), name
    azure_stack.unchanged()
    azure_stack.killed("destroy", when=lambda: azure_stack.records("gone") >= 2)
    azure_stack.stack.up()
    azure_stack.unchanged()
    azure_stack.killed("destroy", when=lambda: azure_stack.records("begin") >= 1)
    azure_stack.destroyed()


def _forget(stack, *names: str) -> None:
    """Make the state what it is when the engine is killed between a create's end in Azure and its own note of it."""
    document = json.loads(stack.state_file.read_text())
    latest = document["checkpoint"]["latest"]
    gone = [row for row in latest["resources"] if row["urn"].rsplit("::", 1)[1] in names]
    latest["resources"] = [row for row in latest["resources"] if row not in gone]
    latest["pending_operations"] = [
        {"resource": {k: v for k, v in row.items() if k not in {"id", "outputs"}}, "type": "creating"}
        for row in gone
    ]
    stack.state_file.write_text(json.dumps(document))
