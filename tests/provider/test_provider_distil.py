"""The table's making: from the SDK and published types to an entry, with the rules that are azure-native's own."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from local.provider.distil import rule
from local.provider.distil.arm_type import Library, UnknownArmTypeError, WireType
from local.provider.distil.table import TARGET, distil, write

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential"
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"
READ_ONLY, REQUIRED = 2, 1


class Types:
    """A ``types.json`` in the making."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []

    def add(self, kind: str, **fields: Any) -> dict[str, str]:
        self.nodes.append({"$type": kind, **fields})
        return {"$ref": f"#/{len(self.nodes) - 1}"}

    def text(self, **fields: Any) -> dict[str, str]:
        return self.add("StringType", **fields)

    def object(self, **properties: tuple[dict[str, str], int]) -> dict[str, str]:
        members = {name: {"type": kind, "flags": flags} for name, (kind, flags) in properties.items()}
        return self.add("ObjectType", name="o", properties=members)

    def resource(self, name: str, body: dict[str, str]) -> None:
        self.add("ResourceType", name=name, body=body, readableScopes=8, writableScopes=8)


def managed_identity() -> list[dict[str, Any]]:
    """Azure's types of Microsoft.ManagedIdentity as far as these tests go."""
    types = Types()
    text = types.text()
    tags = types.add("ObjectType", name="tags", properties={}, additionalProperties=text)
    read = types.object(principalId=(text, READ_ONLY), clientId=(text, READ_ONLY), tenantId=(text, READ_ONLY))
    own = {"id": (text, READ_ONLY), "type": (text, READ_ONLY)}
    identity = types.object(
        **own, name=(text, REQUIRED), location=(text, REQUIRED), tags=(tags, 0), properties=(read, 0)
    )
    types.resource("Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31", identity)
    audiences = types.add("ArrayType", itemType=text)
    given = types.object(issuer=(text, REQUIRED), subject=(text, REQUIRED), audiences=(audiences, REQUIRED))
    name = types.text(pattern="^[a-zA-Z0-9]{1}[a-zA-Z0-9-_]{2,119}$")
    credential = types.object(**own, name=(name, REQUIRED), properties=(given, 0))
    credentials = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    types.resource(f"{credentials}@2023-01-31", credential)
    return types.nodes


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A clone of the published types, with one namespace."""
    root: Path = tmp_path_factory.mktemp("types")
    file = root / "generated" / "managedidentity" / "microsoft.managedidentity" / "2023-01-31" / "types.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(managed_identity()))
    git = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "types"]):
        subprocess.run([*git, *command], check=True)
    return Library(root)


def test_a_token_is_enough_to_make_its_entry(library: Library, tmp_path: Path):
    made, unplaced = distil(library, {IDENTITY: "", CREDENTIAL: ""})
    committed = json.loads(TARGET.read_text())
    for token in (IDENTITY, CREDENTIAL):
        kept = {key: made["resources"][token][key] for key in ("path", "version", "autoName", "inputs")}
        assert kept == {key: committed["resources"][token][key] for key in kept}
    assert made["limits"] == {CREDENTIAL: committed["limits"][CREDENTIAL]}
    assert made["resources"][IDENTITY]["outputs"]["principalId"] == "s@properties"
    assert {name for names in unplaced.values() for name in names} <= {"systemData", "isolationScope"}
    write(made, tmp_path / "facts.json")
    assert json.loads((tmp_path / "facts.json").read_text()) == made


def test_what_a_token_does_not_tell_is_asked_for_with_the_choices(library: Library):
    with pytest.raises(UnknownArmTypeError, match="nothing is published of") as caught:
        distil(library, {"azure-native:search:Service": "", "azure-native:nowhere:Thing": ""})
    assert "azure-native:search:Service: write azure-native:search:Service=ARM" in str(caught.value)
    assert "the installed pulumi_azure_native has no azure-native:nowhere:Thing" in str(caught.value)


def test_names_are_random_at_the_top_copied_below_and_uuids_for_roles():
    assert rule.auto_name(f"{GROUP}Microsoft.Network/virtualNetworks/{{vnetName}}") == ("vnetName", "random")
    subnet = f"{GROUP}Microsoft.Network/virtualNetworks/{{vnetName}}/subnets/{{subnetName}}"
    assert rule.auto_name(subnet) == ("subnetName", "copy")
    endpoint = f"{GROUP}Microsoft.X/workspaces/{{workspaceName}}/onlineEndpoints/{{endpointName}}"
    assert rule.auto_name(endpoint) == ("endpointName", "random")
    role = "/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}"
    assert rule.auto_name(role) == ("roleAssignmentName", "uuid")
    assert rule.auto_name(f"{GROUP}Microsoft.Storage/storageAccounts/{{a}}/blobServices/default") is None


@pytest.mark.parametrize(
    ("arm_type", "names", "fixed", "expected"),
    [
        (
            "Microsoft.Network/firewallPolicies/ruleCollectionGroups",
            {"firewallPolicyName": True, "resourceGroupName": True, "ruleCollectionGroupName": False},
            None,
            f"{GROUP}Microsoft.Network/firewallPolicies/{{firewallPolicyName}}/ruleCollectionGroups/{{ruleCollectionGroupName}}",
        ),
        (
            "Microsoft.ServiceBus/namespaces/networkRuleSets",
            {"namespaceName": True, "resourceGroupName": True},
            "default",
            f"{GROUP}Microsoft.ServiceBus/namespaces/{{namespaceName}}/networkRuleSets/default",
        ),
        (
            "Microsoft.Authorization/policyExemptions",
            {"scope": True, "policyExemptionName": False},
            None,
            "/{scope}/providers/Microsoft.Authorization/policyExemptions/{policyExemptionName}",
        ),
        ("Microsoft.Purview/accounts", {"resourceGroupName": True}, None, None),
    ],
)
def test_a_path_follows_from_the_type_and_the_names(
    arm_type: str, names: dict[str, bool], fixed: str | None, expected: str | None
):
    assert rule.path(arm_type, names, fixed) == expected


def test_a_property_lies_where_its_name_is_at_the_top_below_properties_or_in_a_part():
    types = Types()
    text = types.text()
    part = types.object(deep=(text, 0))
    below = types.object(sku=(text, 0), Application_Type=(text, 0), type=(text, 0), pool=(part, 0))
    body = types.object(type=(text, READ_ONLY), properties=(below, 0))
    wire = WireType(types.nodes, types.nodes[int(body["$ref"].removeprefix("#/"))])

    def place(name: str, **more: Any) -> list[str] | None:
        found = wire.place(name, **more)
        return found[0] if found is not None else None

    assert place("sku") == ["properties", "sku"]
    assert place("applicationType") == ["properties", "Application_Type"]
    # what Azure alone sets isn't where an input lies
    assert place("type") == ["properties", "type"]
    assert place("type", given=False) == ["type"]
    assert place("roleType", renamed="properties/type") == ["properties", "type"]
    assert place("missing") is None
