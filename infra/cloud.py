"""Azure's clouds: the names that differ between the public one and those of governments and China.

Sources: Microsoft's "Azure Private Endpoint private DNS zone values", "Compare Azure Government and global Azure",
"Azure operated by 21Vianet: developer notes", and the endpoints that `az cloud show` prints. Whatever names a suffix asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

CloudName = Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"]
#: Which part of a resource a private endpoint leads to.
Group = Literal["blob", "file", "queue", "table", "dfs", "vault", "registry", "amlworkspace", "amlregistry"]

_STORAGE_GROUPS: tuple[Group, ...] = ("blob", "file", "queue", "table", "dfs")


@dataclass(frozen=True)
class Cloud:
    """One of Azure's clouds. Hosts and suffixes come without a leading dot and without a slash at the end."""

    name: CloudName
    environment: str  #: how azure-native's ``environment`` setting calls it
    management: str  #: the host of Azure Resource Manager, which is the audience of its tokens too
    login: str  #: the host that gives tokens
    storage: str  #: what ``ACCOUNT.blob.`` goes before
    vault: str  #: what ``VAULT.`` goes before; the audience of a vault's tokens too
    vault_zone: str  #: the suffix in the private DNS zone of vaults, which isn't that of their names
    registry: str  #: what ``REGISTRY.`` goes before
    azureml: str  #: what the names of workspaces and online endpoints end in
    notebooks: str  #: what the names of notebooks end in
    front_door: bool  #: whether Azure Front Door leads to Azure ML's studio, which rules must allow then

    @property
    def zones(self) -> Mapping[Group, tuple[str, ...]]:
        """The private DNS zones that a private endpoint's names are in, by its group."""
        return {
            **{group: (f"privatelink.{group}.{self.storage}",) for group in _STORAGE_GROUPS},
            "vault": (f"privatelink.{self.vault_zone}",),
            "registry": (f"privatelink.{self.registry}",),
            # Online endpoints are reached through it as well.
            "amlworkspace": (f"privatelink.{self.azureml}", f"privatelink.{self.notebooks}"),
            "amlregistry": (f"privatelink.{self.azureml}",),
        }

    @property
    def all_zones(self) -> tuple[str, ...]:
        """Every private DNS zone that the platform needs."""
        return tuple(dict.fromkeys(zone for zones in self.zones.values() for zone in zones))

    def localized(self, value: Any) -> Any:
        """``value``, a JSON object such as a workflow's definition, with this cloud's hosts for those of the public one."""
        if self is PUBLIC:
            return value
        if isinstance(value, dict):
            return {key: self.localized(one) for key, one in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.localized(one) for one in cast("list[Any]", value)]
        if not isinstance(value, str):
            return value
        for theirs, ours in (
            (f"//{PUBLIC.management}", f"//{self.management}"),
            (f"//{PUBLIC.vault}", f"//{self.vault}"),
            (f".{PUBLIC.vault}", f".{self.vault}"),
            (f".{PUBLIC.storage}", f".{self.storage}"),
        ):
            value = value.replace(theirs, ours)
        return value

    def blob(self, account: str) -> str:
        """The URL of a storage account's blobs."""
        return f"https://{account}.blob.{self.storage}"

    def vault_url(self, vault: str) -> str:
        """The URL of a vault."""
        return f"https://{vault}.{self.vault}"


PUBLIC = Cloud(
    name="AzureCloud",
    environment="public",
    management="management.azure.com",
    login="login.microsoftonline.com",
    storage="core.windows.net",
    vault="vault.azure.net",
    vault_zone="vaultcore.azure.net",
    registry="azurecr.io",
    azureml="api.azureml.ms",
    notebooks="notebooks.azure.net",
    front_door=True,
)
US_GOVERNMENT = Cloud(
    name="AzureUSGovernment",
    environment="usgovernment",
    management="management.usgovcloudapi.net",
    login="login.microsoftonline.us",
    storage="core.usgovcloudapi.net",
    vault="vault.usgovcloudapi.net",
    vault_zone="vaultcore.usgovcloudapi.net",
    registry="azurecr.us",
    azureml="api.ml.azure.us",
    notebooks="notebooks.usgovcloudapi.net",
    front_door=True,
)
CHINA = Cloud(
    name="AzureChinaCloud",
    environment="china",
    management="management.chinacloudapi.cn",
    login="login.partner.microsoftonline.cn",
    storage="core.chinacloudapi.cn",
    vault="vault.azure.cn",
    vault_zone="vaultcore.azure.cn",
    registry="azurecr.cn",
    azureml="api.ml.azure.cn",
    notebooks="notebooks.chinacloudapi.cn",
    front_door=False,
)
CLOUDS: Mapping[CloudName, Cloud] = {cloud.name: cloud for cloud in (PUBLIC, US_GOVERNMENT, CHINA)}


def environment_mistake(cloud: Cloud, environment: str | None) -> str | None:
    """What is wrong with azure-native's ``environment`` setting; None: nothing.

    Deploying to one cloud with the names of another would make private endpoints whose names nobody asks for.
    """
    told = (environment or PUBLIC.environment).lower()
    if told == cloud.environment:
        return None
    return (
        f"cloud: {cloud.name} has other names than azure-native:environment ({told}), so what is deployed wouldn't be found; "
        f"write `pulumi config set azure-native:environment {cloud.environment}`, or the cloud that goes with {told}"
    )
