"""What a stack says of governance: locks, and Azure Policy in its resource group."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from infra.section import Section, setting

PolicyMode = Literal["none", "audit", "deny"]
_Region = Annotated[str, StringConstraints(pattern=r"^[a-z]+[0-9]?[a-z]*$")]


class GovernanceConfig(Section):
    """``mlops:governance``: what Azure itself refuses, whoever asks for it."""

    locks: bool = setting(
        False,
        breaks="it decides whether anybody can delete what holds data, and the grants on it, before the lock is taken off",
        write="true for production, else false",
    )
    policies: PolicyMode = setting(
        "none",
        breaks="it decides what Azure Policy does with what people make in the resource group beside this program",
        write="deny to refuse what breaks the stack's own rules, audit to report it, none for no assignments",
    )
    regions: tuple[_Region, ...] = setting(
        (),
        breaks="with policies, resources are allowed in the stack's own region and in these",
        write="a list of regions' short names such as northeurope",
    )


def governance_mistakes(config: GovernanceConfig) -> list[str]:
    """What doesn't fit together although each key is right."""
    if config.regions and config.policies == "none":
        return [
            (
                "governance.regions: no policy is assigned, so these regions would have no effect; "
                "write governance.policies: audit or deny, or remove them"
            )
        ]
    return []
