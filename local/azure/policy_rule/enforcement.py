"""What policies do to a write: change its body (``modify``, ``append``), refuse it (``deny``), or a deletion (``denyAction``).

Assignments are kept until one changes; where there is none, a write costs nothing.

Source: Microsoft Learn, "Azure Policy definitions effect basics" (order of evaluation), "Troubleshoot common errors"
(``RequestDisallowedByPolicy``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.logic.expression_parser import ExpressionError
from local.azure.policy import ASSIGNMENT
from local.azure.policy_rule.assignment import Policy, exempt, holds, policies, scope_with
from local.azure.policy_rule.change import ConflictError, appended, modified
from local.azure.policy_rule.check import EFFECTS, evaluated
from local.azure.policy_rule.condition import Evaluation, Subject
from local.azure.policy_rule.expression import RuleScope
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, resource_group_id
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.azure import Azure
    from local.azure.resource_type import Json, Record, ResourceId
    from local.azure.store import SqliteStore

_GROUP_TYPE = "Microsoft.Resources/subscriptions/resourceGroups"
_SUBSCRIPTION = {"id": f"/subscriptions/{SUBSCRIPTION_ID}", "subscriptionId": SUBSCRIPTION_ID, "tenantId": TENANT_ID, "displayName": "Local Azure"}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A policy whose rule holds for a resource, and its effect there."""

    policy: Policy
    effect: str
    trace: list[Json]


def subject_of(resource_id: ResourceId, body: Json) -> Subject:
    """A resource as rules see it."""
    kind = _GROUP_TYPE if resource_id.type == RESOURCE_GROUP else resource_id.type
    return Subject(resource_id.text, kind, resource_id.name, "/".join(resource_id.names), body)


def governed(subject: Subject, mode: str) -> bool:
    """Whether definitions of a mode are about resources such as this one.

    ``Indexed`` is for types with tags and a location. What Azure Resource Manager keeps for itself (deployments) is no policy's.
    """
    kind = subject.type.lower()
    if kind.startswith("microsoft.resources/") and kind not in (_GROUP_TYPE.lower(), SUBSCRIPTION.lower()):
        return False
    if mode.lower() == "all":
        return True
    return (
        evaluated(mode) and bool(subject.body.get("location")) and not kind.startswith("microsoft.resources/")
    )


class Enforcement:
    """Asked by every write and deletion."""

    def __init__(self, azure: Azure, store: SqliteStore) -> None:
        self._azure = azure
        self._store = store
        self._revision = -1
        self._assignments: list[Record] = []

    def assignments(self) -> list[Record]:
        """All assignments there are."""
        if self._revision != self._store.access_revision:
            self._assignments = sorted(self._store.of_type(ASSIGNMENT), key=lambda record: record.id.lower())
            self._revision = self._store.access_revision
        return self._assignments

    def written(self, resource_id: ResourceId, body: Json, api_version: str) -> Json:
        """The body that is written after all policies changed it.

        Raises:
            ArmError: 403 ``RequestDisallowedByPolicy``.
        """
        if not self.assignments():
            return body
        denied: list[Finding] = []
        for effect in ("modify", "append"):
            subject = subject_of(resource_id, body)
            for found in self.findings(subject, api_version, effects=(effect,)):
                evaluation = self._evaluation(found.policy, subject_of(resource_id, body), api_version)
                details = found.policy.definition["policyRule"]["then"]["details"]
                try:
                    body = (
                        modified(evaluation, details) if effect == "modify" else appended(evaluation, details)
                    )
                except (ConflictError, ExpressionError):
                    denied.append(found)
        denied += self.findings(subject_of(resource_id, body), api_version, effects=("deny",))
        if denied:
            raise refusal(resource_id.name, denied)
        return body

    def deleted(self, records: list[tuple[ResourceId, Json]]) -> None:
        """Refuses to delete resources that a policy keeps.

        Raises:
            ArmError: 403 ``RequestDisallowedByPolicy``.
        """
        if not self.assignments():
            return
        for resource_id, body in records:
            found = [
                one
                for one in self.findings(subject_of(resource_id, body), "", effects=("denyaction",))
                if "delete"
                in [
                    str(name).lower()
                    for name in one.policy.definition["policyRule"]["then"]["details"]["actionNames"]
                ]
            ]
            if found:
                raise refusal(resource_id.name, found)

    def findings(self, subject: Subject, api_version: str, *, effects: tuple[str, ...]) -> Iterator[Finding]:
        """The enforced policies of some effects whose rules hold for a resource; one that can't be evaluated denies."""
        for policy in self.about(subject, api_version):
            if not policy.enforced:
                continue
            evaluation = self._evaluation(policy, subject, api_version)
            try:
                effect = policy.effect(subject, evaluation.scope)
                if effect not in effects or exempt(self._azure, policy, subject):
                    continue
                held = evaluation.holds(policy.definition["policyRule"]["if"])
            except ExpressionError:
                # As Azure has it: a function that fails denies.
                held, effect = "deny" in effects, "deny"
            if held:
                yield Finding(policy, effect, evaluation.trace)

    def about(self, subject: Subject, api_version: str = "") -> Iterator[Policy]:
        """The policies in whose scope a resource is, of a mode that is about it."""
        scope = self.scope(subject, api_version)
        for assignment in self.assignments():
            if not holds(assignment, subject):
                continue
            for policy in policies(self._azure, assignment, scope):
                if governed(subject, str(policy.definition.get("mode") or "Indexed")):
                    yield policy

    def _evaluation(self, policy: Policy, subject: Subject, api_version: str) -> Evaluation:
        return self.evaluation(policy, subject, self.scope(subject, api_version))

    @staticmethod
    def evaluation(policy: Policy, subject: Subject, scope: RuleScope) -> Evaluation:
        """A policy's rule and a resource, ready to be evaluated."""
        shown = {"assignmentId": policy.assignment.id, "definitionId": policy.definition_id, "setDefinitionId": policy.set_id, "definitionReferenceId": policy.reference}  # fmt: skip
        return Evaluation(subject, replace(scope_with(scope, policy.parameters), policy=shown))

    def scope(self, subject: Subject, api_version: str) -> RuleScope:
        """Where expressions about a resource are evaluated."""
        resource_id = self._azure.parse(subject.id)
        group: Json | None = None
        if resource_id.resource_group is not None:
            path = resource_group_id(SUBSCRIPTION_ID, resource_id.resource_group)
            record = self._store.get(path)
            body = (
                subject.body if subject.type == _GROUP_TYPE else (record.body if record is not None else {})
            )
            group = {
                "id": path,
                "name": resource_id.resource_group,
                "type": "Microsoft.Resources/resourceGroups",
                "tags": {},
                **body,
            }
        return RuleScope(
            subscription=_SUBSCRIPTION,
            tenant={"tenantId": TENANT_ID},
            group=group,
            deployment={},
            parameters={},
            variables={},
            now=self._azure.now,
            api_version=api_version,
        )


