"""Microsoft.Resources/deployments: ARM templates, deployed at the scope of a resource group or of the subscription.

Scope: PUT (incremental; complete at a resource group's scope, which deletes what the template doesn't have), GET, list, DELETE
of the record, ``validate``, ``whatIf``, ``exportTemplate``, ``cancel``, operations, outputs, nested deployments. What a template
may say is in ``template/``. Resources are made by the same requests as a client's, in the name of who began the deployment,
one after the other as far as they depend on each other. Secure parameters are kept apart and forgotten when it ends.

Omitted (501): templates behind links and template specs, ``onErrorDeployment``, management group and tenant scope, deployment
stacks and scripts.

Sources: REST reference "Deployments", Microsoft Learn "Azure Resource Manager deployment modes".
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from local.azure.deployment_work import Work, reference, request, secure_values
from local.azure.errors import ArmError, bad_request, unsupported
from local.azure.logic.expression_parser import ExpressionError
from local.azure.resource_id import RESOURCE_GROUP, parse
from local.azure.resource_type import Answer, Call, Json, Record, ResourceId, ResourceType
from local.azure.template import parameter
from local.azure.template.duration import written
from local.azure.template.plan import DEPLOYMENT, Plan, plan
from local.azure.template.scope import NeededError, Scope
from local.settings import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.azure.azure import Azure

_SECRET = "secure-parameters"  # noqa: S105 (a name)
#: What of ``properties`` is kept and not shown.
_HIDDEN = frozenset({"template", "operations", "debugSetting"})
_MODES = {"incremental": "Incremental", "complete": "Complete"}


# --- deciding


def checked(resource_id: ResourceId, body: Json) -> Json:
    """The properties of a deployment's body.

    Raises:
        ArmError: 400 or 501, it can't be deployed.
    """
    if not resource_id.subscription_id:
        raise unsupported("A deployment at the scope of a management group or the tenant")
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request content needs 'properties'.", code="InvalidRequestContent")
    for key, what in (
        ("templateLink", "A deployment of a linked template (templateLink)"),
        ("parametersLink", "A deployment with linked parameters (parametersLink)"),
        ("onErrorDeployment", "A deployment with onErrorDeployment"),
    ):
        if properties.get(key) is not None:
            raise unsupported(what)
    if not isinstance(properties.get("template"), dict):
        raise bad_request("A deployment needs a template.", code="InvalidTemplate")
    if resource_id.resource_group is None and not body.get("location"):
        raise bad_request(
            "The 'location' property is required for a deployment at subscription scope.",
            code="LocationRequired",
        )
    mode = _MODES.get(str(properties.get("mode", "Incremental")).lower())
    if mode is None or (mode == "Complete" and resource_id.resource_group is None):
        raise bad_request(
            f"The deployment mode '{properties.get('mode')}' is not valid at this scope.",
            code="InvalidDeploymentMode",
        )
    return {**properties, "mode": mode}


def planned(azure: Azure, resource_id: ResourceId, body: Json) -> Plan:
    """What a deployment's body deploys.

    Raises:
        ArmError: 400 or 501, it can't be deployed.
    """
    properties = checked(resource_id, body)
    parameters = properties.get("parameters") or {}
    group = azure.store.get(resource_id.scope) if resource_id.resource_group is not None else None
    scope = Scope(
        subscription={
            "id": f"/subscriptions/{SUBSCRIPTION_ID}",
            "subscriptionId": SUBSCRIPTION_ID,
            "tenantId": TENANT_ID,
            "displayName": "Local Azure",
        },
        tenant={"tenantId": TENANT_ID, "displayName": "Local Azure"},
        group=(
            {"id": group.id, "name": group.name, "type": RESOURCE_GROUP, "tags": {}, **group.body}
            if group
            else None
        ),
        deployment={
            "name": resource_id.name,
            **({"location": body["location"]} if body.get("location") else {}),
            "properties": {key: properties.get(key) for key in ("template", "parameters", "mode")},
        },
        parameters={},
        variables={},
        now=azure.now,
    )
    return plan(
        properties["template"], parameters, scope, group.id if group else f"/subscriptions/{SUBSCRIPTION_ID}"
    )


def _shown_parameters(template: Json, values: Json) -> Json:
    shown: Json = {}
    for name, declared in (template.get("parameters") or {}).items():
        kind = str(declared.get("type", ""))
        entry: Json = {"type": kind[:1].upper() + kind[1:]}
        if not parameter.is_secure(declared):
            entry["value"] = values[name]
        shown[name] = entry
    return shown


def _described(found: Plan, azure: Azure) -> Json:
    """What a deployment says of its plan: providers, dependencies."""
    providers: dict[str, dict[str, set[str]]] = {}
    for one in found.resources:
        namespace, _, kind = one.type.partition("/")
        location = one.raw.get("location")
        with contextlib.suppress(ExpressionError, NeededError):
            location = one.scope.value(location)
        providers.setdefault(namespace, {}).setdefault(kind, set()).update(
            {str(location)} if location else set()
        )
    by_key = {one.key: one for one in found.resources}
    del azure
    return {
        "providers": [
            {
                "namespace": namespace,
                "resourceTypes": [
                    {"resourceType": kind, "locations": sorted(places) or [None]}
                    for kind, places in kinds.items()
                ],
            }
            for namespace, kinds in providers.items()
        ],
        "dependencies": [
            {"dependsOn": [reference(by_key[key]) for key in sorted(one.depends)], **reference(one)}
            for one in found.resources
            if one.depends
        ],
    }


def _prepare(azure: Azure, resource_id: ResourceId, body: Json, _old: Record | None) -> Json:
    properties = checked(resource_id, body)
    found = planned(azure, resource_id, body)
    template = properties["template"]
    given = properties.get("parameters") or {}
    secure = {
        name
        for name in given
        if any(
            name.lower() == one.lower() and parameter.is_secure(d)
            for one, d in (template.get("parameters") or {}).items()
        )
    }
    azure.store.put_secret(
        f"{resource_id.text}/{_SECRET}", json.dumps({name: given[name] for name in secure})
    )
    return {
        **({"location": body["location"]} if body.get("location") else {}),
        **({"tags": body["tags"]} if body.get("tags") else {}),
        "properties": {
            "template": template,
            "given": {name: value for name, value in given.items() if name not in secure},
            "templateHash": str(
                int(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(template, sort_keys=True)).int % 10**19)
            ),
            "parameters": _shown_parameters(template, found.parameters),
            "mode": properties["mode"],
            "correlationId": str(uuid.uuid4()),
            "timestamp": azure.now().isoformat(),
            "duration": "PT0S",
            **_described(found, azure),
            "operations": [],
        },
    }


def _view(_azure: Azure, _record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    properties = {key: value for key, value in body["properties"].items() if key not in _HIDDEN | {"given"}}
    return {**body, "properties": properties}


# --- deploying


def whole(azure: Azure, record: Record) -> Json:
    """A stored deployment's body as it was sent, secure parameters included."""
    properties = record.body["properties"]
    secret = json.loads(azure.store.secret(f"{record.id}/{_SECRET}") or "{}")
    return {
        **record.body,
        "properties": {
            "template": properties["template"],
            "parameters": {**properties["given"], **secret},
            "mode": properties["mode"],
        },
    }


