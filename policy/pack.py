"""Hands the rules to Pulumi: what it calls policies, and its proxies as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.checklist import RULES
from policy.rule import UNKNOWN, Resource, ResourceRule, StackRule

if TYPE_CHECKING:
    from pulumi_policy import (
        PolicyResource,
        ReportViolation,
        ResourceValidationArgs,
        StackValidationArgs,
    )

NAME = "mlops-policies"


def policies() -> list[Policy]:
    """All rules as Pulumi knows them; advisory unless a configuration file says otherwise."""
    return [_policy(rule) for rule in RULES]


def serve() -> None:
    """Answers the engine until it hangs up."""
    PolicyPack(name=NAME, enforcement_level=EnforcementLevel.ADVISORY, policies=policies())


def _policy(rule: ResourceRule | StackRule) -> Policy:
    given: dict[str, Any] = {
        "name": rule.name,
        "display_name": rule.title,
        "description": rule.reason,
        "severity": Severity(rule.severity),
        "remediation_steps": rule.fix,
        "url": rule.link,
        "config_schema": PolicyConfigSchema({key: dict(schema) for key, schema in rule.settings.items()})
        if rule.settings
        else None,
    }
    if isinstance(rule, ResourceRule):
        remediate = None if rule.remedy is None else _remediation(rule, rule.remedy)
        return ResourceValidationPolicy(validate=_of_resource(rule), remediate=remediate, **given)
    return StackValidationPolicy(validate=_of_stack(rule), **given)


def _of_resource(rule: ResourceRule) -> Any:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = _asked(args)
        for failure in rule.check(resource, rule.configured(args.get_config())):
            report(_message(rule, failure), None)

    return validate


def _remediation(rule: ResourceRule, remedy: Callable[[Resource], Mapping[str, Any]]) -> Any:
    def remediate(args: ResourceValidationArgs) -> Mapping[str, Any] | None:
        resource = _asked(args)
        if not any(rule.check(resource, rule.configured(args.get_config()))):
            return None
        # Into what Pulumi handed over: values that aren't known or are secret stay as they are.
        for path, value in remedy(resource).items():
            *outer, last = path.split(".")
            within: Any = args.props
            for key in outer:
                if key not in within:
                    within[key] = {}
                within = within[key]
            within[last] = value
        return args.props

    return remediate


def _asked(args: ResourceValidationArgs) -> Resource:
    return Resource(
        args.resource_type, args.name, args.urn, plain(args.props), protect=bool(args.opts.protect)
    )


def _of_stack(rule: StackRule) -> Any:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [_resource(one) for one in args.resources]
        for resource, failure in rule.check(resources, rule.configured(args.get_config())):
            report(_message(rule, failure), resource.urn)

    return validate


def _resource(one: PolicyResource) -> Resource:
    uses = {
        key: frozenset(resource.urn for resource in resources)
        for key, resources in one.property_dependencies.items()
    }
    return Resource(one.resource_type, one.name, one.urn, plain(one.props), uses, bool(one.opts.protect))


def _message(rule: ResourceRule | StackRule, failure: str) -> str:
    return f"{failure}. {rule.fix} ({rule.link})"


def plain(value: Any) -> Any:
    """A proxy's value as plain JSON, with ``UNKNOWN`` where the proxy would raise."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return {key: _item(mapping, key) for key in mapping}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        sequence = cast("Sequence[Any]", value)
        return [_item(sequence, index) for index in range(len(sequence))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
