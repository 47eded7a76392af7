"""``GET /providers/Microsoft.MachineLearningServices/operations``: what roles can permit, from what local Azure serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call, Json

_PROVIDER = "Microsoft.MachineLearningServices"
_VERBS = {"read": "Get", "write": "Create or update", "delete": "Delete"}
#: Actions by type.
_ACTIONS = {
    "workspaces": ("listKeys", "resyncKeys", "diagnose", "provisionManagedNetwork", "prepareNotebook"),
    "workspaces/computes": ("start", "stop", "restart", "listNodes", "listKeys", "resize"),
    "workspaces/connections": ("listsecrets",),
    "workspaces/datastores": ("listsecrets",),
    "workspaces/jobs": ("cancel",),
    "workspaces/onlineEndpoints": ("listKeys", "regenerateKeys", "token", "score"),
    "workspaces/serverlessEndpoints": ("listKeys", "regenerateKeys"),
}


async def _list(azure: Azure, _call: Call) -> Answer:
    value: list[Json] = []
    for kind in azure.namespaces().get(_PROVIDER, []):
        value += [_operation(kind, verb, f"{said} {kind}") for verb, said in _VERBS.items()]
        value += [_operation(kind, f"{one}/action", f"{one} of {kind}") for one in _ACTIONS.get(kind, ())]
    return Answer(200, {"value": value})


def _operation(kind: str, verb: str, said: str) -> Json:
    return {
        "name": f"{_PROVIDER}/{kind}/{verb}",
        "display": {"provider": "Microsoft Machine Learning Services", "resource": kind, "operation": said},
    }


ROUTES = (
    Route(
        re.compile(r"management\.azure\.com", re.IGNORECASE),
        re.compile(r"/providers/Microsoft\.MachineLearningServices/operations", re.IGNORECASE),
        _list,
        methods=("GET",),
    ),
)
