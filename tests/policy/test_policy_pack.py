"""The pack as engines run it: a process that answers Pulumi's Analyzer protocol."""

import json
import subprocess
import sys

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from local.settings import REPOSITORY
from policy import checklist

PACK = REPOSITORY / "policy"
WORKSPACE = "azure-native:machinelearningservices:Workspace"
ACCOUNT = "azure-native:storage:StorageAccount"


@pytest.fixture(scope="module")
def pack():
    """The pack's process, started as Pulumi's Python host starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)]
    with subprocess.Popen(command, cwd=PACK, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
        process.terminate()


def analyze(pack, type_, properties):
    request = analyzer_pb2.AnalyzeRequest(
        urn=f"urn:pulumi:prod::mlops::{type_}::it",
        type=type_,
        name="it",
        properties=json_format.ParseDict(properties, struct_pb2.Struct()),
        options=analyzer_pb2.AnalyzerResourceOptions(),
    )
    return list(pack.Analyze(request).diagnostics)


def test_the_pack_tells_of_its_policies(pack):
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "mlops-policies"
    assert [policy.name for policy in info.policies] == [rule.name for rule in checklist.RULES]
    assert {policy.enforcementLevel for policy in info.policies} == {analyzer_pb2.ADVISORY}
    assert all(policy.remediation_steps and policy.url and policy.severity for policy in info.policies)


def test_a_violation_says_why_what_and_what_to_write(pack):
    (found,) = [
        one
        for one in analyze(pack, WORKSPACE, {"publicNetworkAccess": "Enabled"})
        if one.policyName == "workspace-public-access"
    ]
    assert "can be attacked from anywhere" in found.message
    assert "publicNetworkAccess is Enabled; it must be Disabled" in found.message
    assert "mlops:network: {mode: private}" in found.message


def test_what_a_preview_does_not_know_is_no_violation_and_no_noise(pack):
    unknown = {"publicNetworkAccess": UNKNOWN_STRING_VALUE, "tags": UNKNOWN_STRING_VALUE}
    found = analyze(
        pack, WORKSPACE, {**unknown, "identity": {"type": UNKNOWN_STRING_VALUE}, "location": "westeurope"}
    )
    # What is truly left out, whatever the rest will be.
    assert {one.policyName for one in found} == {
        "datastore-credentials",
        "customer-managed-keys",
        "protected-resources",
        "names",
        "legacy-mode",
    }


def test_a_stack_policy_follows_properties_to_the_resources_they_come_from(pack):
    def member(type_, name, properties, **uses):
        urn = f"urn:pulumi:prod::mlops::{type_}::{name}"
        request = analyzer_pb2.AnalyzerResource(
            urn=urn, type=type_, name=name, properties=json_format.ParseDict(properties, struct_pb2.Struct())
        )
        for key, target in uses.items():
            request.propertyDependencies[key].urns.append(target)
        return request

    account = member(ACCOUNT, "st", {})
    other = member(ACCOUNT, "lake", {})
    endpoint = member(
        "azure-native:network:PrivateEndpoint",
        "pep",
        {"privateLinkServiceConnections": UNKNOWN_STRING_VALUE},
        privateLinkServiceConnections=account.urn,
    )
    setting = member(
        "azure-native:monitor:DiagnosticSetting", "logs", {"workspaceId": "x"}, resourceUri=other.urn
    )
    request = analyzer_pb2.AnalyzeStackRequest(resources=[account, other, endpoint, setting])
    found = {
        (one.policyName, one.urn)
        for one in pack.AnalyzeStack(request).diagnostics
        if one.policyName in ("private-endpoints", "diagnostic-settings")
    }
    assert found == {("private-endpoints", other.urn), ("diagnostic-settings", account.urn)}


def configured(level):
    """What an engine makes of a configuration file: the level of each policy, and its settings."""
    document = json.loads((PACK / f"{level}.json").read_text())
    known = {rule.name: rule for rule in checklist.RULES}
    assert set(document) <= {"all", *known}
    for name, settings in document.items():
        if name != "all":
            assert set(settings) <= {"enforcementLevel", *known[name].settings}
    return document


def test_a_remediation_sets_what_is_safe_and_leaves_the_rest_alone(pack):
    def remediated(properties):
        request = analyzer_pb2.AnalyzeRequest(
            urn=f"urn:pulumi:prod::mlops::{ACCOUNT}::it",
            type=ACCOUNT,
            name="it",
            properties=json_format.ParseDict(properties, struct_pb2.Struct()),
            options=analyzer_pb2.AnalyzerResourceOptions(),
        )
        return [json_format.MessageToDict(one.properties) for one in pack.Remediate(request).remediations]

    wrong = {"allowBlobPublicAccess": True, "sku": {"name": "Standard_LRS"}}
    assert remediated(wrong) == []  # nobody asked for it
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig["anonymous-blobs"].enforcementLevel = analyzer_pb2.REMEDIATE
    pack.Configure(request)
    assert remediated(wrong) == [{**wrong, "allowBlobPublicAccess": False}]
    assert remediated({"allowBlobPublicAccess": False}) == []


@pytest.mark.parametrize(("file", "level"), [("dev", "advisory"), ("prod", "mandatory")])
def test_the_configuration_files_set_one_level_for_all_and_only_settings_that_exist(file, level):
    assert configured(file)["all"] == level


def test_a_configuration_changes_level_and_settings(pack):
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig["regions"].enforcementLevel = analyzer_pb2.MANDATORY
    request.policyConfig["regions"].properties.update({"allowed": ["eastus"]})
    pack.Configure(request)
    (found,) = [
        one for one in analyze(pack, ACCOUNT, {"location": "westeurope"}) if one.policyName == "regions"
    ]
    assert found.enforcementLevel == analyzer_pb2.MANDATORY
    assert "allowed are eastus" in found.message
