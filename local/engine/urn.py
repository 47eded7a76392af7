"""URNs: `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`; pure."""

from __future__ import annotations

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def make(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; types of ancestors other than the stack are part of it."""
    prefix = qualified_type(parent) if parent else ""
    if prefix and prefix != STACK_TYPE:
        type_ = f"{prefix}${type_}"
    return f"urn:pulumi:{stack}::{project}::{type_}::{name}"


def qualified_type(urn: str) -> str:
    """The type with its ancestors' types."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """The resource's own type."""
    return qualified_type(urn).rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    """The resource's logical name."""
    return urn.split("::", 3)[3]


def is_provider(type_: str) -> bool:
    """Whether a type is that of a provider."""
    return type_.startswith(PROVIDER_PREFIX)


def package_of(type_: str) -> str:
    """The package of a resource type; for a provider, the package it provides."""
    return type_.removeprefix(PROVIDER_PREFIX) if is_provider(type_) else type_.split(":", 1)[0]


def is_default_provider(urn: str) -> bool:
    """Whether the URN is that of a provider nobody declared."""
    name = name_of(urn)
    return is_provider(type_of(urn)) and (name == "default" or name.startswith("default_"))


def split_reference(reference: str) -> tuple[str, str]:
    """A provider reference `URN::ID` as its two parts."""
    urn, _, identity = reference.rpartition("::")
    return urn, identity
