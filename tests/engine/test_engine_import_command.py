"""`pulumi import`, `preview --import-file` and the Automation API's `import_resources`."""

import json
from unittest.mock import Mock

import pytest
from pulumi import automation as auto

from local.engine.error import EngineError, UnsupportedError
from local.engine.program.definition import definitions, snake
from local.engine.property_value import Secret
from local.engine.state.resource_state import ResourceState
from local.engine.workspace import import_file

HOME = "urn:pulumi:dev::conformance::"
DEFAULT = HOME + "pulumi:providers:azure-native::default::1"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"


def rejected(resources: list[dict], **more) -> str:
    with pytest.raises(EngineError) as refused:
        import_file.parsed({"resources": resources, **more}, "dev", "conformance")
    return str(refused.value)


def test_all_that_is_wrong_with_a_file_is_said_at_once() -> None:
    kind = "thing:index:Thing"
    assert rejected(
        [{"type": kind, "name": "a"}, {"name": "b", "id": "y"}, {"type": kind, "id": "z"},
         {"type": kind, "name": "c", "component": True, "id": "q"}, {"type": kind, "name": "d", "id": "q", "remote": True}]
    ) == (
        "5 errors occurred:\n"
        "    1) resource 'a' of type 'thing:index:Thing' has no ID\n"
        "    2) resource 'b' has no type\n"
        "    3) resource 'z' of type 'thing:index:Thing' has no name\n"
        "    4) resource 'c' of type 'thing:index:Thing' has an ID, but is marked as a component\n"
        "    5) resource 'd' of type 'thing:index:Thing' is marked as remote, but not as a component"
    )  # fmt: skip
    twice = [{"type": kind, "name": "a", "id": "x"}, {"type": kind, "name": "a", "id": "y"}]
    assert rejected(twice).endswith("has an ambiguous URN, set name (or logical name) to be unique")
    assert "has no entry in 'nameTable'" in rejected([{"type": kind, "name": "a", "id": "x", "parent": "p"}])
    assert rejected(
        [{"type": kind, "name": "a", "id": "x", "provider": "p"}],
        nameTable={"p": HOME + "thing:index:Thing::p"},
    ).endswith("is not a provider")
    with pytest.raises(UnsupportedError, match="the resource's whole state"):
        import_file.parsed(
            {"resources": [{"type": kind, "name": "a", "id": "x", "outputs": {"a": 1}}]}, "d", "p"
        )


def test_parents_are_found_in_the_file_and_in_its_table() -> None:
    found = import_file.parsed(
        {
            "nameTable": {"top": HOME + "my:index:Top::top"},
            "resources": [
                {
                    "type": "thing:index:Thing",
                    "name": "kid",
                    "id": "x",
                    "parent": "mid",
                    "logicalName": "the kid",
                },
                {"type": "my:index:Mid", "name": "mid", "component": True, "parent": "top"},
            ],
        },
        "dev",
        "conformance",
    )
    kid = HOME + "my:index:Top$my:index:Mid$thing:index:Thing::the kid"
    assert found.names[kid] == "kid"
    assert found.resources[0].parent == HOME + "my:index:Top$my:index:Mid::mid"


@pytest.mark.parametrize(
    ("words", "missing"), [([], "type, name, and id"), (["t:i:T"], "name and id"), (["t:i:T", "n"], "id")]
)
def test_an_incomplete_command_line_says_what_is_missing(words: list[str], missing: str) -> None:
    with pytest.raises(EngineError, match=f"missing {missing}$"):
        import_file.inline(words)


def state(name: str, kind: str, inputs: dict, **more) -> ResourceState:
    return ResourceState(
        HOME + f"{kind}::{name}", kind, custom=True, inputs=inputs, provider=DEFAULT, protect=True, **more
    )


