"""What a template deploys: its resources with their ids and what each waits for, before anything happens. Pure.

Scope: parameters, variables, conditions, ``copy`` of resources, properties, variables and outputs, children inside their
parents, extension resources (``scope``), nested deployments, ``dependsOn`` by id, name, loop or symbolic name, and what
``reference`` and ``list…`` wait for by themselves. Refused by name, before anything happens: functions that local Azure
lacks, functions of the template's own, ``existing`` resources and extensions (imports) of symbolic templates.

Source: Microsoft Learn, "Understand the structure and syntax of ARM templates".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.azure.errors import unsupported
from local.azure.logic.expression_parser import ExpressionError
from local.azure.resource_id import RESOURCE_GROUP
from local.azure.template import parameter
from local.azure.template.parameter import invalid
from local.azure.template.scope import NeededError, Scope, known
from local.azure.template.text import calls_in, escaped, expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]
DEPLOYMENT = "Microsoft.Resources/deployments"
#: What of a resource in a template is not its body.
NOT_BODY = frozenset(
    [
        "type",
        "apiVersion",
        "name",
        "dependsOn",
        "condition",
        "copy",
        "resources",
        "scope",
        "comments",
        "resourceGroup",
        "subscriptionId",
        "metadata",
        "existing",
    ]
)


@dataclass(frozen=True)
class Planned:
    """One resource to deploy. ``raw`` is evaluated in ``scope`` when what it ``depends`` on (ids in lower case) is there."""

    id: str
    type: str
    name: str
    api_version: str
    raw: Json
    scope: Scope
    depends: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()

    def body(self, scope: Scope) -> Json:
        """The body to PUT, with what ``scope`` knows of other resources.

        Raises:
            ExpressionError: an expression fails.
            NeededError: one reads what isn't known.
        """
        here = replace(self.scope, known=scope.known, resources=scope.resources)
        raw = {key: value for key, value in self.raw.items() if key not in NOT_BODY}
        if self.type.lower() != DEPLOYMENT.lower():
            return here.value(raw)
        return _nested(raw, here)


@dataclass(frozen=True)
class Plan:
    """What a template deploys, in an order in which it can be."""

    resources: tuple[Planned, ...]
    parameters: Json
    outputs: Mapping[str, Json]
    scope: Scope

    def outputs_with(self, scope: Scope) -> Json:
        """The outputs as a deployment shows them; secure ones without their values."""
        here = replace(self.scope, known=scope.known)
        shown: Json = {}
        for name, declared in self.outputs.items():
            if "condition" in declared and not here.value(declared["condition"]):
                continue
            kind = str(declared.get("type", ""))
            entry: Json = {"type": kind[:1].upper() + kind[1:]}
            if not parameter.is_secure(declared):
                copied = declared.get("copy")
                entry["value"] = (
                    here.repeated({"name": "", **copied}) if copied else here.value(declared.get("value"))
                )
            shown[name] = entry
        return shown


def check_functions(template: Json) -> None:
    """Refuses what the template uses and local Azure lacks.

    Raises:
        ArmError: 501 with the function's name, 400 for an expression that can't be read.
    """
    if template.get("functions"):
        raise unsupported("A template with functions of its own")
    if template.get("imports") or template.get("extensions"):
        raise unsupported("A template with extensions")
    try:
        missing = sorted({call.name for call in calls_in(template) if not known(call.name)})
    except ExpressionError as error:
        raise invalid(str(error)) from None
    if missing:
        raise unsupported(f"The template function '{missing[0]}'")


def plan(template: Any, given: Mapping[str, Any], scope: Scope, at: str) -> Plan:
    """What a template deploys at a scope's id (a resource group's or the subscription's).

    Raises:
        ArmError: 400, it can't be deployed; 501, it needs what local Azure lacks.
    """
    if not isinstance(template, dict) or not isinstance(template.get("resources"), list | dict):
        raise invalid("The template needs 'resources'")
    check_functions(template)
    declared = template.get("parameters") or {}
    variables = _variables(template.get("variables") or {}, scope)
    start = replace(scope, variables=variables)
    try:
        found = parameter.values(
            declared, given, lambda value, so_far: replace(start, parameters=so_far).value(value)
        )
        here = replace(start, parameters=found)
        expanded = list(_expanded(template["resources"], here, at, None))
    except ExpressionError as error:
        raise invalid(str(error)) from None
    except NeededError as error:
        raise invalid(
            f"The template function 'reference' is not expected at this location; '{error.needed.resource}' isn't "
            "known before resources are deployed"
        ) from None
    return _ordered(expanded, found, template.get("outputs") or {}, here)


def _variables(raw: Json, scope: Scope) -> Json:
    """The variables, ``copy`` of whole variables among them; each is evaluated where it is used."""
    found = {key: value for key, value in raw.items() if key.lower() != "copy"}
    for copy in raw.get("copy") or []:
        # A loop's input may use other variables: it is written out turn by turn, and evaluated where it is used.
        count = copy.get("count")
        turns = scope.value(count) if not isinstance(count, str) or "variables(" not in count else None
        if turns is None:
            raise unsupported("A loop of variables whose count is another variable")
        found[copy["name"]] = [
            _Turn(str(copy["name"]), index, copy["input"]).written() for index in range(turns)
        ]
    return found


@dataclass(frozen=True)
class _Turn:
    """One turn of a variable's loop: its input with ``copyIndex`` of that loop written out."""

    loop: str
    index: int
    input: Any

    def written(self) -> Any:
        return self._in(self.input)

    def _in(self, value: Any) -> Any:
        if isinstance(value, str) and expression(value) is not None:
            for spelled in (f"copyIndex('{self.loop}')", f"copyindex('{self.loop}')"):
                value = value.replace(spelled, str(self.index))
            return value
        if isinstance(value, list):
            return [self._in(item) for item in value]
        if isinstance(value, dict):
            return {key: self._in(item) for key, item in value.items()}
        return value


