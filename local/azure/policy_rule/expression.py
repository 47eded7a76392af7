"""Expressions in policy rules: those of templates, and the functions that policies alone have. Pure.

Source: Microsoft Learn, "Azure Policy definition structure policy rule", section "Policy functions".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.azure.logic.expression_parser import ExpressionError, Member
from local.azure.template.scope import Scope, known
from local.azure.template.text import calls_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.azure.logic.expression_parser import Node
    from local.azure.resource_type import Json

#: What templates have and policies don't.
_TEMPLATES_ALONE = frozenset({"copyindex", "deployment", "environment", "extensionresourceid", "reference", "resourceid", "variables"})  # fmt: skip
_OWN = frozenset({"field", "current", "requestcontext", "policy", "iprangecontains", "adddays"})


@dataclass(frozen=True)
class RuleScope(Scope):
    """Where a rule's expressions are evaluated."""

    #: the value of a field of the resource (a list for an alias of an array)
    read: Callable[[str], Any] = field(default=lambda _name: None)
    #: what ``current()`` is, by the name of the count (lower case); empty: the innermost one
    elements: Json = field(default_factory=dict[str, Any])
    api_version: str = ""
    policy: Json = field(default_factory=dict[str, Any])

    def evaluate(self, node: Node) -> Any:
        """An expression's value; what isn't there (``resourceGroup().tags['x']``) is null, and no error as in a template."""
        if isinstance(node, Member) and not node.forgiving:
            node = replace(node, forgiving=True)
        return super().evaluate(node)

    def _fn_field(self, name: str) -> Any:
        return self.read(name)

    def _fn_current(self, name: str = "") -> Any:
        if name.lower() in self.elements:
            return self.elements[name.lower()]
        found = next(
            (one for key, one in self.elements.items() if key and name.lower().startswith(f"{key}.")), None
        )
        if not name or found is None:
            raise ExpressionError(f"there is no count '{name}' here")
        return self.read(name)

    def _fn_requestcontext(self) -> Json:
        return {"apiVersion": self.api_version}

    def _fn_policy(self) -> Json:
        return self.policy

    def _fn_iprangecontains(self, outer: str, inner: str) -> bool:
        try:
            first, last = _range(inner)
            low, high = _range(outer)
        except ValueError:
            return False
        return first.version == low.version and int(low) <= int(first) and int(last) <= int(high)

    def _fn_adddays(self, when: str, days: int) -> str:
        return _time(datetime.fromisoformat(str(when)) + timedelta(days=int(days)))

    def _fn_utcnow(self, form: str = "") -> str:
        """Now; unlike in templates, in one form only and anywhere."""
        if form:
            raise ExpressionError("it takes no format in a policy")
        return _time(self.now())


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}0Z"


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _range(text: str) -> tuple[_Address, _Address]:
    if "-" in text:
        low, _, high = text.partition("-")
        return ipaddress.ip_address(low.strip()), ipaddress.ip_address(high.strip())
    network = ipaddress.ip_network(text, strict=False)
    return network[0], network[-1]


def unknown_functions(value: Any) -> Iterator[str]:
    """The functions that a rule calls and that policies don't have, or local Azure doesn't."""
    for call in calls_in(value):
        name = call.name.lower()
        if name in _TEMPLATES_ALONE or not (name in _OWN or known(name)):
            yield call.name
