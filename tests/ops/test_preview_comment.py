"""The comment: what it says, in which order, and how long it gets."""

from __future__ import annotations

import json
import re

import pytest
from previewing import (
    HARMLESS,
    OWN,
    READER,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    elements,
    markdown,
    preview,
    recorded,
    said,
    step,
)

TRAFFIC = "pulumi-python:dynamic/ml:Traffic"
MODEL = "pulumi-python:dynamic/ml:Model"
ROLE = "azure-native:authorization:RoleAssignment"
DEFINITION = "azure-native:authorization:RoleDefinition"
TRUST = "azure-native:managedidentity:FederatedIdentityCredential"


def headlines(text: str) -> list[str]:
    """The lines under "Look at these first", as they read."""
    part = text.split("#### Look at these first\n", 1)[1].split("####", 1)[0]
    return [
        re.sub(r"\*\*|`", "", line.removeprefix("- ")) for line in part.splitlines() if line.startswith("- ")
    ]


def test_a_recorded_preview_of_the_official_engine_becomes_a_comment() -> None:
    text = markdown(recorded("preview-change-json"))
    assert text.startswith("<!-- mlops-preview:dev -->\n### Preview of stack `dev`\n")
    assert "**1 to replace** · **1 to delete** · **2 to change** · **1 to create** · 2 unchanged" in text
    assert '- nested.deep[1].x: "y"\n+ nested.deep[1].x: "z"' in text
    assert "replaced for <code>generation</code>" in text
    assert "<b>group</b> Group: 1 to change" in text


def test_a_recorded_preview_without_changes_says_so() -> None:
    text = markdown(recorded("preview-same-json"))
    assert "**No changes.** 6 resources stay as they are." in text
    assert "<details>" not in text


def test_a_recorded_destroy_lists_every_deletion() -> None:
    text = markdown(recorded("destroy-preview-json"))
    assert "**6 to delete**" in text
    assert len(headlines(text)) == 4  # two are components, which are their parts


def test_a_first_preview_folds_what_is_created_by_component() -> None:
    text = markdown(recorded("preview-first-json"))
    assert "Look at these first" not in text
    assert "<summary><b>group</b> Group: 2 to create</summary>" in text


def test_a_change_of_the_model_reads_from_model_to_traffic() -> None:
    text = markdown((OWN / "model-change.json").read_text())
    assert headlines(text) == [
        "replace — deployment m-1c815614 is replaced by m-8fbae75d: the new one is made and smoke-tested before the old one goes",
        "traffic — of flight-delay-di0a2p: m-1c815614 100 % → m-8fbae75d 100 %",
        (
            "model — flight-delay: lineage 8fbae75dedde is not registered: up will train it (pipeline.yml on "
            "flights:2013.1); version 1 is archived after that"
        ),
    ]
    assert '- parameters.train_months: "1-3"\n+ parameters.train_months: "1-6"' in text
    assert "+ reference: [known after up]" in text
    assert "#### Messages" not in text


