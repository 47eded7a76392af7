"""A row of the lifecycle test's table: one resource, what a program gives it and what it changes then.

``$name.id`` and ``$name.key`` stand for outputs of an earlier row, whose last part of the token names it unless it says
otherwise. ``IN_GROUP`` and its like are what many rows have in common.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A resource: its type below ``azure-native:``, its inputs, the inputs that an update gives it besides."""

    token: str
    inputs: Json = field(default_factory=dict[str, Any])
    change: Json = field(default_factory=dict[str, Any])
    name: str = ""

    @property
    def key(self) -> str:
        """What later rows call it; the logical name, too."""
        return self.name or self.token.partition(":")[2].lower()


TAGS: Json = {"tags": {"team": "ml"}}
IN_GROUP: Json = {"resourceGroupName": "$resourcegroup.name"}
IN_ACCOUNT: Json = {**IN_GROUP, "accountName": "$storageaccount.name"}
IN_VAULT: Json = {**IN_GROUP, "vaultName": "$vault.name"}
IN_WORKSPACE: Json = {**IN_GROUP, "workspaceName": "$mlw.name"}
IN_REGISTRY: Json = {**IN_GROUP, "registryName": "$mlr.name"}
IN_NETWORK: Json = {**IN_GROUP, "virtualNetworkName": "$virtualnetwork.name"}
TO_QUEUE: Json = {
    "eventDeliverySchema": "EventGridSchema",
    "destination": {
        "endpointType": "StorageQueue",
        "resourceId": "$storageaccount.id",
        "queueName": "$queue.name",
    },
}
