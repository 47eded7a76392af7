"""How long data is kept, and where: rules that move blobs to cheaper tiers and delete them.

Source: Microsoft Learn, "Optimize costs by automatically managing the data lifecycle" and "Access tiers for blob data" (no
archive with zone redundancy; 30, 90 and 180 days are paid for in cool, cold and archive however long a blob stays).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_azure_native import storage
from pydantic import model_validator

from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.scope import Scope

_DAYS = "a whole number of days from 1 to 36500, or leave the key out"
#: In the order that a blob ages.
_STEPS = ("coolAfterDays", "coldAfterDays", "archiveAfterDays", "deleteAfterDays")


def _days(what: str) -> int | None:
    return setting(None, ge=1, le=36500, breaks=what, write=_DAYS)


class LifecycleRuleConfig(Section):
    """One of ``mlops:data.lifecycle``."""

    name: str = setting(
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$",
        breaks="rules of an account are told apart by it",
        write="1 to 63 letters, digits and hyphens",
    )
    account: Literal["storage", "lake"] = setting(
        "lake", breaks="it is where the blobs are", write="storage or lake"
    )
    prefixes: tuple[str, ...] = setting(
        (),
        max_length=10,
        breaks="without one the rule holds for every blob of the account, with more than ten Azure refuses it",
        write="a list of CONTAINER/FOLDER, at most ten",
    )
    cool_after_days: int | None = _days(
        "blobs that weren't changed for so long become cheaper to keep, dearer to read"
    )
    cold_after_days: int | None = _days(
        "blobs that weren't changed for so long become cheaper to keep, dearer to read"
    )
    archive_after_days: int | None = _days("blobs that weren't changed for so long take hours to read again")
    delete_after_days: int | None = _days("blobs that weren't changed for so long are deleted")
    delete_versions_after_days: int | None = _days("earlier versions of blobs are deleted after so long")

    @model_validator(mode="after")
    def _fits(self) -> LifecycleRuleConfig:
        days = (self.cool_after_days, self.cold_after_days, self.archive_after_days, self.delete_after_days)
        given = [(key, number) for key, number in zip(_STEPS, days, strict=True) if number is not None]
        if not given and self.delete_versions_after_days is None:
            raise ValueError(
                f"the rule {self.name} does nothing, and Azure refuses it; write one of {', '.join(_STEPS)} or "
                "deleteVersionsAfterDays"
            )
        for (earlier, first), (later, second) in itertools.pairwise(given):
            if second <= first:
                raise ValueError(
                    f"the rule {self.name} has {later} {second}, not after {earlier} {first}, so that step would never be "
                    f"taken; write more than {first} days"
                )
        if self.account == "lake" and self.delete_versions_after_days is not None:
            raise ValueError(
                f"the rule {self.name} deletes versions on the lake, and an account with a hierarchical namespace has none; "
                "remove deleteVersionsAfterDays, or write account: storage"
            )
        return self


def mistakes(rules: Sequence[LifecycleRuleConfig], *, redundancy: str) -> list[str]:
    """What is wrong with several rules together, or with what the accounts are."""
    keys = [(rule.account, rule.name) for rule in rules]
    found = [
        f"data.lifecycle: {name} is listed twice for {account}, and an account has one rule of a name; rename one"
        for account, name in dict.fromkeys(key for key in keys if keys.count(key) > 1)
    ]
    zonal = redundancy in ("ZRS", "GZRS")
    found += [
        f"data.lifecycle: the rule {rule.name} archives while storage.redundancy is {redundancy}, and accounts with zone "
        "redundancy have no archive tier; write coldAfterDays instead, or storage.redundancy: GRS"
        for rule in rules
        if zonal and rule.archive_after_days is not None
    ]
    return found


class Lifecycle(pulumi.ComponentResource):
    """The rules of each account that has some."""

    def __init__(
        self,
        name: str,
        rules: Sequence[LifecycleRuleConfig],
        *,
        scope: Scope,
        accounts: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``accounts``: the names of the platform's own accounts, by ``storage`` and ``lake``."""
        super().__init__("mlops:infra:Lifecycle", name, None, opts)
        for account, account_name in accounts.items():
            own = [rule for rule in rules if rule.account == account]
            if own:
                storage.ManagementPolicy(
                    f"{name}-{account}",
                    resource_group_name=scope.resource_group_name,
                    account_name=account_name,
                    management_policy_name="default",
                    policy=storage.ManagementPolicySchemaArgs(rules=[_rule(rule) for rule in own]),
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({})


def _rule(rule: LifecycleRuleConfig) -> storage.ManagementPolicyRuleArgs:
    def after(days: int | None) -> storage.DateAfterModificationArgs | None:
        return (
            None
            if days is None
            else storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
        )

    blobs = (rule.cool_after_days, rule.cold_after_days, rule.archive_after_days, rule.delete_after_days)
    versions = rule.delete_versions_after_days
    return storage.ManagementPolicyRuleArgs(
        name=rule.name,
        type=storage.RuleType.LIFECYCLE,
        enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(
            filters=storage.ManagementPolicyFilterArgs(
                blob_types=["blockBlob"], prefix_match=list(rule.prefixes) or None
            ),
            actions=storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    tier_to_cool=after(rule.cool_after_days),
                    tier_to_cold=after(rule.cold_after_days),
                    tier_to_archive=after(rule.archive_after_days),
                    delete=after(rule.delete_after_days),
                )
                if any(blobs)
                else None,
                version=storage.ManagementPolicyVersionArgs(
                    delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=versions)
                )
                if versions
                else None,
            ),
        ),
    )