def test_code_is_spelled_as_the_sdk_spells_it_and_holds_no_secret() -> None:
    group = state("my-group", "azure-native:resources:ResourceGroup", {"resourceGroupName": "g"}, id="/s/g")
    group.outputs = {"name": "g"}
    account = state(
        "acc",
        "azure-native:storage:StorageAccount",
        {
            "resourceGroupName": "g",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"iPAddressOrRange": "1.2.3.4"}]},
            "tags": {"costCentre": 'a "b"'},
            "accessTier": Secret("Hot"),
        },
        id=ACCOUNT,
    )
    names = {account.urn: "acc", group.urn: "my-group"}
    code = definitions([group, account], names)
    assert code.startswith("import pulumi\nimport pulumi_azure_native as azure_native\n")
    assert (
        'my_group = azure_native.resources.ResourceGroup("my-group", resource_group_name="g",\n'
        "opts = pulumi.ResourceOptions(protect=True))\n" in code
    )
    assert '"ip_rules": [{\n            "i_p_address_or_range"' in code
    assert "resource_group_name=my_group.name" in code
    assert "kind=azure_native.storage.Kind.STORAGE_V2" in code
    assert '"name": azure_native.storage.SkuName.STANDARD_LRS' in code
    assert '"default_action": azure_native.storage.DefaultAction.DENY' in code
    assert '"i_p_address_or_range": "1.2.3.4"' in code
    assert '"costCentre": "a \\"b\\""' in code
    assert "Hot" not in code
    assert 'access_tier=config.require_secret("acc_access_tier")' in code.replace("'", '"')
    assert "#     pulumi config set --secret acc_access_tier\n" in code
    compile(code, "imported", "exec")


def test_an_explicit_provider_is_its_packages_class_and_texts_of_several_lines_stand_as_they_are() -> None:
    provider = state("mine", "pulumi:providers:thing", {"region": "eu"})
    texts = {"plain": "one\ntwo", "tail": 'a\n"', "slash": "a\n\\n", "tab": "a\n\tb", "bell": "a\n\a"}
    thing = state("a", "thing:index:Thing", texts)
    thing.provider = f"{provider.urn}::id"
    code = definitions([provider, thing], {provider.urn: "mine", thing.urn: "a"})
    assert 'mine = thing.Provider("mine", region="eu",' in code
    assert "opts = pulumi.ResourceOptions(provider=mine,\n        protect=True))" in code
    assert '    plain="""one\ntwo""",\n' in code
    said = {}
    exec(
        "def Thing(_name, opts, **texts): said.update(texts)\n"
        + code[code.index("a = thing.") :].replace("thing.", ""),
        {"said": said, "pulumi": Mock(), "mine": None},
    )
    assert said == texts


def test_names_that_python_keeps_or_cannot_have_are_changed() -> None:
    assert [snake(name) for name in ("accessTier", "my-res", "class", "2nd", "iPRules")] == [
        "access_tier",
        "my_res",
        "class_",
        "_2nd",
        "i_p_rules",
    ]


AZURE = """
import pulumi
from pulumi_azure_native import resources, storage
group = resources.ResourceGroup("rg", resource_group_name="GROUP", location="westeurope", tags={"made": "elsewhere"})
storage.StorageAccount(
    "sa", resource_group_name=group.name, account_name="ACCOUNT", kind="StorageV2", sku={"name": "Standard_LRS"},
    location="westeurope", allow_blob_public_access=False, minimum_tls_version="TLS1_2",
)
"""


def documents(text: str) -> tuple[dict, list[dict]]:
    """What --json printed: the preview's document, then the events of the import, line by line."""
    document, _, events = text.partition("\n}\n")
    return json.loads(document + "}"), [json.loads(line) for line in events.splitlines()]