async def _settle(azure: Azure, record: Record) -> Json | None:
    began = azure.now()
    resource_id = parse(record.id)
    body = whole(azure, record)
    found = planned(azure, resource_id, body)
    secrets = secure_values(body["properties"]["template"], found.parameters)
    work = Work(azure, record, found, secrets=secrets)
    results: Json = {}
    try:
        await work.run()
        results["outputs"] = await work.evaluated(work.plan.outputs_with)
        if record.body["properties"]["mode"] == "Complete":
            await _delete_others(azure, resource_id.scope, work.plan, by=work.by)
    except ArmError as error:
        results = {"error": error.body()["error"]}
        raise
    finally:
        azure.store.delete_secrets(f"{record.id}/{_SECRET}")
        current = azure.store.get(record.id)
        if current is not None:
            made = {
                key: value
                for key, value in current.body["properties"].items()
                if key not in ("error", "outputs")
            }
            made |= {
                "operations": work.operations,
                "outputResources": [{"id": one.id} for one in work.plan.resources if one.type != DEPLOYMENT],
                "duration": written((azure.now() - began).total_seconds()),
                **results,
            }
            azure.store.put(record.id, {**current.body, "properties": made})
    return None


async def _delete_others(azure: Azure, group: str, found: Plan, *, by: str) -> None:
    """Deletes the resources of a group that a template in complete mode doesn't have."""
    kept = {one.key for one in found.resources}
    for record in azure.store.below(group):
        parsed = parse(record.id)
        if len(parsed.names) > 1 or parsed.scope.lower() != group.lower() or parsed.type == DEPLOYMENT:
            continue
        if parsed.key not in kept and azure.store.get(record.id) is not None:
            await request(azure, "DELETE", record.id, "2024-03-01", by=by)


async def _export(_azure: Azure, _call: Call, record: Record) -> Answer:
    return Answer(200, {"template": record.body["properties"]["template"]})


async def _cancel(_azure: Azure, _call: Call, record: Record) -> Answer:
    state = record.body["properties"].get("provisioningState")
    raise ArmError(
        409,
        "DeploymentCannotBeCancelled",
        f"Unable to cancel deployment '{record.name}' because it has already been '{state}'.",
    )


def _check_group(azure: Azure, resource_id: ResourceId) -> None:
    if resource_id.resource_group is not None and azure.store.get(resource_id.scope) is None:
        raise ArmError(
            404, "ResourceGroupNotFound", f"Resource group '{resource_id.resource_group}' could not be found."
        )


def validated(azure: Azure, resource_id: ResourceId, body: Mapping[str, Any]) -> Plan:
    """The plan of a body that isn't deployed (yet).

    Raises:
        ArmError: it can't be.
    """
    _check_group(azure, resource_id)
    return planned(azure, resource_id, dict(body))


async def _vanish(_azure: Azure, _record: Record) -> None:
    """What it deployed stays."""


TYPES = (
    ResourceType(
        DEPLOYMENT,
        prepare=_prepare,
        settle=_settle,
        view=_view,
        patch=False,
        creating="Accepted",
        vanish=_vanish,
        actions={"exportTemplate": _export, "cancel": _cancel},
    ),
)
