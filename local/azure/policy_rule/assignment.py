"""Which policies hold for a resource: assignments at its scopes, what they leave out, exemptions, overrides. Reads the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.logic.expression_parser import ExpressionError
from local.azure.policy import refers_to
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.azure import Azure
    from local.azure.policy_rule.condition import Subject
    from local.azure.policy_rule.expression import RuleScope
    from local.azure.resource_type import Json, Record

EXEMPTION = "Microsoft.Authorization/policyExemptions"


@dataclass(frozen=True)
class Policy:
    """One definition as an assignment brings it, by itself or as a member of a set."""

    assignment: Record
    definition_id: str
    #: the definition's properties
    definition: Json
    parameters: Json
    reference: str = ""
    set_id: str = ""
    set_name: str = ""
    groups: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """Where it is assigned."""
        return parse(self.assignment.id).scope

    @property
    def enforced(self) -> bool:
        """Whether its effect is had, or only reported."""
        return self.assignment.body["properties"].get("enforcementMode", "Default") != "DoNotEnforce"

    def effect(self, subject: Subject, scope: RuleScope) -> str:
        """Its effect on a resource, in lower case."""
        for override in self.assignment.body["properties"].get("overrides") or []:
            chosen = all(_selected(one, subject, self.reference) for one in override.get("selectors") or [])
            if override.get("kind") == "policyEffect" and chosen:
                return str(override.get("value")).lower()
        return str(scope.value(self.definition["policyRule"]["then"]["effect"])).lower()

    def message(self) -> str:
        """What its assignment says of resources that don't comply, if anything."""
        messages: list[Json] = self.assignment.body["properties"].get("nonComplianceMessages") or []
        own = [
            one["message"]
            for one in messages
            if one.get("policyDefinitionReferenceId") == self.reference and self.reference
        ]
        general = [one["message"] for one in messages if not one.get("policyDefinitionReferenceId")]
        return str((own or general or [""])[0])


def policies(azure: Azure, assignment: Record, scope: RuleScope) -> Iterator[Policy]:
    """What an assignment brings: its definition, or those of its set with the parameters that the set gives them.

    Definitions that are gone are left out.
    """
    given: Json = assignment.body["properties"]
    identifier = str(given["policyDefinitionId"])
    try:
        definition = _properties(refers_to(azure, identifier))
    except ArmError:
        return
    parameters = _parameters(definition, given.get("parameters") or {})
    if "policyDefinitions" not in definition:
        yield Policy(assignment, identifier, definition, parameters)
        return
    inside = scope_with(scope, parameters)
    for member in definition["policyDefinitions"]:
        own = str(member["policyDefinitionId"])
        try:
            found = _properties(refers_to(azure, own))
            passed = {
                name: {"value": inside.value(one.get("value"))}
                for name, one in (member.get("parameters") or {}).items()
            }
        except (ArmError, ExpressionError):
            continue
        yield Policy(
            assignment,
            own,
            found,
            _parameters(found, passed),
            str(member.get("policyDefinitionReferenceId") or ""),
            identifier,
            str(definition.get("displayName") or identifier.rsplit("/", 1)[1]),
            tuple(member.get("groupNames") or ()),
        )


def holds(assignment: Record, subject: Subject) -> bool:
    """Whether an assignment is about a resource: it is in its scope, not in what that leaves out, and selected."""
    key, given = f"{subject.id.lower()}/", assignment.body["properties"]
    if not key.startswith(f"{parse(assignment.id).scope.lower()}/"):
        return False
    if any(key.startswith(f"{str(scope).lower().rstrip('/')}/") for scope in given.get("notScopes") or []):
        return False
    selectors: list[Json] = given.get("resourceSelectors") or []
    return not selectors or any(
        all(_selected(one, subject, "") for one in chosen.get("selectors") or []) for chosen in selectors
    )


def exempt(azure: Azure, policy: Policy, subject: Subject) -> bool:
    """Whether an exemption that hasn't expired takes a resource out of a policy."""
    key = f"{subject.id.lower()}/"
    for record in azure.store.of_type(EXEMPTION):
        given: Json = record.body["properties"]
        members = [str(one).lower() for one in given.get("policyDefinitionReferenceIds") or []]
        expires = given.get("expiresOn")
        if (
            key.startswith(f"{parse(record.id).scope.lower()}/")
            and str(given["policyAssignmentId"]).lower() == policy.assignment.id.lower()
            and (not members or policy.reference.lower() in members)
            and (not expires or datetime.fromisoformat(str(expires)) > azure.now())
        ):
            return True
    return False


def scope_with(scope: RuleScope, parameters: Json) -> RuleScope:
    """A scope with parameters."""
    return replace(scope, parameters=parameters)


def _properties(found: Record | Json) -> Json:
    return found if isinstance(found, dict) else found.body["properties"]


def _parameters(definition: Json, given: Json) -> Json:
    values = {
        name: one["defaultValue"]
        for name, one in (definition.get("parameters") or {}).items()
        if "defaultValue" in one
    }
    named = {name.lower(): name for name in definition.get("parameters") or {}}
    for name, one in given.items():
        values[named.get(name.lower(), name)] = one.get("value") if isinstance(one, dict) else one
    return values


def _selected(selector: Json, subject: Subject, reference: str) -> bool:
    location: Any = subject.body.get("location")
    match str(selector.get("kind")):
        case "resourceType":
            value = subject.type
        case "resourceLocation":
            value = str(location or "")
        case "resourceWithoutLocation":
            return location in (None, "")
        case "policyDefinitionReferenceId":
            value = reference
        case _:
            # Of whom a request is from: not told apart here, so nobody is left out.
            return True
    chosen = {str(one).lower() for one in selector.get("in") or []}
    left_out = {str(one).lower() for one in selector.get("notIn") or []}
    return (not chosen or value.lower() in chosen) and value.lower() not in left_out
