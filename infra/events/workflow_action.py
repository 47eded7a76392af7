"""Actions of a Logic App, as the Workflow Definition Language writes them. Pure.

Source: Microsoft Learn, "Schema reference for trigger and action types in Azure Logic Apps".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

OK, BROKEN = ("Succeeded",), ("Failed", "TimedOut")
_MANAGEMENT = "https://management.azure.com/"


def after(name: str, *statuses: str) -> Json:
    """What an action runs after: another one, by default if that succeeded."""
    return {"runAfter": {name: list(statuses or OK)}}


def initialize(name: str, kind: str, value: Any) -> Json:
    """A variable's beginning."""
    return {
        "type": "InitializeVariable",
        "inputs": {"variables": [{"name": name, "type": kind, "value": value}]},
    }


def set_variable(name: str, value: str) -> Json:
    """A variable's new value."""
    return {"type": "SetVariable", "inputs": {"name": name, "value": value}}


def increment(name: str) -> Json:
    """A variable plus one."""
    return {"type": "IncrementVariable", "inputs": {"name": name, "value": 1}}


def compose(inputs: Any) -> Json:
    """A value under a name."""
    return {"type": "Compose", "inputs": inputs}


def scope(actions: Json) -> Json:
    """Actions with one status."""
    return {"type": "Scope", "actions": actions}


def branch(condition: Json, then: Json, otherwise: Json | None = None) -> Json:
    """Actions that run if a condition holds, and those that run else."""
    return {
        "type": "If",
        "expression": condition if "and" in condition else {"and": [condition]},
        "actions": then,
        "else": {"actions": otherwise or {}},
    }


def response(status: int, body: Json) -> Json:
    """The caller's answer."""
    return {"type": "Response", "kind": "Http", "inputs": {"statusCode": status, "body": body}}


def terminate(status: str, code: str = "", message: str = "") -> Json:
    """The end of the run, with an error if it failed."""
    error = {"runError": {"code": code, "message": message}} if code else {}
    return {"type": "Terminate", "inputs": {"runStatus": status, **error}}


def stop(name: str, body: Json, status: int = 200, error: tuple[str, str] | None = None) -> Json:
    """Two actions: the caller's answer and the end of the run, which failed if there is an ``error`` (code, message)."""
    end = terminate("Failed", *error) if error else terminate("Succeeded")
    return {f"Answer_{name}": response(status, body), f"End_{name}": end | after(f"Answer_{name}")}


def secured(*properties: str) -> Json:
    """Keeps an action's ``inputs`` or ``outputs`` out of the run's history."""
    return {"runtimeConfiguration": {"secureData": {"properties": list(properties)}}}


def http(
    method: str,
    uri: str,
    *,
    identity_id: str | None,
    audience: str = _MANAGEMENT,
    headers: Mapping[str, str] | None = None,
    queries: Mapping[str, str] | None = None,
    body: Any = None,
) -> Json:
    """A request, as a user-assigned identity or as nobody. It is made once, and given up after 10 s."""
    inputs: Json = {"method": method, "uri": uri}
    if headers is not None:
        inputs["headers"] = dict(headers)
    if queries is not None:
        inputs["queries"] = dict(queries)
    if body is not None:
        inputs["body"] = body
    if identity_id is not None:
        inputs["authentication"] = {
            "type": "ManagedServiceIdentity",
            "identity": identity_id,
            "audience": audience,
        }
    inputs["retryPolicy"] = {"type": "none"}
    return {"type": "Http", "inputs": inputs, "limit": {"timeout": "PT10S"}}
