"""How what is there stands to the policies assigned: the states that Azure's scans find, found when they are asked for.

A resource that a policy is about is ``NonCompliant`` where the rule's ``if`` holds; with ``auditIfNotExists`` and
``deployIfNotExists`` where besides nothing of the related type meets the existence condition. Nothing is deployed here, so what a
``deployIfNotExists`` would have deployed is missing, and said to be. ``Exempt`` is what an exemption takes out; what is disabled has
no state, nor what a rule isn't about.

Source: Microsoft Learn, "Azure Policy compliance states", "Azure Policy definitions auditIfNotExists effect".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.azure.logic.expression_parser import ExpressionError
from local.azure.operation import present
from local.azure.policy_rule.assignment import Policy, exempt, scope_with
from local.azure.policy_rule.check import EFFECTS
from local.azure.policy_rule.condition import Evaluation
from local.azure.policy_rule.enforcement import Enforcement, subject_of
from local.azure.resource_id import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.azure.azure import Azure
    from local.azure.catalog import Catalog
    from local.azure.policy_rule.condition import Subject
    from local.azure.resource_type import Json, Record
    from local.azure.store import SqliteStore

_IF_NOT_EXISTS = ("auditifnotexists", "deployifnotexists")


@dataclass(frozen=True)
class State:
    """How a resource stands to a policy: ``Compliant``, ``NonCompliant`` or ``Exempt``."""

    subject: Subject
    policy: Policy
    effect: str
    compliance: str


class Compliance:
    """Finds states."""

    def __init__(self, azure: Azure, store: SqliteStore, catalog: Catalog) -> None:
        self._azure = azure
        self._store = store
        self._catalog = catalog
        self._policies = Enforcement(azure, store)

    def states(self, scope: str) -> Iterator[State]:
        """The states of what is at and below a scope."""
        if not self._policies.assignments():
            return
        own = self._store.get(scope)
        records = [*([own] if own is not None else []), *self._store.below(scope)]
        for record in records:
            subject = self._subject(record)
            if subject is not None:
                yield from self._of(subject)

    def _subject(self, record: Record) -> Subject | None:
        """A resource as it is shown (with the private endpoints that lead to it); None: it is none of Azure's."""
        kind = self._catalog.find(record.type)
        if kind is None:
            return None
        return subject_of(parse(record.id), present(self._azure, kind, record, ""))

    def _of(self, subject: Subject) -> Iterator[State]:
        scope = self._policies.scope(subject, "9999-12-31")
        for policy in self._policies.about(subject):
            evaluation = Enforcement.evaluation(policy, subject, scope)
            rule: Json = policy.definition["policyRule"]
            try:
                effect = policy.effect(subject, evaluation.scope)
                if effect == "disabled" or effect not in EFFECTS or not evaluation.applicable(rule["if"]):
                    continue
                held = evaluation.holds(rule["if"])
                if effect in _IF_NOT_EXISTS:
                    if not held:
                        continue
                    held = not self._exists(subject, rule["then"]["details"], policy, evaluation)
            except ExpressionError:
                held, effect = True, "deny"
            state = "NonCompliant" if held else "Compliant"
            yield State(subject, policy, effect, "Exempt" if exempt(self._azure, policy, subject) else state)

    def _exists(self, subject: Subject, details: Json, policy: Policy, evaluation: Evaluation) -> bool:
        """Whether something related to a resource meets the existence condition."""
        for other in self._related(subject, details, evaluation):
            scope = scope_with(evaluation.scope, policy.parameters)
            inner = Evaluation(other, replace(scope, policy=evaluation.scope.policy))
            if "existenceCondition" not in details or inner.holds(details["existenceCondition"]):
                return True
        return False

    def _related(self, subject: Subject, details: Json, evaluation: Evaluation) -> Iterator[Subject]:
        """What is of the details' type and name: the resource itself, its children and extensions, else what is in its group."""
        kind = str(evaluation.value(details["type"]))
        name = str(evaluation.value(details.get("name") or ""))
        if kind.lower() == subject.type.lower():
            yield subject
            return
        resource_id = parse(subject.id)
        child = kind.lower().startswith(f"{subject.type.lower()}/")
        extension = "existenceScope" not in details and kind.lower().startswith(
            "microsoft.insights/diagnostic"
        )
        above = subject.id
        if not child and not extension:
            group = details.get("resourceGroupName") or resource_id.resource_group
            above = f"/subscriptions/{resource_id.subscription_id}"
            if str(details.get("existenceScope", "resourceGroup")).lower() == "resourcegroup" and group:
                above = f"{above}/resourceGroups/{evaluation.value(group)}"
        for record in self._store.below(above, kind):
            found = self._subject(record)
            wanted = not name or record.name.lower() == name.rsplit("/", 1)[-1].lower()
            if (
                found is not None
                and wanted
                and (child or not extension or parse(record.id).scope.lower() == subject.id.lower())
            ):
                yield found
