"""Functions (invokes): ``getX`` of every resource type in the table, and what lists keys and the like of one.

A function that isn't known is refused by name. Arguments besides names in a path are sent as they are.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.provider import wire
from local.provider.arm_client import MANAGEMENT, ArmRequestError
from local.provider.check import API_VERSION
from local.provider.facts import UnsupportedTypeError

if TYPE_CHECKING:
    from local.provider.arm_client import ArmClient
    from local.provider.credential import Credential
    from local.provider.facts import Facts

Json = dict[str, Any]

#: Actions whose function has another name than the action, with the API version where it isn't the resource's. The path is
#: filled in from the arguments.
_ACTIONS: dict[str, tuple[str, str, str | None]] = {
    "azure-native:containerservice:listManagedClusterAdminCredentials": (
        "azure-native:containerservice:ManagedCluster",
        "listClusterAdminCredential",
        None,
    ),
    "azure-native:containerservice:listManagedClusterUserCredentials": (
        "azure-native:containerservice:ManagedCluster",
        "listClusterUserCredential",
        None,
    ),
    "azure-native:eventgrid:listTopicSharedAccessKeys": ("azure-native:eventgrid:Topic", "listKeys", None),
    "azure-native:eventgrid:listDomainSharedAccessKeys": ("azure-native:eventgrid:Domain", "listKeys", None),
    "azure-native:eventhub:listEventHubKeys": (
        "azure-native:eventhub:EventHub",
        "authorizationRules/{authorizationRuleName}/listKeys",
        None,
    ),
    "azure-native:eventhub:listNamespaceKeys": (
        "azure-native:eventhub:Namespace",
        "authorizationRules/{authorizationRuleName}/listKeys",
        None,
    ),
    "azure-native:logic:listWorkflowTriggerCallbackUrl": (
        "azure-native:logic:Workflow",
        "triggers/{triggerName}/listCallbackUrl",
        None,
    ),
    "azure-native:operationalinsights:getSharedKeys": (
        "azure-native:operationalinsights:Workspace",
        "sharedKeys",
        "2020-08-01",
    ),
    "azure-native:servicebus:listNamespaceKeys": (
        "azure-native:servicebus:Namespace",
        "authorizationRules/{authorizationRuleName}/listKeys",
        None,
    ),
    "azure-native:servicebus:listQueueKeys": (
        "azure-native:servicebus:Queue",
        "authorizationRules/{authorizationRuleName}/listKeys",
        None,
    ),
}


@dataclass(frozen=True)
class Functions:
    """All functions of one configured provider."""

    facts: Facts
    client: ArmClient
    credential: Credential
    subscription_id: str

    async def invoke(self, token: str, arguments: Json) -> Json:
        """The result; ``UnsupportedTypeError`` names a function that isn't there."""
        if token == "azure-native:authorization:getClientConfig":  # noqa: S105 - a Pulumi token
            return await self._client_config()
        if token == "azure-native:authorization:getClientToken":  # noqa: S105 - a Pulumi token
            scope = str(arguments.get("endpoint") or MANAGEMENT).rstrip("/")
            return {"token": await self.client.token(scope)}
        known = _ACTIONS.get(token) or self.facts.function(token)
        if known is not None:
            return await self._action(*known, arguments)
        module, _, name = token.rpartition(":")
        resource = f"{module}:{name.removeprefix('get')}"
        if name.startswith("get") and resource in self.facts.tokens:
            return await self._get(resource, arguments)
        raise UnsupportedTypeError(
            f"The function {token} is not supported by the local azure-native provider. "
            "Run the program with the official Pulumi CLI, or read what it needs from a resource's outputs."
        )

    async def _client_config(self) -> Json:
        claims = _claims(await self.client.token(MANAGEMENT))
        return {
            "clientId": self.credential.client_id,
            "objectId": claims.get("oid", ""),
            "subscriptionId": self.subscription_id,
            "tenantId": self.credential.tenant_id,
        }

    async def _action(self, resource: str, action: str, version: str | None, arguments: Json) -> Json:
        fact = self.facts.resource(resource)
        address = wire.resource_id(fact, arguments, self.subscription_id)
        path = action.format_map({name: quote(str(value), safe="") for name, value in arguments.items()})
        in_path = {p.name for p in fact.inputs.values() if p.location == "path"} | set(
            re.findall(r"{(\w+)}", action)
        )
        body = {name: value for name, value in arguments.items() if name not in in_path}
        return _sdk_names(await self.client.post(f"{address}/{path}", version or fact.version, body or None))

    async def _get(self, token: str, arguments: Json) -> Json:
        fact = self.facts.resource(token)
        address = wire.resource_id(fact, arguments, self.subscription_id)
        found = await self.client.get(address, fact.version)
        if found is None:
            raise ArmRequestError(404, "ResourceNotFound", f"The resource '{address}' was not found.")
        identity = {"id": found.get("id", address), API_VERSION: fact.version}
        return wire.outputs(self.facts, fact, found) | identity


def _sdk_names(found: Json) -> Json:
    """An answer with the SDK's names for keys that have hyphens on the wire (``api-version``)."""
    return {
        re.sub("-(.)", lambda letter: letter[1].upper(), key): _sdk_names(value)
        if isinstance(value, dict)
        else value
        for key, value in found.items()
    }


def _claims(token: str) -> Json:
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) or b"{}")
    except ValueError:
        return {}
