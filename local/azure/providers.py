"""The providers of local Azure, one module per Azure provider (``resource_type`` says what a module may have)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

MODULES: tuple[str, ...] = (
    "local.azure.resources",
    "local.azure.authorization",
    "local.azure.lock",
    "local.azure.managed_identity",
    "local.azure.storage",
    "local.azure.key_vault",
    "local.azure.key_vault_secret",
    "local.azure.container_registry",
    "local.azure.operational_insights",
    "local.azure.application_insights",
    "local.azure.insights",
    "local.azure.action_group",
    "local.azure.diagnostic_setting",
    "local.azure.monitor_record",
    "local.azure.application_insights_part",
    "local.azure.activity_query",
    "local.azure.event_grid",
    "local.azure.logic.workflow",
    "local.azure.logic.callback",
    "local.azure.network.virtual_network",
    "local.azure.network.subnet",
    "local.azure.network.peering",
    "local.azure.network.security_group",
    "local.azure.network.route_table",
    "local.azure.network.public_address",
    "local.azure.network.interface",
    "local.azure.network.load_balancer",
    "local.azure.network.firewall",
    "local.azure.network.firewall_policy",
    "local.azure.network.bastion",
    "local.azure.network.watcher",
    "local.azure.network.service_endpoint_policy",
    "local.azure.network.plain_record",
    "local.azure.network.private_link",
    "local.azure.network.private_link_service",
    "local.azure.network.private_endpoint",
    "local.azure.network.zone_group",
    "local.azure.network.private_zone",
    "local.azure.network.record_set",
    "local.azure.network.location",
    "local.azure.machine_learning.workspace",
    "local.azure.machine_learning.compute",
    "local.azure.machine_learning.vm_size",
    "local.azure.machine_learning.datastore",
    "local.azure.machine_learning.data",
    "local.azure.machine_learning.code",
    "local.azure.machine_learning.environment",
    "local.azure.machine_learning.model",
    "local.azure.machine_learning.component",
    "local.azure.machine_learning.online_endpoint",
    "local.azure.machine_learning.online_deployment",
    "local.azure.machine_learning.batch_endpoint",
    "local.azure.machine_learning.batch_deployment",
    "local.azure.machine_learning.schedule",
    "local.azure.machine_learning.discovery",
    "local.azure.machine_learning.job",
    "local.azure.machine_learning.batch_job",
    "local.azure.machine_learning.run_history",
    "local.azure.machine_learning.serving",
    "local.azure.machine_learning.inference",
    "local.azure.machine_learning.request_metric",
)


def load() -> tuple[ModuleType, ...]:
    """All provider modules, imported."""
    return tuple(import_module(name) for name in MODULES)
