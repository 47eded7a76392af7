"""Policies about Things: one on resources, one on the stack, a remediation, and one that tells what it was given."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

THING = "pulumi-python:dynamic:Resource"


def _allowed_text(args, report):
    if args.resource_type == THING and args.props.get("text") in args.get_config()["forbidden"]:
        report(f"text is {args.props['text']!r}\nwrite another")


def _few(args, report):
    things = [found for found in args.resources if found.resource_type == THING]
    if len(things) > args.get_config()["most"]:
        report(f"{len(things)} things", next(found.urn for found in things if found.name == "a"))
        report(f"{len(things)} things in the stack")


def _labelled(args):
    if args.resource_type == THING and "mark" not in args.props:
        return {**args.props, "mark": "added"}
    return None


def _tell(args, report):
    if args.resource_type == THING and args.name == "c":
        report(
            f"protect={args.opts.protect} ignore={list(args.opts.ignore_changes)} keys={sorted(args.props)}"
            f" parent={(args.opts.parent or '').rsplit('::', 1)[-1]} provider={args.provider.resource_type}"
            f" text={args.props['text']}"
        )


def _tell_stack(args, report):
    (found,) = (each for each in args.resources if each.name == "c")
    report(
        f"parent={found.parent.name} dependencies={sorted(each.name for each in found.dependencies)}"
        f" size={[each.name for each in found.property_dependencies['size']]} text={found.props['text']}"
    )


PolicyPack(
    "things",
    policies=[
        ResourceValidationPolicy(
            "allowed-text",
            "Texts must be allowed.",
            _allowed_text,
            severity=Severity.HIGH,
            config_schema=PolicyConfigSchema(
                {"forbidden": {"type": "array", "items": {"type": "string"}, "default": ["one"]}}
            ),
        ),
        ResourceValidationPolicy(
            "labelled",
            "Everything is labelled.",
            remediate=_labelled,
            enforcement_level=EnforcementLevel.DISABLED,
        ),
        ResourceValidationPolicy("tell", "Tells.", _tell, enforcement_level=EnforcementLevel.DISABLED),
        StackValidationPolicy(
            "few",
            "Few things.",
            _few,
            config_schema=PolicyConfigSchema({"most": {"type": "integer", "default": 9}}),
        ),
        StackValidationPolicy(
            "tell-stack", "Tells.", _tell_stack, enforcement_level=EnforcementLevel.DISABLED
        ),
    ],
)
