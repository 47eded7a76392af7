"""``python -m local schedule``: when the schedules of local Azure's workspaces are due, and running what is.

The running local Azure decides (``local.azure.machine_learning.schedule_clock``); this asks it, as its first service principal.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

from local.principal import ARM, Client
from local.settings import LOCATION, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORKSPACES = "providers/Microsoft.MachineLearningServices/workspaces"
_API_VERSION = "2024-10-01"


def _addresses(client: Client) -> Iterator[str]:
    url = f"{ARM}/subscriptions/{SUBSCRIPTION_ID}/{_WORKSPACES}?api-version={_API_VERSION}"
    while url:
        page = client.call("GET", url)
        for one in page["value"]:
            host = f"https://{one.get('location') or LOCATION}.api.azureml.ms"
            yield f"{host}/local/v1.0{one['id']}/schedules"
        url = page.get("nextLink")


def found(client: Client) -> list[dict[str, Any]]:
    """All schedules: ``name``, ``enabled``, ``next`` (when it is due), ``missed``, ``lastDue``, ``lastJob``.

    Raises:
        ServiceError: local Azure doesn't run, or it refuses.
    """
    return [one for address in _addresses(client) for one in client.call("GET", address)["value"]]


def run(client: Client, at: str = "") -> list[dict[str, Any]]:
    """Runs what is due, or will have been by ``at``: ``name``, ``due`` and ``job`` or ``error`` of each.

    Raises:
        ServiceError: local Azure doesn't run, or it refuses, for example a time that is none.
    """
    query = f"?{urllib.parse.urlencode({'at': at})}" if at else ""
    return [
        one
        for address in list(_addresses(client))
        for one in client.call("POST", f"{address}/run{query}")["value"]
    ]