def test_replacements_deletions_traffic_models_and_access_come_in_this_order() -> None:
    grant = {
        "roleDefinitionId": f"/x/roleDefinitions/{READER}",
        "principalId": "p",
        "scope": "/a/storageAccounts/st",
    }
    text = markdown(
        preview(
            step("update", "plain", old={"a": 1}, new={"a": 2}),
            step("create", "grant", type_=ROLE, new=grant),
            step("create", "model", type_=MODEL, new={"name": "m", "outlook": "m: `up` will train it"}),
            step("update", "traffic", type_=TRAFFIC, old={"shares": {"a": 100}}, new={"shares": {"b": 100}}),
            step("delete", "gone", old={"a": 1}),
            step("replace", "other", old={"a": 1}, new={"a": 2}, replaceReasons=["a"]),
        )
    )
    assert [line.split(" ", 1)[0] for line in headlines(text)] == [
        "replace",
        "delete",
        "traffic",
        "model",
        "access",
    ]
    names = re.findall(r"<summary><code>.</code> <b>(\w+)</b>", text)
    assert names == ["other", "gone", "traffic", "model", "grant", "plain"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            {"endpoint": "e", "shares": {"m-1234": 100}},
            {"endpoint": "e", "shares": {"m-5678": 100}, "steps": [10.0, 50.0, 100.0]},
            "of e: m-1234 100 % → m-5678 100 % by canary 10 → 50 → 100 %",
        ),
        (
            {"endpoint": "e", "shares": {"m-1234": 100}},
            {"endpoint": "e", "shares": {"m-5678": 100}, "steps": [100]},
            "of e: m-1234 100 % → m-5678 100 % by blue-green",
        ),
        (
            {"endpoint": "e", "shares": {"m-1234": 100}, "steps": [100]},
            {"endpoint": "e", "shares": {"m-1234": 100}, "steps": [10, 100]},
            "of e: stays m-1234 100 %; how it moves next time changes",
        ),
        (
            {"endpoint": "e", "shares": {"m-1234": 100}},
            {"endpoint": UNKNOWN, "shares": UNKNOWN},
            "of traffic: m-1234 100 % → known after up",
        ),
        (
            {"endpoint": "e", "shares": {"m-1234": 100}},
            {"endpoint": "e", "shares": {"m-1234": 50, "m-5678": 50}, "steps": [10, 100]},
            "of e: m-1234 100 % → m-1234 50 %, m-5678 50 %",
        ),
        (
            {"endpoint": "e", "shares": {"m-1234": 100}, "unfinished": None},
            {"endpoint": "e", "shares": {"m-1234": 100}, "unfinished": "m-5678 at 10 %"},
            "of e: an unfinished rollout is brought to its end (m-5678 at 10 %)",
        ),
    ],
)
def test_traffic_reads_as_shares_and_steps(old: dict[str, object], new: dict[str, object], said: str) -> None:
    text = markdown(preview(step("update", "traffic", type_=TRAFFIC, old=old, new=new)))
    assert headlines(text) == [f"traffic — {said}"]


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("create", "Group 1234 gets Reader on st"),
        ("delete", "Group 1234 loses Reader on st"),
    ],
)
def test_access_reads_as_who_may_do_what(operation: str, said: str) -> None:
    grant = {
        "roleDefinitionId": f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        "principalId": "1234",
        "principalType": "Group",
        "scope": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st",
    }
    given = {"new": grant} if operation == "create" else {"old": grant}
    assert headlines(markdown(preview(step(operation, type_=ROLE, **given)))) == [f"access — {said}"]


def trusting(subject: str) -> dict[str, str]:
    return {"resourceName": "id-delivery", "subject": f"repo:a/b:{subject}"}


def permitting(*actions: str) -> dict[str, object]:
    return {"roleName": "deploy only", "permissions": [{"actions": list(actions), "notActions": []}]}


@pytest.mark.parametrize(
    ("operation", "type_", "given", "said"),
    [
        ("create", TRUST, {"new": trusting("x")}, "id-delivery trusts repo:a/b:x"),
        ("delete", TRUST, {"old": trusting("x")}, "id-delivery no longer trusts repo:a/b:x"),
        (
            "update",
            TRUST,
            {"old": trusting("x"), "new": trusting("y")},
            "id-delivery trusts repo:a/b:y, instead of repo:a/b:x",
        ),
        (
            "create",
            DEFINITION,
            {"new": permitting("a/read", "b/write")},
            "the role deploy only is created; it permits 2 actions",
        ),
        (
            "update",
            DEFINITION,
            {"old": permitting("a/read", "b/write"), "new": permitting("a/read", "c/write")},
            "the role deploy only permits c/write as well, and no longer permits b/write",
        ),
        (
            "update",
            DEFINITION,
            {"old": permitting("a/read"), "new": {**permitting("a/read"), "description": "d"}},
            "the role deploy only is changed",
        ),
    ],
)
def test_roles_and_whom_an_identity_trusts_are_access_too(
    operation: str, type_: str, given: dict[str, dict[str, object]], said: str
) -> None:
    assert headlines(markdown(preview(step(operation, type_=type_, **given)))) == [f"access — {said}"]


def test_a_new_platforms_many_grants_are_one_line() -> None:
    grants = [step("create", f"grant-{n}", type_=ROLE, new={"scope": UNKNOWN}) for n in range(18)]
    assert headlines(markdown(preview(*grants))) == [
        "access — 18 role assignments on new resources, listed below"
    ]
    assert len(headlines(markdown(preview(*grants[:2])))) == 2


def test_names_of_commands_in_messages_are_set_as_code() -> None:
    text = markdown(
        preview(diagnostics=[{"severity": "warning", "message": "run `pulumi up` <now>, not `later"}])
    )
    assert "- warning: run `pulumi up` &lt;now&gt;, not &#96;later" in text


def test_a_protected_resource_that_would_go_says_that_the_update_will_refuse() -> None:
    gone = step("delete", "lake", old={"a": 1})
    gone["oldState"]["protect"] = True
    assert "it is protected, so the update will refuse" in headlines(markdown(preview(gone)))[0]


