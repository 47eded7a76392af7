"""The stack's YAML as frozen models. The only reader of ``pulumi.Config``.

Everything is read and checked before any resource is registered. A mistake ends the program with one line that names
the full key, what would break, and what to write instead.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pulumi
from pulumi.runtime import config as runtime
from pydantic import StringConstraints, ValidationError

from infra import names, region
from infra.access import table
from infra.access.table import AccessConfig
from infra.cloud import CLOUDS, Cloud, CloudName, environment_mistake
from infra.compute import compute
from infra.compute.compute import ComputeConfig
from infra.compute.vm_size import has_gpus
from infra.data import config as data
from infra.data import feature_store_config as features
from infra.data import shared_registry
from infra.data.config import DataConfig
from infra.data.feature_store_config import FeatureStoreConfig
from infra.data.shared_registry import SharedRegistryConfig
from infra.events.retraining import RetrainingConfig
from infra.events.target import EventsConfig, unreachable
from infra.governance.config import GovernanceConfig, governance_mistakes
from infra.network.config import NetworkConfig
from infra.network.mistake import network_mistakes, node_mistakes
from infra.observability import budget, contact
from infra.observability.budget import BudgetConfig  # noqa: TC001 (pydantic reads it)
from infra.observability.contact import AlertsConfig
from infra.observability.log_analytics import ObservabilityConfig
from infra.profile import Profile, filled
from infra.registry import RegistryConfig
from infra.section import Section, explain, is_object, setting
from infra.storage import StorageConfig
from infra.vault import VaultConfig
from infra.workspace import encryption
from infra.workspace.config import WorkspaceConfig
from infra.workspace.encryption import EncryptionConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

_PART = "2 to 8 lowercase letters and digits, a letter first"
#: Azure's limits on tags: names of at most 128 characters on storage accounts, values of at most 256, 50 a resource.
TagName = Annotated[str, StringConstraints(pattern=r"^[^<>%&\\?/]{1,128}$")]
TagValue = Annotated[str, StringConstraints(max_length=256)]
EndpointAuth = Literal["key", "aml_token", "aad_token"]
ModelFolder = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class ConfigError(pulumi.RunError):
    """The stack's configuration can't be used. One line per mistake, without a traceback."""


class StackConfig(Section):
    """Everything that a stack's YAML says."""

    profile: Profile = setting(
        "standard",
        breaks="it sets the defaults of all other keys",
        write="sandbox for trying something, standard for a team's development, regulated for audited production",
    )
    project: str = setting(
        "mlops",
        pattern=names.PART_PATTERN,
        breaks="it is part of every name, and a storage account has room for 8 characters of it",
        write=_PART,
    )
    environment: str = setting(
        pattern=names.PART_PATTERN,
        breaks="it is part of every name, and a storage account has room for 8 characters of it",
        write=f"local, dev, prod or another name of {_PART}",
    )
    location: str = setting(
        pattern=r"^[a-z]+[0-9]?[a-z]*$",
        breaks="every resource needs a region",
        write="a region's short name such as westeurope (`az account list-locations` lists them)",
    )
    cloud: CloudName = setting(
        "AzureCloud",
        breaks="names, private DNS zones and the places of tokens differ between Azure's clouds",
        write="AzureCloud, AzureUSGovernment or AzureChinaCloud (`az cloud show --query name`)",
    )
    owner: str = setting(
        min_length=1,
        max_length=256,
        breaks="every resource is tagged with who answers for it",
        write="a team or an address",
    )
    cost_center: str = setting(
        min_length=1,
        max_length=256,
        breaks="every resource is tagged with who pays for it",
        write="a cost centre",
    )
    suffix: str | None = setting(
        None,
        pattern=names.SUFFIX_PATTERN,
        breaks="it ends every name",
        write="6 lowercase letters and digits to take up an existing platform, or leave the key out",
    )
    protect: bool = setting(
        False,
        breaks="it decides whether what holds data can be destroyed",
        write="true for production, else false",
    )
    tags: dict[TagName, TagValue] = setting(
        {},
        max_length=40,
        breaks="Azure takes at most 50 tags, names without <>%&\\?/ and values of at most 256 characters",
        write="a mapping of names to texts, numbers in quotes",
    )
    network: NetworkConfig = NetworkConfig()
    workspace: WorkspaceConfig = WorkspaceConfig()
    encryption: EncryptionConfig = EncryptionConfig()
    vault: VaultConfig = VaultConfig()
    storage: StorageConfig = StorageConfig()
    data: DataConfig = DataConfig()
    feature_store: FeatureStoreConfig = FeatureStoreConfig()
    shared_registry: SharedRegistryConfig = SharedRegistryConfig()
    registry: RegistryConfig = RegistryConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    compute: ComputeConfig = ComputeConfig()
    access: AccessConfig = AccessConfig()
    events: EventsConfig = EventsConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    alerts: AlertsConfig = AlertsConfig()
    budget: BudgetConfig | None = setting(
        None,
        breaks="it decides whether somebody is told before the stack costs too much",
        write="a mapping with an amount, or leave the key out",
    )
    governance: GovernanceConfig = GovernanceConfig()
    endpoint_auth: EndpointAuth | None = setting(
        None,
        breaks="it decides how callers of all online endpoints of this stack sign in",
        write="aad_token for Microsoft Entra ID, aml_token, key, or leave the key out for what each model.yaml says",
    )
    models: tuple[ModelFolder, ...] = setting(
        (),
        breaks="each names a folder of models/ with a model.yaml",
        write="a list of folder names such as flight_delay",
    )
    models_folder: str = setting(
        "models",
        min_length=1,
        breaks="it is where the models' folders are, relative to the project",
        write="a path such as models or ../our-models/models",
    )

    @property
    def azure(self) -> Cloud:
        """The names of the cloud that the stack is in."""
        return CLOUDS[self.cloud]

    @property
    def all_tags(self) -> dict[str, str]:
        """What every resource is tagged with."""
        return names.tags(
            project=self.project,
            environment=self.environment,
            owner=self.owner,
            cost_center=self.cost_center,
            more=self.tags,
        )