def refusal(name: str, findings: list[Finding]) -> ArmError:
    """ARM's 403 with what was violated."""
    identifiers = [_identifiers(found.policy) for found in findings]
    reasons = list(dict.fromkeys(message for found in findings if (message := found.policy.message())))
    quoted = ", ".join(f"'{reason}'" for reason in reasons)
    why = (
        f"Reasons: {quoted}. See error details for policy resource IDs."
        if reasons
        else f"Policy identifiers: '{json.dumps(identifiers, separators=(',', ':'))}'."
    )
    return ArmError(
        403,
        "RequestDisallowedByPolicy",
        f"Resource '{name}' was disallowed by policy. {why}",
        target=name,
        additional=[{"type": "PolicyViolation", "info": _violation(found)} for found in findings],
    )


def _shown(identifier: str, display_name: str | None) -> Json:
    return {"name": display_name or identifier.rsplit("/", 1)[1], "id": identifier}


def _identifiers(policy: Policy) -> Json:
    assigned = policy.assignment
    found = {
        "policyAssignment": _shown(assigned.id, assigned.body["properties"].get("displayName")),
        "policyDefinition": _shown(policy.definition_id, policy.definition.get("displayName")),
    }
    return (
        {**found, "policySetDefinition": _shown(policy.set_id, policy.set_name)} if policy.set_id else found
    )


def _violation(found: Finding) -> Json:
    policy, assigned = found.policy, found.policy.assignment
    of_set = (
        {
            "policySetDefinitionId": policy.set_id,
            "policySetDefinitionName": policy.set_id.rsplit("/", 1)[1],
            "policySetDefinitionDisplayName": policy.set_name,
            "policyDefinitionReferenceId": policy.reference,
        }
        if policy.set_id
        else {}
    )
    return {
        "evaluationDetails": {
            "evaluatedExpressions": [one for one in found.trace if one["result"] == "True"]
        },
        "policyDefinitionId": policy.definition_id,
        "policyDefinitionName": policy.definition_id.rsplit("/", 1)[1],
        "policyDefinitionDisplayName": policy.definition.get("displayName"),
        "policyDefinitionEffect": EFFECTS.get(found.effect, found.effect),
        **of_set,
        "policyAssignmentId": assigned.id,
        "policyAssignmentName": assigned.name,
        "policyAssignmentDisplayName": assigned.body["properties"].get("displayName"),
        "policyAssignmentScope": policy.scope,
        "policyAssignmentParameters": assigned.body["properties"].get("parameters") or {},
    }
