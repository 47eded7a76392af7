"""Names, tags, and ARM ids. Pure; everything stays within Azure's limits for every project, environment and suffix.

Limits: Microsoft's "Naming rules and restrictions for Azure resources" and "Use tags to organize your Azure
resources". Abbreviations: Microsoft's Cloud Adoption Framework.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

#: What a project and an environment may be called: with 8 characters each, a storage account's 24 are used up.
PART_PATTERN = r"^[a-z][a-z0-9]{1,7}$"
SUFFIX_LENGTH = 6
SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
SUFFIX_PATTERN = r"^[a-z0-9]{6}$"

#: Namespace of role assignment names. It may never change: another one would replace every assignment.
_ROLE_ASSIGNMENTS = uuid.UUID("5a1f6f0e-6c2b-5d0e-9a53-3d1b7c1d9f10")
#: Namespace of workbooks' names, likewise.
_WORKBOOKS = uuid.UUID("0f3c6f9e-4a63-5c1c-9d0e-7c1b2f5e8a41")


@dataclass(frozen=True)
class Names:
    """The physical names of one platform."""

    project: str
    environment: str
    suffix: str

    @property
    def resource_group(self) -> str:
        """1-90 characters."""
        return self._hyphenated("rg")

    @property
    def workspace(self) -> str:
        """3-33 letters, digits, hyphens."""
        return self._hyphenated("mlw")

    def project_workspace(self, label: str) -> str:
        """3-33 letters, digits, hyphens. ``label``, of at most 6 characters, tells a hub's projects apart."""
        return self._hyphenated(f"p-{label}")

    @property
    def feature_store(self) -> str:
        """3-33 letters, digits, hyphens: it is a workspace."""
        return self._hyphenated("mlf")

    @property
    def online_store(self) -> str:
        """1-63 letters, digits, single hyphens, unique in the world."""
        return self._hyphenated("redis")

    @property
    def shared_registry(self) -> str:
        """3-33 letters, digits, hyphens, unique in the region."""
        return self._hyphenated("mlr")

    @property
    def storage_account(self) -> str:
        """The workspace's own account. 3-24 lowercase letters and digits, unique in the world."""
        return self._joined("st")

    @property
    def lake_account(self) -> str:
        """The account with the data. 3-24 lowercase letters and digits, unique in the world."""
        return self._joined("dl")

    @property
    def vault(self) -> str:
        """3-24 letters, digits, hyphens, unique in the world; without hyphens where they don't fit."""
        name = self._hyphenated("kv")
        return name if len(name) <= 24 else self._joined("kv")

    @property
    def registry(self) -> str:
        """5-50 letters and digits, unique in the world."""
        return self._joined("cr")

    @property
    def log_analytics(self) -> str:
        """4-63 letters, digits, hyphens."""
        return self._hyphenated("log")

    @property
    def application_insights(self) -> str:
        """1-260 characters."""
        return self._hyphenated("appi")

    @property
    def system_topic(self) -> str:
        """3-50 letters, digits, hyphens."""
        return self._hyphenated("evgt")

    @property
    def service_bus(self) -> str:
        """6-50 letters, digits, hyphens, unique in the world."""
        return self._hyphenated("sbns")

    @property
    def virtual_network(self) -> str:
        """2-64 characters."""
        return self._hyphenated("vnet")

    @property
    def nat_gateway(self) -> str:
        """1-80 characters."""
        return self._hyphenated("ng")

    @property
    def public_ip(self) -> str:
        """1-80 characters."""
        return self._hyphenated("pip")

    def public_ip_of(self, purpose: str) -> str:
        """1-80 characters. ``purpose`` tells the platform's further public addresses apart."""
        return self._hyphenated(f"pip-{purpose}")

    @property
    def route_table(self) -> str:
        """1-80 characters."""
        return self._hyphenated("rt")

    @property
    def firewall(self) -> str:
        """1-56 characters."""
        return self._hyphenated("afw")

    @property
    def firewall_policy(self) -> str:
        """1-80 characters."""
        return self._hyphenated("afwp")

    @property
    def bastion(self) -> str:
        """1-80 characters."""
        return self._hyphenated("bas")

    def subnet(self, purpose: str) -> str:
        """1-80 characters: the name of a subnet in a network that isn't the platform's own."""
        return self._hyphenated(f"snet-{purpose}")

    def security_group(self, subnet: str) -> str:
        """1-80 characters. ``subnet`` is the name of the subnet that it guards."""
        return self._hyphenated(f"nsg-{subnet}")

    def private_endpoint(self, entrance: str) -> str:
        """2-64 characters. ``entrance`` tells the platform's private endpoints apart."""
        return self._hyphenated(f"pep-{entrance}")

    @property
    def action_group(self) -> str:
        """1-260 characters."""
        return self._hyphenated("ag")

    @property
    def budget(self) -> str:
        """1-63 letters, digits, hyphens, underscores."""
        return self._hyphenated("budget")

    @property
    def dashboard(self) -> str:
        """3-24 letters, digits, hyphens (azure-native's schema); without hyphens where they don't fit."""
        name = self._hyphenated("dash")
        return name if len(name) <= 24 else self._joined("db")

    def workbook_guid(self) -> str:
        """A GUID: the same for the same platform."""
        return str(uuid.uuid5(_WORKBOOKS, self._hyphenated("workbook")))

    def alert(self, rule: str) -> str:
        """1-260 characters. ``rule`` tells the platform's alert rules apart."""
        return self._hyphenated(f"alert-{rule}")

    def logic_app(self, model: str) -> str:
        """1-80 characters. ``model`` tells the platform's Logic Apps apart."""
        return self._hyphenated(f"logic-{model}")

    def identity(self, purpose: str) -> str:
        """3-128 letters, digits, hyphens. ``purpose`` tells the platform's identities apart."""
        return self._hyphenated(f"id-{purpose}")

    def compute_instance(self, name: str) -> str:
        """3-24 letters, digits and hyphens, a letter after each hyphen, unique in the region. ``name`` has at most 16."""
        return f"{name}-{'x' if self.suffix.isdigit() else ''}{self.suffix}"

    def custom_role(self, role: str) -> str:
        """1-128 characters, unique in the tenant."""
        return f"{self.project} {self.environment} {self.suffix} {role}"

    def _hyphenated(self, kind: str) -> str:
        return f"{kind}-{self.project}-{self.environment}-{self.suffix}"

    def _joined(self, kind: str) -> str:
        return f"{kind}{self.project}{self.environment}{self.suffix}"


