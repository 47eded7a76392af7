"""Microsoft.Portal/dashboards: what the portal draws.

Scope: dashboards, kept as sent; nobody draws them here. Omitted: the checks that the portal makes of parts and their
inputs when it draws them; configurations of tenants and of the console.

Source: Microsoft Learn, "Dashboards - Create Or Update" (Azure Portal), "The structure of Azure dashboards".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.azure.errors import bad_request
from local.azure.kept import kept

if TYPE_CHECKING:
    from local.azure.azure import Azure
    from local.azure.resource_type import Json, ResourceId

TYPE = "Microsoft.Portal/dashboards"
_NAME = re.compile(r"[a-zA-Z0-9-]{3,160}")


def _check(_azure: Azure, resource_id: ResourceId, properties: Json) -> None:
    if not _NAME.fullmatch(resource_id.name):
        raise bad_request(
            f"The dashboard name '{resource_id.name}' is invalid: 3 to 160 letters, digits and hyphens.",
            code="InvalidResourceName",
        )
    for lens in properties.get("lenses") or []:
        # Older API versions have objects where newer ones have lists.
        if isinstance(lens, dict) and not isinstance(lens.get("order"), int):
            raise bad_request("Every lens of a dashboard needs its order.", code="InvalidRequestContent")


TYPES = (kept(TYPE, check=_check, state=True),)
