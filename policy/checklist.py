"""The checklist: all policies, in the order in which the guide tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy import (
    diagnostic,
    endpoint_authentication,
    local_authentication,
    managed_identity,
    plain_secret,
    private_endpoint,
    public_access,
    purge_protection,
    region,
    scale_to_zero,
    tag,
    tls,
)

if TYPE_CHECKING:
    from policy.rule import ResourceRule, StackRule

RULES: tuple[ResourceRule | StackRule, ...] = tuple(
    module.RULE
    for module in (
        public_access,
        private_endpoint,
        local_authentication,
        managed_identity,
        plain_secret,
        tls,
        tag,
        region,
        scale_to_zero,
        purge_protection,
        diagnostic,
        endpoint_authentication,
    )
)


def table() -> str:
    """The policies as the guide's table."""
    lines = ["| Policy | Reason | Fix |", "|---|---|---|"]
    lines += [
        f"| [{rule.title}]({rule.link})<br>`{rule.name}` | {rule.reason} | {rule.fix} |" for rule in RULES
    ]
    return "\n".join(lines)