def subscription_of(resource_id: str) -> str:
    """The subscription in an ARM id.

    Raises:
        ValueError: the id is not below a subscription.
    """
    parts = resource_id.split("/")
    if len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise ValueError(f"{resource_id} is not the id of something in a subscription")
    return parts[2]


def resource_group_of(resource_id: str) -> str:
    """The name of the resource group in an ARM id.

    Raises:
        ValueError: the id is not below a resource group.
    """
    parts = resource_id.split("/")
    if len(parts) < 5 or parts[3].lower() != "resourcegroups":
        raise ValueError(f"{resource_id} is not the id of something in a resource group")
    return parts[4]


def role_definition_id(subscription_id: str, role_id: str) -> str:
    """The ARM id of a built-in role, as role assignments name it."""
    return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role_id}"


def role_assignment(scope: str, principal_id: str, role_id: str) -> str:
    """The GUID that names a role assignment: the same for the same assignment, so that a second run is a no-op.

    Azure's ids ignore case, so this does too.
    """
    return str(uuid.uuid5(_ROLE_ASSIGNMENTS, f"{scope}|{principal_id}|{role_id}".lower()))


def claims_container(model: str) -> str:
    """The container of the claims of a model's retraining: 3-63 lowercase letters, digits, no two hyphens together."""
    return "retraining-" + re.sub("-{2,}", lambda hyphens: f"-{len(hyphens[0])}-", model)


def data_folder(asset: str, version: str) -> str:
    """The folder of a data asset's version in the lake's container."""
    return f"{asset}/{version}/"


def data_uri(datastore: str, asset: str, version: str) -> str:
    """The URI of a data asset's version, as Azure ML's assets name it."""
    return f"azureml://datastores/{datastore}/paths/{data_folder(asset, version)}"


def tags(
    *, project: str, environment: str, owner: str, cost_center: str, more: dict[str, str]
) -> dict[str, str]:
    """What every resource that can be tagged is tagged with; the platform's own tags win."""
    return {
        **more,
        "project": project,
        "environment": environment,
        "owner": owner,
        "cost-center": cost_center,
        "managed-by": "pulumi",
    }
