"""Discovery: where the data planes of a region's workspaces are. In local Azure all of them are one host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.resource_type import Answer, Route

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Call

#: Services as Azure's discovery names them.
_SERVICES = (
    "api",
    "artifacts",
    "catalog",
    "experimentation",
    "gallery",
    "history",
    "hyperdrive",
    "labeling",
    "mlflow",
    "modelmanagement",
    "notebooks",
    "pipelines",
)


async def _discover(_azure: Azure, call: Call) -> Answer:
    return Answer(200, {**dict.fromkeys(_SERVICES, f"https://{call.host}"), "studio": "https://ml.azure.com"})


ROUTES = (
    Route(
        re.compile(r"[^.]+\.api\.azureml\.ms", re.IGNORECASE),
        re.compile(r"/discovery(?:/workspaces/[^/]+)?", re.IGNORECASE),
        _discover,
        methods=("GET",),
        authenticated=False,
    ),
)