def test_what_azure_has_is_imported_with_code_that_previews_no_change(stack, local_azure) -> None:
    stack.env.update(local_azure.env)
    group, account = f"rg-{stack.root.name}".replace("_", "-")[:60], "imp" + str(abs(hash(stack.root)))[:12]
    (stack.program / "__main__.py").write_text(AZURE.replace("GROUP", group).replace("ACCOUNT", account))
    preview = stack.run("preview", "--import-file", "skeleton.json")
    assert "to create" in preview.stdout
    skeleton = json.loads((stack.program / "skeleton.json").read_text())
    assert [(row["name"], row["id"]) for row in skeleton["resources"]] == [
        ("rg", "<PLACEHOLDER>"),
        ("sa", "<PLACEHOLDER>"),
    ]
    stack.up()
    ids = {name: stack.resource(name)["id"] for name in ("rg", "sa")}
    # Forgotten, but still there.
    stack.run("state", "delete", "--yes", "--all")
    assert "resources" not in stack.latest()
    for row in skeleton["resources"]:
        row["id"] = ids[row["name"]]
        row.pop("version", None)
    (stack.program / "import.json").write_text(json.dumps(skeleton))
    done = stack.run("import", "--yes", "--json", "--file", "import.json", "--out", "code.py")
    preview, told = documents(done.stdout)
    assert preview["changeSummary"]["import"] == 2
    steps = [row["resOutputsEvent"]["metadata"] for row in told if "resOutputsEvent" in row]
    assert {step["new"]["id"] for step in steps if step["op"] == "import"} == {*ids.values()}
    assert told[-2]["summaryEvent"]["resourceChanges"]["import"] == 2
    assert {stack.resource(name)["protect"] for name in ids} == {True}
    assert "importID" not in stack.resource("sa")
    code = (stack.program / "code.py").read_text()
    assert 'sa = azure_native.storage.StorageAccount("sa"' in code
    assert "resource_group_name=rg.name" in code
    (stack.program / "__main__.py").write_text(code)
    stack.run("preview", "--expect-no-changes")
    kinds = [row["kind"] for row in json.loads(stack.run("stack", "history", "--json").stdout)]
    assert kinds[0] == "resource-import"

    # A second time nothing is left to do; another id under the same name is refused.
    kind = "azure-native:resources:ResourceGroup"
    again = stack.run("import", "--yes", "--skip-preview", "--protect=false", kind, "rg", ids["rg"]).stdout
    assert "unchanged" in again
    assert "imported" not in again.split("Please copy")[0]
    other = stack.run("import", "--yes", "--skip-preview", kind, "rg", ids["rg"] + "x", code=1).stdout
    assert "already exists" in other

    # The same through the Automation API, from a program that adopts by itself.
    stack.run("state", "delete", "--yes", "--all", "--force")
    workspace = auto.LocalWorkspace(
        work_dir=str(stack.program),
        env_vars={**stack.env, **stack.warm},
        pulumi_command=auto.PulumiCommand(root=str(stack_root())),
    )
    result = auto.Stack.select("dev", workspace).import_resources(
        resources=[{"type": kind, "name": "rg", "id": ids["rg"]}], protect=False
    )
    assert "azure_native.resources.ResourceGroup" in result.generated_code
    assert result.summary.kind == "resource-import"
    stack.run("state", "delete", "--yes", "--all")
    adopt = AZURE.partition("storage.StorageAccount(")[0].replace("GROUP", group)
    adopt = adopt.replace("tags=", f'opts=pulumi.ResourceOptions(import_="{ids["rg"]}"), tags=')
    (stack.program / "__main__.py").write_text(adopt)
    assert "= 1 imported" in stack.up().stdout
    # One entry of it: a second, which nobody claimed, would be deleted by the next update.
    entries = [row for row in stack.latest()["resources"] if row["urn"].endswith("::rg")]
    assert [row["importID"] for row in entries] == [ids["rg"]]
    stack.up("--expect-no-changes")
    stack.run("destroy", "--yes", "--skip-preview", "--non-interactive")


def stack_root():
    from pathlib import Path

    return Path(__file__).resolve().parents[2] / "local"
