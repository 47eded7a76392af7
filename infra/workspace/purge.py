"""What Azure keeps of a deleted workspace or vault, removed: their names are free again, nothing of them is left to recover.

azure-native deletes both without Azure's ``forceToPurge``: they stay for 14 and for 7 to 90 days. Hence a resource that
is made before them, does nothing, and purges when it goes, which is after them. A destroy that is killed between the two
finds this resource still in its state, and purges then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CreateResult, ReadResult

from ml import resource_manager
from ml.client import AzureMLError
from ml.provider import Made, Props, Provider, say

if TYPE_CHECKING:
    from ml.client import Door

Kind = Literal["workspace", "vault"]
_WORKSPACES, _VAULTS = "Microsoft.MachineLearningServices/workspaces", "Microsoft.KeyVault/vaults"
_API: dict[str, str] = {"workspace": "2024-10-01", "vault": "2024-11-01"}


class PurgeProvider(Provider):
    """Purges what is gone; what is still there isn't touched. The state names this class: it must stay importable here.

    | input | when it changes |
    |---|---|
    | kind, workspace, resource_group | another one, which purges what the old one meant |
    | location | the other vault's place is remembered |
    """

    replaces = frozenset({"kind"})

    def create(self, props: Props) -> CreateResult:
        """Remembers what to purge; nothing is in Azure yet."""
        return CreateResult(f"{props['kind']}/{props['workspace']}", dict(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        """What is remembered: Azure has nothing to read."""
        return ReadResult(id_, dict(props), dict(props))

    def _open(self, props: Props) -> Door:
        """The door, without azure-ai-ml, whose import takes seconds: requests to ARM are all this needs."""
        door = self._door(props)
        if door is None:
            raise AzureMLError("purge: what it is for isn't known")
        return door

    def make(self, door: Door, inputs: Props) -> Made:
        """Not called: ``create`` needs no door."""
        raise NotImplementedError

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Remembers another location."""
        del door, olds, news
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Purges, unless it is still there: then the setting was switched off, and nothing is to go."""
        del resource_id
        kind, name = props["kind"], door.workspace
        group = f"/subscriptions/{door.settings.subscription_id}/resourceGroups/{door.resource_group}"
        target = f"{group}/providers/{_WORKSPACES if kind == 'workspace' else _VAULTS}/{name}"
        api = _API[kind]
        what = f"{kind} {name}"
        if door.find(what, lambda: resource_manager.request("GET", target, api_version=api)) is not None:
            say(f"{what} is still there: it will not be purged when it is deleted")
            return
        if kind == "vault":
            target = (
                f"/subscriptions/{door.settings.subscription_id}/providers/Microsoft.KeyVault/locations/"
                f"{props['location']}/deletedVaults/{name}"
            )
            door.find(f"purge of {what}", lambda: resource_manager.finish("POST", f"{target}/purge", api))
        else:
            query = {"forceToPurge": "true"}
            door.find(f"purge of {what}", lambda: resource_manager.finish("DELETE", target, api, query=query))


class Purge(pulumi.dynamic.Resource, module="infra", name="Purge"):
    """Purges one workspace or vault once it is deleted. What is to be purged depends on this.

    Args:
        name: the resource's name.
        kind: what it is.
        target: its name in Azure.
        resource_group_name: the group it is in.
        location: its region.
        opts: the usual options.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind,
        target: pulumi.Input[str],
        resource_group_name: pulumi.Input[str],
        location: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs: dict[str, Any] = {
            "kind": kind,
            "workspace": target,
            "resource_group": resource_group_name,
            "location": location,
        }
        super().__init__(PurgeProvider(), name, inputs, opts)
