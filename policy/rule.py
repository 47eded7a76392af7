"""What a policy is: a rule with its reason, its fix, a check and perhaps a remedy. Pure.

In a preview some values aren't known yet: they are ``UNKNOWN``, and no check accuses a resource of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Severity = Literal["low", "medium", "high", "critical"]
Category = Literal["network", "identity", "data", "compute", "serving", "governance", "cost"]
#: What a violation does: it is told, or it stops the run.
Level = Literal["advisory", "mandatory"]
Environment = Literal["dev", "prod"]


class Unknown:
    """A value that only the update will know."""

    def __repr__(self) -> str:
        return "a value that isn't known yet"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Resource:
    """A resource as the program asks for it, or as the stack has it.

    ``props`` is plain JSON with ``UNKNOWN`` in it. ``uses`` says for each property the URNs of the resources that its
    value comes from; engines know it of whole stacks only.
    """

    type: str
    name: str
    urn: str
    props: Mapping[str, Any]
    uses: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    protect: bool = False


@dataclass(frozen=True)
class Rule:
    """What all policies have.

    ``reason`` says what goes wrong without it, ``fix`` what to write in the stack's file, ``settings`` are JSON schemas
    of what a configuration file may change, each with a default. ``controls`` are the recommendations it serves: of the
    Microsoft cloud security benchmark v1 (``NS-2``) and the CIS Microsoft Azure Foundations Benchmark 2.0.0 (``CIS 3.8``).
    ``levels`` and ``production`` are what the configuration files in ``policy/`` say of it.
    """

    name: str
    title: str
    reason: str
    fix: str
    link: str
    category: Category
    controls: tuple[str, ...] = ()
    severity: Severity = "high"
    levels: Mapping[Environment, Level] = field(
        default_factory=lambda: MappingProxyType({"dev": "advisory", "prod": "mandatory"})
    )
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    #: settings that production has and the defaults don't
    production: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def configured(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The settings: as given, else by default."""
        return {key: (given or {}).get(key, schema["default"]) for key, schema in self.settings.items()}


@dataclass(frozen=True)
class ResourceRule(Rule):
    """A policy of single resources; ``check`` says what is wrong with one, a phrase for each thing.

    ``remedy`` gives the values to set instead, by path, where that can't break anything; with the enforcement level
    ``remediate`` Pulumi sets them, as if the program had.
    """

    check: Callable[[Resource, Mapping[str, Any]], Iterable[str]] = lambda _resource, _settings: ()
    remedy: Callable[[Resource], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class StackRule(Rule):
    """A policy of whole stacks; ``check`` gives the resources something is wrong with, and what."""

    check: Callable[[Sequence[Resource], Mapping[str, Any]], Iterable[tuple[Resource, str]]] = (
        lambda _resources, _settings: ()
    )


@dataclass(frozen=True)
class Demand:
    """That a property of a resource type has one of some values; texts are compared without case, as Azure does."""

    type: str
    path: str  #: with dots
    allowed: tuple[Any, ...]
    unset: bool = False  #: whether it may be left out, as Azure's default is right

    def failure(self, resource: Resource) -> str | None:
        """What is wrong with a resource of this type; None: nothing, or it can't be known yet."""
        value = at(resource.props, self.path)
        if value is UNKNOWN or (value is None and self.unset):
            return None
        if value is not None and _folded(value) in {_folded(one) for one in self.allowed}:
            return None
        wanted = " or ".join(_json(one) for one in self.allowed)
        return f"{self.path} {'is not set' if value is None else f'is {_json(value)}'}; it must be {wanted}"


def remedying(*demands: Demand) -> Callable[[Resource], dict[str, Any]]:
    """The remedy of these demands: the first allowed value where one fails."""

    def remedy(resource: Resource) -> dict[str, Any]:
        return {
            demand.path: demand.allowed[0]
            for demand in demands
            if demand.type == resource.type and demand.failure(resource) is not None
        }

    return remedy


def rule_of(
    name: str,
    title: str,
    category: Category,
    *demands: Demand,
    controls: tuple[str, ...] = (),
    severity: Severity = "high",
    safe: bool = False,
    reason: str,
    fix: str,
    link: str,
) -> ResourceRule:
    """A policy that is nothing but demands; ``safe``: setting what is asked for can't break anything."""
    return ResourceRule(
        name=name,
        title=title,
        reason=reason,
        fix=fix,
        link=link,
        category=category,
        controls=controls,
        severity=severity,
        check=demanding(*demands),
        remedy=remedying(*demands) if safe else None,
    )


def demanding(*demands: Demand) -> Callable[[Resource, Mapping[str, Any]], Iterator[str]]:
    """The check that all these demands make up."""

    def check(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
        for demand in demands:
            if demand.type == resource.type and (failure := demand.failure(resource)) is not None:
                yield failure

    return check


def at(props: Any, path: str) -> Any:
    """The value at a path with dots; None where there is none, ``UNKNOWN`` below what isn't known yet."""
    value = props
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(key)
    return value


def items(props: Any, path: str) -> list[Any]:
    """The known items of a list at a path."""
    value = at(props, path)
    return [one for one in cast("list[Any]", value) if one is not UNKNOWN] if isinstance(value, list) else []


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _json(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else f"{value}"
