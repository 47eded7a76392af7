"""Who may reach the platform over the network."""

from __future__ import annotations

from typing import Literal

from infra.section import Section, setting


class NetworkConfig(Section):
    """``mlops:network``."""

    public_access: bool = setting(
        True,
        breaks="it decides whether workspace, storage, vault and registry answer on the internet",
        write="true, or false where private endpoints lead to them",
    )

    @property
    def public_network_access(self) -> Literal["Enabled", "Disabled"]:
        """Azure's word for it."""
        return "Enabled" if self.public_access else "Disabled"

    @property
    def default_action(self) -> Literal["Allow", "Deny"]:
        """What firewalls of storage accounts and vaults do with what no rule names."""
        return "Allow" if self.public_access else "Deny"
