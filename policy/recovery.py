"""What somebody deletes can be brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy import resource_type as azure
from policy.rule import UNKNOWN, Demand, Resource, ResourceRule, StackRule, at, demanding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_vault = demanding(
    Demand(azure.VAULT, "properties.enablePurgeProtection", (True,)),
    Demand(azure.VAULT, "properties.enableSoftDelete", (True,), unset=True),
)
_DEFAULT_DAYS = 90
#: What can't be made again from the program.
_HOLDS_DATA = frozenset({azure.WORKSPACE, azure.STORAGE_ACCOUNT, azure.VAULT, azure.REGISTRY})


def _vaults(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """Purge protection and soft delete are on, for long enough."""
    yield from _vault(resource, settings)
    if resource.type == azure.VAULT:
        days = at(resource.props, "properties.softDeleteRetentionInDays")
        days = _DEFAULT_DAYS if days is None else days
        if days is not UNKNOWN and days < settings["days"]:
            yield f"deleted secrets are kept for {days:g} days; {settings['days']:g} are asked for"


def _services(resources: Sequence[Resource], account: Resource) -> list[Resource]:
    """The settings of an account's blobs: there is one such resource for an account, or none."""
    return [
        one
        for one in resources
        if one.type == azure.BLOB_SERVICE and account.urn in one.uses.get("accountName", frozenset())
    ]


def _blobs(resources: Sequence[Resource], settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Deleted blobs and containers are kept for long enough."""
    for account in (one for one in resources if one.type == azure.STORAGE_ACCOUNT):
        services = _services(resources, account)
        if not services:
            yield account, "nothing says that its deleted blobs are kept"
        for service in services:
            for path in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
                kept, days = at(service.props, f"{path}.enabled"), at(service.props, f"{path}.days")
                if kept is not UNKNOWN and kept is not True:
                    yield service, f"{path} is not on"
                elif days is not UNKNOWN and (days or 0) < settings["days"]:
                    yield service, f"{path} keeps {days or 0:g} days; {settings['days']:g} are asked for"


def _versions(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[tuple[Resource, str]]:
    """Blobs have versions; they don't exist where an account has a hierarchical namespace."""
    for account in (one for one in resources if one.type == azure.STORAGE_ACCOUNT):
        if at(account.props, "isHnsEnabled") in (True, UNKNOWN):
            continue
        for service in _services(resources, account):
            versions = at(service.props, "isVersioningEnabled")
            if versions is not UNKNOWN and versions is not True:
                yield service, f"isVersioningEnabled is {'not set' if versions is None else 'false'}"


def _unprotected(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    if resource.type in _HOLDS_DATA and not resource.protect:
        yield "it isn't protected: `pulumi destroy` and a replacement delete it"


PURGE = ResourceRule(
    name="purge-protection",
    title="Purge protection",
    category="data",
    controls=("DP-8", "CIS 8.5"),
    reason="A purged vault is gone with every secret in it; with protection on, nobody can purge it before its days are over.",
    fix="Write `mlops:vault: {purgeProtection: true, softDeleteDays: 90}`; it can't be switched off again.",
    link="https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",
    settings={"days": {"type": "integer", "minimum": 7, "maximum": 90, "default": 7}},
    production={"days": 90},
    check=_vaults,
)
BLOBS = StackRule(
    name="blob-soft-delete",
    title="Deleted blobs are kept",
    category="data",
    controls=("BR-2", "CIS 3.11"),
    reason="Training data and models that a script deletes are gone at once otherwise.",
    fix="Write `mlops:storage: {softDeleteDays: 30}`.",
    link="https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview",
    settings={"days": {"type": "integer", "minimum": 1, "maximum": 365, "default": 7}},
    production={"days": 30},
    check=_blobs,
)
VERSIONS = StackRule(
    name="blob-versions",
    title="Blobs have versions",
    category="data",
    controls=("BR-2",),
    severity="medium",
    reason="What is overwritten is as gone as what is deleted, and soft delete doesn't keep it.",
    fix="Set `is_versioning_enabled=True`; the workspace's own account has it.",
    link="https://learn.microsoft.com/azure/storage/blobs/versioning-overview",
    check=_versions,
)
PROTECTED = ResourceRule(
    name="protected-resources",
    title="Protected from Pulumi itself",
    category="data",
    controls=("AM-3",),
    severity="medium",
    # Never mandatory: protection has to be taken off by an update before something can go.
    levels={"dev": "advisory", "prod": "advisory"},
    reason="A changed name in a stack file would replace what holds the data, and `pulumi destroy` would ask once.",
    fix="Write `mlops:protect: true`.",
    link="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    check=_unprotected,
)