#: Keys whose values are tags as well.
_TAG_KEYS = ("project", "environment", "owner", "costCenter")
#: Keys whose values are text as it stands.
_PLAIN = frozenset(
    field.alias or name for name, field in StackConfig.model_fields.items() if not is_object(field.annotation)
)


def load() -> StackConfig:
    """The configuration of the stack that this program runs for.

    Raises:
        ConfigError: something in it can't work.
    """
    namespace = f"{pulumi.get_project()}:"
    everything: Mapping[str, Any] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    values = {
        key.removeprefix(namespace): value for key, value in everything.items() if key.startswith(namespace)
    }
    secret = {key for key in values if runtime.is_config_secret(namespace + key)}
    config = parse(values, namespace=namespace, secret=secret)
    mistake = environment_mistake(config.azure, everything.get("azure-native:environment"))
    if mistake:
        raise ConfigError(f"{namespace}{mistake}")
    return config


def subscription() -> str | None:
    """The subscription that azure-native deploys to, where the stack's settings name it."""
    return pulumi.Config("azure-native").get("subscriptionId")


def parse(
    values: Mapping[str, Any], *, namespace: str = "mlops:", secret: set[str] | None = None
) -> StackConfig:
    """Checks what a stack says.

    Args:
        values: by key without the namespace; objects and lists as Pulumi hands them over, in JSON, or as they are.
        namespace: what the keys begin with in the stack's YAML.
        secret: keys whose values must not be shown.

    Raises:
        ConfigError: one line per mistake.
    """
    try:
        config = StackConfig.model_validate(filled(decoded(values), StackConfig))
    except ValidationError as error:
        lines = [
            explain(namespace, StackConfig, item, secret=item["loc"][0] in (secret or ()))
            for item in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(lines)) from None
    mistakes = [f"{namespace}{mistake}" for mistake in _mistakes(config)]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return config


def decoded(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a stack says, as objects: Pulumi hands objects and lists over as JSON, everything else as text."""
    return {
        key: value if key in _PLAIN or not isinstance(value, str) else _object(value)
        for key, value in values.items()
    }


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _mistakes(config: StackConfig) -> list[str]:
    """What doesn't fit together although each key is right."""
    found: list[str] = []
    found += network_mistakes(config.network, config.azure) or node_mistakes(
        config.network, config.compute.nodes_inside
    )
    if config.network.needs_premium_registry and config.registry.sku != "Premium":
        why = (
            f"network.mode is {config.network.mode}"
            if config.network.has_network
            else "network.managed.isolation is AllowOnlyApprovedOutbound"
        )
        found.append(
            f"registry.sku: a {config.registry.sku} registry has no private endpoints, so no image could be pulled while {why}; "
            "write Premium"
        )
    if not config.network.public_access and config.retraining.start != "none":
        found.append(
            "retraining.start: the Logic App is outside of the network, so it couldn't reach the storage account while "
            "the platform answers inside only (network); write none, and let something in the network read the queue monitor-breaches"
        )
    found += encryption.mistakes(
        config.encryption,
        purge_protection=config.vault.purge_protection,
        registry_sku=config.registry.sku,
    )
    if not config.network.public_access:
        found += unreachable(config.events)
    found += contact.mistakes(
        config.alerts,
        diagnostics=config.observability.diagnostics,
        answers_outside=config.network.public_access,
    )
    found += budget.mistakes(config.budget, config.all_tags, told=config.alerts.anybody)
    found += shared_registry.mistakes(config.shared_registry, location=config.location)
    found += governance_mistakes(config.governance)
    found += features.mistakes(config.feature_store, private=config.network.mode == "private")
    found += data.mistakes(config.data, redundancy=config.storage.redundancy)
    found += compute.mistakes(config.compute, config.network.mode)
    found += table.mistakes(config.access, config.compute.names, shares=config.shared_registry.enabled)
    found += _without_gpus(config)
    own = names.tags(
        project="project", environment="environment", owner="owner", cost_center="costCenter", more={}
    )
    keys = {tag: f" and write {value}" if value in _TAG_KEYS else "" for tag, value in own.items()}
    found += [
        f"tags.{tag}: the platform sets this tag itself, so it would have no effect; remove it{keys[tag.lower()]}"
        for tag in config.tags
        if tag.lower() in keys
    ]
    found += [
        f"models: {model} is listed twice, and a model can be served once per stack; list it once"
        for model, count in Counter(config.models).items()
        if count > 1
    ]
    return found


def _without_gpus(config: StackConfig) -> list[str]:
    """Computes that a region has no machines for."""
    if config.location not in region.WITHOUT_GPUS:
        return []
    return [
        f"compute.{kind}[{number}].vmSize: {config.location} has no machines with GPUs, so {one.name} would get no node of "
        f"{one.vm_size}; write compute.{kind} without it, or another location"
        for kind, computes in (
            ("clusters", config.compute.clusters),
            ("instances", config.compute.instances),
        )
        for number, one in enumerate(computes)
        if has_gpus(one.vm_size)
    ]
