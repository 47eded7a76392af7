"""What an ARM request asks for: the operation that a role must permit, and the scope it must be permitted at. Pure.

Sources: Microsoft Learn, "Azure permissions" and "Azure Resource Manager resource provider operations": a PUT or PATCH of
a resource is ``{type}/write``, a GET ``{type}/read``, a DELETE ``{type}/delete``, a POST ``{type}/{action}/action``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROVIDERS = re.compile(r"/providers/", re.IGNORECASE)
_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
#: POSTs that only look: Azure gives them ``read``, so that readers may.
_READING = ("checknameavailability",)
#: Where the progress of a long operation is asked for: whoever began it has its address, and nobody can guess it.
_PROGRESS = re.compile(
    r"(operationstatuses|operationresults|operations|mfeoperations(status|results)|computeoperations(status|results)"
    r"|workspaceoperations(status|results)|registryoperations(status|results)|asyncoperations|deletedvaultoperations)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Demand:
    """An operation at a scope. ``listing``: a list over resources, of which the caller sees those that it may read."""

    operation: str
    scope: str
    listing: bool = False


def demand(method: str, path: str) -> Demand | None:
    """What a request asks for; None where every signed-in caller may: tenants, providers, the progress of operations."""
    path = "/" + path.strip("/")
    scope, *extensions = _PROVIDERS.split("/" + path if path.startswith("/providers/") else path)
    scope = scope.rstrip("/")
    if not extensions:
        return _resources(method, scope)
    for extension in extensions[:-1]:
        scope = f"{scope}/providers/{extension}"
    namespace, *rest = extensions[-1].split("/")
    if not rest:
        return Demand("Microsoft.Resources/subscriptions/providers/read", scope) if scope else None
    if any(_PROGRESS.fullmatch(part) for part in rest[:-1]) and "locations" in map(str.lower, rest):
        return None
    if method == "POST" and rest == ["register"]:
        return Demand(f"{namespace}/register/action", scope)
    return _provided(method, scope, namespace, rest)


_WORKSPACE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+",
    re.IGNORECASE,
)
#: What the services behind a workspace (``*.api.azureml.ms``) are in roles, by the first part of their path.
_SERVICES = {
    "history": "experiments/runs",
    "mlflow": "experiments/runs",
    "mferp": "jobs",
    "data": "datasets/registered",
}


def workspace_demand(method: str, path: str) -> Demand | None:
    """What a request to a workspace's own services asks for; None where its path has no workspace (discovery)."""
    found = _WORKSPACE.search(path)
    if found is None:
        return None
    what = _SERVICES.get(path.split("/")[1].lower())
    # They take POST for queries too; what changes runs has its own rights to write.
    verb = "read" if method in ("GET", "HEAD") or path.lower().endswith(_QUERIES) else "write"
    operation = f"Microsoft.MachineLearningServices/workspaces/{f'{what}/' if what else ''}{verb}"
    return Demand(operation, found[0])


_QUERIES = (
    "/rundata",
    "/batchgetresolveduris",
    "/runs:query",
    "/search",
    "/runs/search",
    "/experiments/search",
)


def _provided(method: str, scope: str, namespace: str, rest: list[str]) -> Demand | None:
    types, names = rest[::2], rest[1::2]
    if method == "POST":
        action = types[-1]
        if len(types) == len(names):
            # An action whose last part is a name, as "/listKeys/default": none of Azure's is.
            return Demand("/".join([namespace, *types, "action"]), _scope(scope, namespace, rest))
        if action.lower() in _READING:
            return Demand(f"{namespace}/{action}/read", scope)
        operation = "/".join([namespace, *types, "action"])
        return Demand(operation, _scope(scope, namespace, rest[:-1]))
    operation = "/".join([namespace, *types, _VERBS.get(method, "write")])
    if len(types) == len(names):
        return Demand(operation, _scope(scope, namespace, rest))
    if not scope and types[0].lower() in ("operations", "locations"):
        return None
    return Demand(operation, _scope(scope, namespace, rest[:-1]), listing=True)


def _scope(scope: str, namespace: str, rest: list[str]) -> str:
    """The id that permissions are looked for at: places that are no resources (``locations/westeurope``) are left out."""
    if not rest or rest[0].lower() == "locations":
        return scope
    return f"{scope}/providers/{namespace}/{'/'.join(rest)}"


def _resources(method: str, path: str) -> Demand | None:
    """Subscriptions, resource groups and the lists in them, which have no ``/providers/``."""
    verb = _VERBS.get(method, "action")
    match [part for part in path.split("/") if part]:
        case [] | [_]:
            return None
        case [_, _]:
            return Demand(f"Microsoft.Resources/subscriptions/{verb}", path)
        case [_, subscription, kind] if kind.lower() == "resourcegroups":
            return Demand(
                f"Microsoft.Resources/subscriptions/resourceGroups/{verb}",
                f"/subscriptions/{subscription}",
                listing=True,
            )
        case [_, _, kind, *_] if _PROGRESS.fullmatch(kind):
            return None
        case [_, subscription, kind, *rest] if kind.lower() != "resourcegroups":
            operation = "/".join(["Microsoft.Resources/subscriptions", kind, *rest[1::2], verb])
            return Demand(operation, f"/subscriptions/{subscription}", listing=kind.lower() == "resources")
        case [_, subscription, kind, group]:
            return Demand(
                f"Microsoft.Resources/subscriptions/resourceGroups/{verb}",
                f"/subscriptions/{subscription}/{kind}/{group}",
            )
        case [_, subscription, kind, group, what, *_]:
            scope = f"/subscriptions/{subscription}/{kind}/{group}"
            operation = f"Microsoft.Resources/subscriptions/resourceGroups/{what}/{verb}"
            return Demand(operation, scope, listing=what.lower() == "resources")
        case _:
            return None