@dataclass(frozen=True)
class _Expanded:
    """A resource as the template means it, before what it waits for is known."""

    planned: Planned
    condition: bool
    #: names by which ``dependsOn`` and ``reference`` may call it: symbolic, its loop's, its own
    names: tuple[str, ...]
    parent: str


def _expanded(raw: Any, scope: Scope, at: str, parent: Planned | None) -> Iterator[_Expanded]:
    entries = raw.items() if isinstance(raw, dict) else (("", one) for one in raw)
    for symbol, one in entries:
        if not isinstance(one, dict) or not {"type", "apiVersion"} <= set(one):
            raise invalid(f"A resource needs type, apiVersion and name: {str(one)[:80]}")
        if one.get("existing"):
            raise unsupported("An 'existing' resource of a symbolic template")
        copy = one.get("copy")
        if not copy:
            yield from _one((symbol,), one, scope, at, parent)
            continue
        count = scope.value(copy["count"])
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 800:
            raise invalid(
                f"The count of the loop '{copy.get('name')}' is a number from 0 to 800, not {count!r}"
            )
        for index in range(count):
            turn = scope.looped(str(copy.get("name", "")), index, resource=True)
            yield from _one((symbol, str(copy.get("name", ""))), one, turn, at, parent)


def _one(
    called: tuple[str, ...], raw: Json, scope: Scope, at: str, parent: Planned | None
) -> Iterator[_Expanded]:
    kind, name = str(scope.value(raw["type"])), scope.value(raw.get("name"))
    if not isinstance(name, str) or not name:
        raise invalid(f"A resource of type '{kind}' needs a name")
    if parent is not None:
        kind, name = f"{parent.type}/{kind}", f"{parent.name}/{name}"
    inside = _inside(kind, raw, scope, at)
    planned = Planned(_id(inside, kind, name), kind, name, str(scope.value(raw["apiVersion"])), raw, scope)
    condition = scope.value(raw.get("condition", True))
    if isinstance(condition, str):
        condition = condition.lower() == "true"
    names = tuple(one.lower() for one in (*called, name) if one)
    yield _Expanded(planned, bool(condition), names, parent.key if parent is not None else "")
    if raw.get("resources"):
        for child in _expanded(raw["resources"], scope, at, planned):
            yield child if condition else replace(child, condition=False)


def _inside(kind: str, raw: Json, scope: Scope, at: str) -> str:
    """The id that a resource is in or on."""
    if raw.get("scope"):
        on = str(scope.value(raw["scope"]))
        if on == "/":
            raise unsupported("A resource at tenant scope in a template")
        if on.startswith("/"):
            return on.rstrip("/")
        namespace, first, *rest = on.split("/")
        return f"{at}/providers/{'/'.join([namespace, first, *rest])}"
    group, subscription = scope.value(raw.get("resourceGroup")), scope.value(raw.get("subscriptionId"))
    if kind.lower() == DEPLOYMENT.lower() and (group or subscription):
        start = f"/subscriptions/{subscription}" if subscription else "/".join(at.split("/")[:3])
        return f"{start}/resourceGroups/{group}" if group else start
    return at