def test_the_providers_own_diff_names_nested_paths_and_what_forces_a_replacement() -> None:
    detailed = {
        'tags["cost.center"]': {"kind": "update", "inputDiff": True},
        "rules[1].port": {"kind": "add-replace"},
        "identity": {"kind": "delete"},
    }
    text = markdown(
        preview(
            step(
                "replace",
                old={"tags": {"cost.center": "a"}, "rules": [{"port": 1}]},
                outputs={"tags": {"cost.center": "a"}, "rules": [{"port": 1}], "identity": "system"},
                new={"tags": {"cost.center": "b"}, "rules": [{"port": 1}, {"port": 2}]},
                detailedDiff=detailed,
                replaceReasons=["rules"],
            )
        )
    )
    assert '- tags["cost.center"]: "a"\n+ tags["cost.center"]: "b"' in text
    assert "+ rules[1].port: 2" in text
    assert '- identity: "system"\n' in text


def test_secrets_that_change_show_that_they_change_and_nothing_else() -> None:
    def secret(text: str) -> dict[str, str]:
        return {SIGNATURE: SECRET, "ciphertext": text}

    text = markdown(preview(step("update", old={"text": secret("v1:aaaa")}, new={"text": secret("v1:bbbb")})))
    assert "- text: [secret]\n+ text: [secret]" in text
    assert "v1:" not in text


def test_long_values_are_cut_where_they_differ() -> None:
    text = markdown(preview(step("update", old={"a": "x" * 900 + "old"}, new={"a": "x" * 900 + "new"})))
    assert 'old"' in text
    assert 'new"' in text
    assert "x" * 300 not in text


def test_markup_in_values_names_and_messages_does_nothing() -> None:
    evil = "</details><script>x</script> ```\n# Title @everyone #1 https://evil.example [a](b) | `tick` \u202egnol"
    text = markdown(
        preview(
            step("update", f"name {evil}", old={"a": 1}, new={"a": evil, evil: 2}),
            step("update", "traffic", type_=TRAFFIC, old={"shares": {"a": 100}}, new={"shares": {evil: 100}}),
            diagnostics=[
                {"severity": "warning", "message": evil, "urn": f"urn:pulumi:dev::mlops::t:t:T::{evil}"}
            ],
        ),
        title=evil,
    )
    assert "\u202e" not in text
    assert elements(text) <= HARMLESS
    prose = "".join(said(text))
    for active in ("@everyone", "#1", "https://"):
        assert active not in prose


def test_policies_come_from_the_engines_event_log_and_mandatory_ones_are_said_on_top() -> None:
    events = "\n".join(
        json.dumps(
            {
                "policyEvent": {
                    "policyName": name,
                    "enforcementLevel": level,
                    "message": "why and how",
                    "resourceUrn": "a::b::c::st",
                }
            }
        )
        for name, level in (("tags", "advisory"), ("no-public-access", "mandatory"))
    )
    failing = [{"severity": "error", "message": "preview failed"}]
    text = markdown(
        preview(step("create", "st", new={"a": 1}), diagnostics=failing), events=events + '\n{"cut'
    )
    assert "> 1 mandatory policy is broken: the update would be refused." in text
    assert text.index("- **mandatory** `no-public-access` on `st`: why and how") < text.index(
        "**advisory** `tags`"
    )


def test_warnings_of_the_program_are_shown() -> None:
    text = markdown(preview(diagnostics=[{"severity": "warning", "message": "deprecated: x"}]))
    assert "- warning: deprecated: x" in text


def test_a_comment_that_is_too_long_keeps_the_gravest_and_says_what_it_left_out() -> None:
    steps = [step("create", f"created-{n}", new={"a": "x" * 200}) for n in range(1500)]
    steps += [step("update", f"changed-{n}", old={"a": "x" * 150}, new={"a": "y" * 150}) for n in range(300)]
    steps += [step("delete", f"deleted-{n}", old={"a": 1}) for n in range(20)]
    text = markdown(preview(*steps))
    assert len(text.encode()) <= 65_536
    assert all(f"<b>deleted-{n}</b>" in text for n in range(20))
    left = re.search(r"\*\*Left out, .*?:\*\* (.*)\. `pulumi preview --diff -s dev` shows them\.", text)
    assert left, text[-500:]
    assert re.search(r"\d+ resources to create", left.group(1))
    assert "the properties of" in left.group(1)


def test_each_stack_has_a_marker_of_its_own_that_nothing_can_leave() -> None:
    text = preview({"op": "update", "urn": "urn:pulumi:a--><b>::p::t:t:T::n"})
    assert markdown(text).splitlines()[0] == "<!-- mlops-preview:a--__b_ -->"
