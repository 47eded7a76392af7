"""What a template's expressions are evaluated in: the deployment, its parameters and variables, loops, other resources. Pure.

``reference`` and ``list…`` read what is deployed: their values are given from outside. One that isn't there yet raises
``NeededError`` with what is needed; whoever evaluates fetches it and evaluates again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.azure.logic import time_function
from local.azure.logic.expression_parser import Call, ExpressionError, Literal, Member, Node, called
from local.azure.logic.text import as_text, kind, same
from local.azure.template import lambda_function
from local.azure.template.duration import parse as parse_duration
from local.azure.template.environment import ENVIRONMENT
from local.azure.template.function import FUNCTIONS
from local.azure.template.text import expression, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
_LAZY = frozenset({"and", "or", "if"})
_LAMBDA = frozenset({*lambda_function.FUNCTIONS, "lambda"})
_READERS = frozenset(
    {
        "parameters",
        "variables",
        "copyindex",
        "resourcegroup",
        "subscription",
        "tenant",
        "deployment",
        "environment",
        "resourceid",
        "subscriptionresourceid",
        "tenantresourceid",
        "extensionresourceid",
        "reference",
        "lambdavariables",
    }
)
_TIMES = frozenset({"utcnow", "datetimeadd", "datetimefromepoch", "datetimetoepoch"})
_LISTS = re.compile(r"list\w+")
#: Full of slashes, an id; else a resource's name.
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Needed:
    """What an expression reads of a resource: its state, or what a ``list…`` action answers."""

    resource: str
    api_version: str
    #: the action, in the template's spelling; empty for the state
    action: str = ""
    body: str = ""


class NeededError(Exception):
    """An expression needs the state of something else first."""

    def __init__(self, needed: Needed) -> None:
        super().__init__(needed.resource)
        self.needed = needed


def known(name: str) -> bool:
    """Whether local Azure has a template function, by its name in lower case."""
    return (
        name in FUNCTIONS
        or name in _LAZY
        or name in _LAMBDA
        or name in _READERS
        or name in _TIMES
        or _LISTS.fullmatch(name) is not None
    )


@dataclass(frozen=True)
class Scope:
    """Where a template is evaluated. ``group`` is what ``resourceGroup()`` says; None at subscription scope."""

    subscription: Json
    tenant: Json
    group: Json | None
    deployment: Json
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    now: Callable[[], datetime]
    known: Mapping[Needed, Any] = field(default_factory=dict[Needed, Any])
    #: by the resource's name (or symbolic name) in the template, its id and API version
    resources: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    #: the running loops by name, and the innermost resource loop's index
    loops: Mapping[str, int] = field(default_factory=dict[str, int])
    lambdas: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def looped(self, name: str, index: int, *, resource: bool = False) -> Scope:
        """This scope in one turn of a loop."""
        more = {name.lower(): index} | ({"": index} if resource else {})
        return replace(self, loops={**self.loops, **more})

    def value(self, template: Any) -> Any:
        """A value with every expression and every ``copy`` in it evaluated.

        Raises:
            ExpressionError: one fails.
            NeededError: one reads a resource whose state isn't known.
        """
        if isinstance(template, str):
            node = expression(template)
            return plain(template) if node is None else self.evaluate(node)
        if isinstance(template, list):
            return [self.value(item) for item in template]
        if not isinstance(template, dict):
            return template
        values: Json = {}
        for key, item in template.items():
            if key.lower() == "copy" and isinstance(item, list) and all(_is_copy(one) for one in item):
                values |= {one["name"]: self.repeated(one) for one in item}
            else:
                values[as_text(self.value(key))] = self.value(item)
        return values

    def repeated(self, copy: Json) -> list[Any]:
        """The values of a ``copy`` of a property, variable or output."""
        count = self.value(copy["count"])
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 800:
            raise ExpressionError(
                f"copy '{copy.get('name')}': count is a number from 0 to 800, not {count!r}"
            )
        name = str(copy.get("name", ""))
        return [self.looped(name, index).value(copy["input"]) for index in range(count)]

    def evaluate(self, node: Node) -> Any:
        """An expression's value.

        Raises:
            ExpressionError: it has none.
            NeededError: it reads a resource whose state isn't known.
        """
        match node:
            case Literal():
                return node.value
            case Member():
                return _member(self.evaluate(node.of), self.evaluate(node.key), forgiving=node.forgiving)
            case Call() if node.name in _LAZY:
                return self._lazily(node)
            case Call() if node.name in _LAMBDA:
                return self._with_lambda(node)
            case Call():
                return self._call(node.name, [self.evaluate(one) for one in node.arguments])

    def _lazily(self, call: Call) -> Any:
        if call.name == "if":
            if len(call.arguments) != 3:
                raise ExpressionError("if: it takes a condition and two values")
            return self.evaluate(call.arguments[1 if self._truth(call.arguments[0], "if") else 2])
        stops_at = call.name == "or"
        for one in call.arguments:
            if self._truth(one, call.name) == stops_at:
                return stops_at
        return not stops_at

    def _truth(self, node: Node, name: str) -> bool:
        value = self.evaluate(node)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise ExpressionError(f"{name}: expected a Boolean and got {kind(value)}")
        return value

    def _with_lambda(self, call: Call) -> Any:
        if call.name == "lambda":
            raise ExpressionError(
                "lambda: it is an argument of map, filter, reduce, sort, mapValues or toObject"
            )
        return lambda_function.run(
            call.name,
            [
                self._function(one) if isinstance(one, Call) and one.name == "lambda" else self.evaluate(one)
                for one in call.arguments
            ],
        )

    def _function(self, call: Call) -> Callable[..., Any]:
        *names, body = call.arguments
        variables = [str(self.evaluate(name)) for name in names]

        def run(*values: Any) -> Any:
            return replace(
                self, lambdas={**self.lambdas, **dict(zip(variables, values, strict=False))}
            ).evaluate(body)

        return run

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name not in FUNCTIONS and _LISTS.fullmatch(name):
            return self._listed(name, arguments)
        function = FUNCTIONS.get(name) or getattr(self, f"_fn_{name}", None)
        if function is None:
            raise ExpressionError(f"the template function '{name}' is not supported by local Azure")
        return called(name, function, arguments)

    # --- what reads the deployment

    def _fn_lambdavariables(self, name: str) -> Any:
        return _named(self.lambdas, name, "lambda variable")

    def _fn_parameters(self, name: str) -> Any:
        return _named(self.parameters, name, "parameter")

    def _fn_variables(self, name: str) -> Any:
        return self.value(_named(self.variables, name, "variable"))

    def _fn_copyindex(self, first: Any = 0, second: Any = 0) -> int:
        name, offset = (first, second) if isinstance(first, str) else ("", first)
        if name.lower() not in self.loops:
            raise ExpressionError(f"there is no loop '{name}' here" if name else "there is no loop here")
        return self.loops[name.lower()] + int(offset)

    def _fn_resourcegroup(self) -> Json:
        if self.group is None:
            raise ExpressionError("a deployment at subscription scope has no resource group")
        return self.group

    def _fn_subscription(self) -> Json:
        return self.subscription

    def _fn_tenant(self) -> Json:
        return self.tenant

    def _fn_deployment(self) -> Json:
        return self.deployment

    def _fn_environment(self) -> Json:
        return ENVIRONMENT

    def _fn_resourceid(self, *values: Any) -> str:
        before, kind_, names = _taken_apart("resourceId", values)
        subscription = str(self.subscription["subscriptionId"])
        group = str(self.group["name"]) if self.group else None
        match before:
            case []:
                pass
            case [one] if _GUID.fullmatch(one):
                subscription, group = one, None
            case [one]:
                group = one
            case [one, two]:
                subscription, group = one, two
            case _:
                raise ExpressionError(f"what does '{before[0]}' stand for?")
        inside = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
        return f"{inside}/providers/{_path(kind_, names)}"

    def _fn_subscriptionresourceid(self, *values: Any) -> str:
        before, kind_, names = _taken_apart("subscriptionResourceId", values)
        return f"/subscriptions/{before[0] if before else self.subscription['subscriptionId']}/providers/{_path(kind_, names)}"

    def _fn_tenantresourceid(self, *values: Any) -> str:
        _, kind_, names = _taken_apart("tenantResourceId", values)
        return f"/providers/{_path(kind_, names)}"

    def _fn_extensionresourceid(self, base: str, *values: Any) -> str:
        _, kind_, names = _taken_apart("extensionResourceId", values)
        return f"{base.rstrip('/')}/providers/{_path(kind_, names)}"

    def _fn_reference(self, which: str, api_version: str = "", full: str = "") -> Any:
        resource, version = self._resource(which, api_version)
        body = self._read(Needed(resource, version))
        return body if full.lower() == "full" else (body.get("properties") or {})

    def _listed(self, name: str, arguments: list[Any]) -> Any:
        resource, version = self._resource(arguments[0], arguments[1] if len(arguments) > 1 else "")
        return self._read(
            Needed(resource, version, name, as_text(arguments[2]) if len(arguments) > 2 else "")
        )

    def _resource(self, which: str, api_version: str) -> tuple[str, str]:
        if which.lower() in self.resources:
            found, version = self.resources[which.lower()]
            return found, api_version or version
        if not which.startswith("/"):
            raise ExpressionError(f"the template has no resource '{which}'")
        version = next((v for i, v in self.resources.values() if i.lower() == which.lower()), "")
        return which, api_version or version or "2024-03-01"

    def _read(self, needed: Needed) -> Any:
        if needed not in self.known:
            raise NeededError(needed)
        return self.known[needed]

    # --- times

    def _fn_utcnow(self, form: str = "yyyyMMddTHHmmssZ") -> str:
        return time_function.write(
            self.now(), form.replace("Z", "'Z'") if form == "yyyyMMddTHHmmssZ" else form
        )

    def _fn_datetimeadd(self, when: str, duration: str, form: str = "u") -> str:
        return time_function.write(time_function.read(when) + parse_duration(duration), form)

    def _fn_datetimefromepoch(self, seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _fn_datetimetoepoch(self, when: str) -> int:
        return int(time_function.read(when).timestamp())


def _is_copy(value: Any) -> bool:
    return isinstance(value, dict) and {"name", "count", "input"} <= set(value)


def _path(resource_type: str, names: list[str]) -> str:
    namespace, *types = resource_type.split("/")
    if len(types) != len(names):
        raise ExpressionError(f"'{resource_type}' needs {len(types)} names, not {len(names)}")
    return "/".join([namespace, *(part for pair in zip(types, names, strict=True) for part in pair)])


def _taken_apart(name: str, values: tuple[Any, ...]) -> tuple[list[str], str, list[str]]:
    """The arguments before the resource type, the type, and the names."""
    texts = [value if isinstance(value, str) else as_text(value) for value in values]
    place = next((at for at, text in enumerate(texts) if "/" in text), None)
    if place is None:
        raise ExpressionError(f"{name} needs a resource type such as 'Microsoft.Storage/storageAccounts'")
    return texts[:place], texts[place], [part for text in texts[place + 1 :] for part in text.split("/")]


def _named(among: Mapping[str, Any], name: Any, what: str) -> Any:
    for key, value in among.items():
        if isinstance(name, str) and key.lower() == name.lower():
            return value
    raise ExpressionError(f"the template has no {what} '{name}'")


def _member(value: Any, key: Any, *, forgiving: bool) -> Any:
    if value is None and forgiving:
        return None
    if isinstance(value, dict) and isinstance(key, str):
        for name, item in value.items():
            if same(name, key) or name.lower() == key.lower():
                return item
        if forgiving:
            return None
        raise ExpressionError(
            f"property '{key}' doesn't exist, available properties are '{', '.join(value)}'"
        )
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(value):
            return value[key]
        if forgiving:
            return None
        raise ExpressionError(f"the index {key} is outside of an array of {len(value)}")
    raise ExpressionError(f"'{key}' can't be taken from a value of type {kind(value)}")