def _id(inside: str, kind: str, name: str) -> str:
    if kind.lower() == RESOURCE_GROUP.lower():
        return f"{'/'.join(inside.split('/')[:3])}/resourceGroups/{name}"
    namespace, *types = kind.split("/")
    names = name.split("/")
    if len(types) != len(names):
        raise invalid(
            f"The template resource '{name}' for type '{kind}' has incorrect segment lengths. A nested resource type "
            "must have identical number of segments as its resource name"
        )
    pairs = (part for pair in zip(types, names, strict=True) for part in pair)
    return "/".join([f"{inside}/providers/{namespace}", *pairs])


def _ordered(expanded: list[_Expanded], parameters: Json, outputs: Mapping[str, Json], scope: Scope) -> Plan:
    wanted = {one.planned.key: one for one in expanded if one.condition}
    by_name: dict[str, set[str]] = {}
    for one in expanded:
        for name in (*one.names, one.planned.key):
            by_name.setdefault(name, set()).add(one.planned.key)
    if len({one.planned.key for one in expanded if one.condition}) < sum(one.condition for one in expanded):
        raise invalid("The template defines the same resource more than once")
    resources = {
        name: (one.planned.id, one.planned.api_version)
        for one in expanded
        for name in (*one.names, one.planned.key)
    }
    waiting: dict[str, Planned] = {}
    for one in wanted.values():
        explicit = _explicit(one, by_name)
        implicit = _implicit(one.planned, resources)
        depends = frozenset((explicit | implicit | {one.parent}) & set(wanted)) - {one.planned.key}
        waiting[one.planned.key] = replace(one.planned, depends=depends)
    ordered: list[Planned] = []
    done: set[str] = set()
    while waiting:
        ready = [key for key, one in waiting.items() if one.depends <= done]
        if not ready:
            raise invalid(f"Circular dependency detected on resource: '{waiting[min(waiting)].id}'")
        ordered += [waiting.pop(key) for key in ready]
        done |= set(ready)
    return Plan(tuple(ordered), parameters, outputs, replace(scope, resources=resources))


def _explicit(one: _Expanded, by_name: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for entry in one.planned.scope.value(one.planned.raw.get("dependsOn") or []):
        key = str(entry).lower()
        if key.endswith("/"):
            # No name: azure-ai-ml's own template names a feature store's connections so where it has none.
            continue
        if not key.startswith("/") and "/providers/" not in key and key.count("/") > 1 and key not in by_name:
            # "Microsoft.X/type/name", the short form of an id in the same group
            key = next((known_key for known_key in by_name if known_key.endswith(f"/providers/{key}")), key)
        if key not in by_name:
            raise invalid(
                f"The resource '{entry}' is not defined in the template; '{one.planned.name}' depends on it"
            )
        found |= by_name[key]
    return found


def _implicit(planned: Planned, resources: Mapping[str, tuple[str, str]]) -> set[str]:
    """The resources that a body reads with ``reference`` or ``list…``, as far as their ids can be told beforehand."""
    found: set[str] = set()
    scope = replace(planned.scope, resources=resources)
    texts = {key: value for key, value in planned.raw.items() if key not in NOT_BODY}
    for call in calls_in(_with_variables(texts, scope)):
        if not call.arguments or not (call.name == "reference" or call.name.startswith("list")):
            continue
        try:
            which = str(scope.evaluate(call.arguments[0])).lower()
        except (ExpressionError, NeededError):
            continue
        found.add(resources[which][0].lower() if which in resources else which)
    return found


def _with_variables(value: Any, scope: Scope) -> list[Any]:
    """A value, and all variables that its expressions use, one in the other."""
    seen: list[Any] = [value]
    names: set[str] = set()
    for one in seen:
        for call in calls_in(one):
            if call.name == "variables" and call.arguments:
                name = str(getattr(call.arguments[0], "value", "")).lower()
                if name not in names:
                    names.add(name)
                    seen += [raw for key, raw in scope.variables.items() if key.lower() == name]
    return seen


def _nested(raw: Json, scope: Scope) -> Json:
    """The body of a nested deployment: by default its template's expressions belong to the outer one."""
    properties: Json = dict(raw.get("properties") or {})
    template = properties.pop("template", None)
    inner = scope.value((properties.pop("expressionEvaluationOptions", None) or {}).get("scope", "outer"))
    body = scope.value({key: value for key, value in raw.items() if key != "properties"})
    body["properties"] = scope.value(properties)
    if template is not None:
        if str(inner).lower() == "inner":
            body["properties"]["template"] = template
        else:
            own = {key: value for key, value in template.items() if key not in ("parameters", "variables")}
            body["properties"]["template"] = {**template, **escaped(scope.value(own))}
    return body
