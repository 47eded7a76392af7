"""Microsoft.Consumption/budgets: how much a scope may cost, and who is told.

Scope: budgets on the subscription and on resource groups by Azure's rules (amounts, time grains, first days of months,
notifications, etags). Omitted: costs: nothing costs anything here, so what is spent is 0 and nobody is told; management
groups and billing scopes.

Source: Microsoft Learn, "Budgets - Create Or Update" (Microsoft.Consumption).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from local.azure.errors import ArmError, bad_request
from local.azure.kept import given, need, one_of
from local.azure.resource_id import RESOURCE_GROUP, SUBSCRIPTION, parse
from local.azure.resource_type import Call, Json, Record, ResourceId, ResourceType

if TYPE_CHECKING:
    from local.azure.azure import Azure

TYPE = "Microsoft.Consumption/budgets"
_GRAINS = ("Monthly", "Quarterly", "Annually", "BillingMonth", "BillingQuarter", "BillingAnnual")
_NOTIFICATIONS = 5
_ADDRESSES = 50
_NAME_LIMIT = 63


def _invalid(message: str) -> ArmError:
    return bad_request(message, code="400")


def _day(properties: Json, key: str) -> date | None:
    text = (properties.get("timePeriod") or {}).get(key)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text)).date()
    except ValueError:
        raise _invalid(f"Invalid {key} '{text}'; write a date such as 2026-01-01T00:00:00Z.") from None


def _check_period(properties: Json) -> Json:
    start = _day(properties, "startDate")
    if start is None:
        raise _invalid("A budget needs timePeriod.startDate.")
    if start.day != 1:
        raise _invalid(f"Invalid startDate {start}; it must be the first of a month.")
    if start < date(2017, 6, 1):
        raise _invalid(f"Invalid startDate {start}; it must be after 2017-06-01.")
    end = _day(properties, "endDate")
    # Azure takes ten years where nothing is said.
    last = end or start.replace(year=start.year + 10)
    if last <= start:
        raise _invalid(f"Invalid endDate {last}; it must be after startDate {start}.")
    return {"startDate": f"{start}T00:00:00Z", "endDate": f"{last}T00:00:00Z"}


def _check_notifications(notifications: Json) -> Json:
    if len(notifications) > _NOTIFICATIONS:
        raise _invalid(f"A budget has at most {_NOTIFICATIONS} notifications.")
    found: Json = {}
    for name, one in notifications.items():
        need(one, "operator", "threshold")
        one_of(one, "operator", ("EqualTo", "GreaterThan", "GreaterThanOrEqualTo"))
        one_of(one, "thresholdType", ("Actual", "Forecasted"))
        if not 0 <= float(one["threshold"]) <= 1000:
            raise _invalid(f"The threshold of '{name}' must be between 0 and 1000.")
        told = [
            *(one.get("contactEmails") or []),
            *(one.get("contactRoles") or []),
            *(one.get("contactGroups") or []),
        ]
        if not told or len(one.get("contactEmails") or []) > _ADDRESSES:
            raise _invalid(
                f"The notification '{name}' needs contactEmails (at most {_ADDRESSES}), contactRoles or contactGroups."
            )
        found[name] = {"thresholdType": "Actual", "contactRoles": [], "contactGroups": [], **one}
    return found


def _prepare(_azure: Azure, resource_id: ResourceId, body: Json, old: Record | None) -> Json:
    if parse(resource_id.scope).type not in (SUBSCRIPTION, RESOURCE_GROUP):
        raise _invalid(
            f"The scope '{resource_id.scope}' has no budgets; a subscription or resource group has."
        )
    if (
        len(resource_id.name) > _NAME_LIMIT
        or not resource_id.name.replace("-", "").replace("_", "").isalnum()
    ):
        raise _invalid(f"Invalid budget name '{resource_id.name}': up to 63 letters, digits, '_' and '-'.")
    sent = body.get("eTag")
    if old is not None and sent is not None and str(sent).strip('"') != _etag(old).strip('"'):
        raise ArmError(
            409, "409", f"The budget '{resource_id.name}' was changed meanwhile; its eTag is another."
        )
    properties = given(body)
    need(properties, "category", "amount", "timeGrain", "timePeriod")
    one_of(properties, "category", ("Cost",))
    one_of(properties, "timeGrain", _GRAINS)
    if not isinstance(properties["amount"], int | float) or properties["amount"] <= 0:
        raise _invalid(f"The amount {properties['amount']} must be more than 0.")
    period = _check_period(properties)
    if old is not None and period["startDate"] != old.body["properties"]["timePeriod"]["startDate"]:
        raise _invalid("The startDate of a budget can't be changed.")
    kept: Json = {
        **properties,
        "timePeriod": period,
        "notifications": _check_notifications(properties.get("notifications") or {}),
        "currentSpend": {"amount": 0.0, "unit": "USD"},
        "forecastSpend": {"amount": 0.0, "unit": "USD"},
    }
    return {"properties": kept}


def _etag(record: Record) -> str:
    return f'"{record.etag[:16]}"'


def _view(_azure: Azure, record: Record, body: Json, _api_version: str) -> Json:
    body.pop("systemData", None)
    return {**body, "eTag": _etag(record)}


def _listing(_azure: Azure, call: Call, records: list[Record]) -> list[Record]:
    """Those of the scope itself."""
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.consumption/")].lower()
    return [record for record in records if parse(record.id).scope.lower() == scope]


TYPES = (ResourceType(TYPE, prepare=_prepare, view=_view, listing=_listing, patch=False),)
