"""Microsoft.PolicyInsights: how what is there stands to the policies assigned.

Scope: ``policyStates/latest`` (queried, summarized, triggered) for the subscription, groups, resources, an assignment and a definition,
evaluated when it is asked for. Omitted: history (``default`` states), events, remediations, attestations, ``$apply`` and filters other
than comparisons joined by ``and``: 501.

Source: Microsoft Learn, "Policy States - List Query Results For Subscription", "Policy States - Summarize For Subscription".
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from local.azure.errors import unsupported
from local.azure.policy_rule.check import EFFECTS
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call, Json, Route
from local.settings import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.policy_rule.compliance import State

_HOST = re.compile(r"management\.azure\.com")
_SCOPE = r"(?P<scope>/subscriptions/[^/]+(?:/.+)?)"
_CONTEXT = (
    "https://management.azure.com{scope}/providers/Microsoft.PolicyInsights/policyStates/$metadata#latest"
)
_COMPARISON = re.compile(
    r"(?P<key>\w+)\s+(?P<operator>eq|ne|ge|gt|le|lt)\s+(?P<value>'(?:[^']|'')*'|[\w:.+-]+)", re.IGNORECASE
)
#: The subscription's own policies and assignments can be asked for as if they were scopes.
_OF = re.compile(r"(?P<scope>.+)/providers/Microsoft\.Authorization/(?P<kind>policyAssignments|policyDefinitions|policySetDefinitions)/(?P<name>[^/]+)", re.IGNORECASE)  # fmt: skip
_KEYS = {"policyassignments": "policyAssignmentName", "policydefinitions": "policyDefinitionName", "policysetdefinitions": "policySetDefinitionName"}  # fmt: skip


def _state(azure: Azure, state: State) -> Json:
    policy, subject = state.policy, state.subject
    resource_id = parse(subject.id)
    metadata: Json = policy.definition.get("metadata") or {}
    tags = subject.body.get("tags")
    return {
        "@odata.id": None,
        "@odata.context": f"{_CONTEXT.format(scope=f'/subscriptions/{SUBSCRIPTION_ID}')}/$entity",
        "timestamp": azure.now().isoformat(),
        "resourceId": subject.id.lower(),
        "policyAssignmentId": policy.assignment.id.lower(),
        "policyDefinitionId": policy.definition_id.lower(),
        "effectiveParameters": "",
        "isCompliant": state.compliance != "NonCompliant",
        "subscriptionId": SUBSCRIPTION_ID,
        "resourceType": subject.type,
        "resourceLocation": str(subject.body.get("location") or ""),
        "resourceGroup": resource_id.resource_group or "",
        "resourceTags": str(tags) if tags else "tbd",
        "policyAssignmentName": policy.assignment.name,
        "policyAssignmentOwner": "tbd",
        "policyAssignmentParameters": "",
        "policyAssignmentScope": policy.scope.lower(),
        "policyDefinitionName": policy.definition_id.rsplit("/", 1)[1],
        "policyDefinitionAction": EFFECTS.get(state.effect, state.effect).lower(),
        "policyDefinitionCategory": metadata.get("category", "tbd"),
        "policySetDefinitionId": policy.set_id.lower(),
        "policySetDefinitionName": policy.set_id.rpartition("/")[2],
        "policySetDefinitionOwner": "",
        "policySetDefinitionCategory": "",
        "policySetDefinitionParameters": "",
        "managementGroupIds": "",
        "policyDefinitionReferenceId": policy.reference,
        "complianceState": state.compliance,
        "policyDefinitionGroupNames": list(policy.groups),
        "policyDefinitionVersion": policy.definition.get("version", ""),
    }


def _found(azure: Azure, call: Call) -> list[tuple[State, Json]]:
    """The states that a request asks for."""
    for key in ("$apply", "$from", "$to"):
        if call.query.get(key):
            raise unsupported(f"The query option '{key}' of policy states")
    scope, wanted = call.captured["scope"], _conditions(call.query.get("$filter", ""))
    if (of := _OF.fullmatch(scope)) is not None:
        scope = of["scope"]
        wanted.append((_KEYS[of["kind"].lower()], "eq", of["name"]))
    shown = ((state, _state(azure, state)) for state in azure.compliance.states(scope))
    return [(state, one) for state, one in shown if all(_meets(one, *condition) for condition in wanted)]


def _conditions(text: str) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    for part in re.split(r"\s+and\s+", text.strip().strip("()"), flags=re.IGNORECASE) if text.strip() else []:
        comparison = _COMPARISON.fullmatch(part.strip().strip("()").strip())
        if comparison is None:
            raise unsupported(f"The filter '{part}' of policy states")
        value = comparison["value"].strip("'").replace("''", "'")
        found.append((comparison["key"], comparison["operator"].lower(), value))
    return found


def _meets(one: Json, key: str, operator: str, value: str) -> bool:
    name = next((known for known in one if known.lower() == key.lower()), None)
    if name is None or operator not in ("eq", "ne"):
        raise unsupported(f"The filter '{key} {operator}' of policy states")
    return (str(one[name]).lower() == value.lower()) == (operator == "eq")


async def _query(azure: Azure, call: Call) -> Answer:
    found = [one for _, one in _found(azure, call)]
    top = int(call.query.get("$top") or 1000)
    context = _CONTEXT.format(scope=call.captured["scope"])
    if (order := call.query.get("$orderby", "")) and not order.lower().startswith("timestamp"):
        raise unsupported(f"The order '{order}' of policy states")
    return Answer(200, {"@odata.context": context, "@odata.count": len(found[:top]), "value": found[:top]})


async def _summarize(azure: Azure, call: Call) -> Answer:
    states = [state for state, _ in _found(azure, call)]
    by_assignment: dict[str, list[State]] = defaultdict(list)
    for state in states:
        by_assignment[state.policy.assignment.id].append(state)
    assignments = [
        {
            "policyAssignmentId": identifier.lower(),
            "policySetDefinitionId": mine[0].policy.set_id.lower(),
            "results": _results(mine),
            "policyDefinitions": _definitions(mine),
        }
        for identifier, mine in by_assignment.items()
    ]
    context = f"{_CONTEXT.format(scope=call.captured['scope']).partition('#')[0]}#summary"
    one: Json = {"@odata.id": None, "@odata.context": f"{context}/$entity", "results": _results(states), "policyAssignments": assignments}  # fmt: skip
    return Answer(200, {"@odata.context": context, "@odata.count": 1, "value": [one]})


def _definitions(states: list[State]) -> list[Json]:
    by_definition: dict[tuple[str, str], list[State]] = defaultdict(list)
    for state in states:
        by_definition[state.policy.definition_id.lower(), state.policy.reference].append(state)
    return [
        {
            "policyDefinitionId": identifier,
            "policyDefinitionReferenceId": reference,
            "effect": EFFECTS.get(mine[0].effect, mine[0].effect).lower(),
            "results": _results(mine),
        }
        for (identifier, reference), mine in by_definition.items()
    ]


def _results(states: list[State]) -> Json:
    wrong = [state for state in states if state.compliance == "NonCompliant"]
    counts: dict[str, int] = defaultdict(int)
    worst = {"NonCompliant": 2, "Exempt": 1, "Compliant": 0}
    of_resource: dict[str, str] = {}
    for state in states:
        before = of_resource.get(state.subject.id, "Compliant")
        of_resource[state.subject.id] = max(before, state.compliance, key=lambda one: worst[one])
    for compliance in of_resource.values():
        counts[compliance.lower()] += 1
    return {
        "queryResultsUri": None,
        "nonCompliantResources": len({state.subject.id for state in wrong}),
        "nonCompliantPolicies": len(
            {(state.policy.definition_id.lower(), state.policy.reference) for state in wrong}
        ),
        "resourceDetails": [
            {"complianceState": name, "count": count} for name, count in sorted(counts.items())
        ],
    }


async def _trigger(_azure: Azure, _call: Call) -> Answer:
    """States are found when they are asked for: there is nothing to wait for."""
    return Answer(200, None)


def _route(what: str, handle: Any) -> Route:
    path = rf"{_SCOPE}/providers/Microsoft\.PolicyInsights/policyStates/latest/{what}"
    return Route(_HOST, re.compile(path, re.IGNORECASE), handle, ("POST",))


ROUTES = (
    _route("queryResults", _query),
    _route("summarize", _summarize),
    _route("triggerEvaluation", _trigger),
)
