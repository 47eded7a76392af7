"""A managed online endpoint: the stable address of a model. Its traffic is a resource of its own (``ml.traffic``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml import rollout
from ml.provider import Made, Props, Provider, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

#: What azure-ai-ml mixes into an endpoint's properties when it reads one; sent back they would stay for good.
_READ_ONLY = (
    "createdBy",
    "createdAt",
    "lastModifiedAt",
    "azureml.onlineendpointid",
    "AzureAsyncOperationUri",
)


class OnlineEndpointProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name | another endpoint |
    | identity_id | refused: Azure fixes it at creation, and a new endpoint of the same name means an outage |
    | auth, public_access, description, tags | updated; traffic is read and sent along, as a PUT without it would reset it |

    Keys are no outputs: whoever may call the endpoint asks Azure for them.
    """

    replaces = frozenset({"name"})
    computed = frozenset({"scoring_uri", "endpoint_id"})

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Refuses another identity for an endpoint that exists."""
        del door
        if not olds or any(olds.get(key) != news.get(key) for key in ("name", "workspace", "resource_group")):
            return []
        identity = news.get("identity_id")
        if not known(identity) or str(identity).lower() == str(olds.get("identity_id")).lower():
            return []
        reason = (
            f"the identity of endpoint {news['name']} can't change once it exists; keep it, or destroy the "
            "endpoint first (`pulumi destroy --target`)"
        )
        return [("identity_id", reason)]

    def make(self, door: Door, inputs: Props) -> Made:
        """Creates the endpoint; one of that name is taken over, with its traffic."""
        name = inputs["name"]
        found = _put(door, inputs)
        return Made(name, _computed(door, name, found))

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What the endpoint is now."""
        found = door.find(f"endpoint {resource_id}", lambda: door.client.online_endpoints.get(resource_id))
        if found is None:
            return None
        identities = {
            str(identity.resource_id)
            for identity in (found.identity.user_assigned_identities if found.identity else None) or ()
        }
        mine = str(props["identity_id"])
        # Azure changes the case of ids; a changed case is no change.
        identity = (
            mine if mine.lower() in {one.lower() for one in identities} else ",".join(sorted(identities))
        )
        return {
            "identity_id": identity,
            "auth": str(found.auth_mode).lower(),
            "public_access": str(getattr(found, "public_network_access", None)).lower() != "disabled",
            "description": found.description or "",
            "tags": {key: value for key, value in (found.tags or {}).items() if key != rollout.TAG},
            **_computed(door, resource_id, found),
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates in place."""
        del olds
        return _computed(door, news["name"], _put(door, news))

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Deletes the endpoint."""
        del props
        endpoints = door.client.online_endpoints
        door.vanish(
            f"endpoint {resource_id}",
            lambda: endpoints.begin_delete(resource_id),
            lambda: endpoints.get(resource_id),
        )


def writable(endpoint: Any) -> Any:
    """An endpoint that was read, fit to be sent back."""
    properties: Mapping[str, str] = endpoint.properties or {}
    endpoint.properties = {key: value for key, value in properties.items() if key not in _READ_ONLY}
    return endpoint


def _progress(found: Any) -> dict[str, str]:
    """The tag that a rollout keeps on the endpoint; it is the traffic's, not ours."""
    tags: Mapping[str, str] = (found.tags if found else None) or {}
    return {key: value for key, value in tags.items() if key == rollout.TAG}


def _put(door: Door, inputs: Props) -> Any:
    from azure.ai.ml.entities import (  # noqa: PLC0415
        IdentityConfiguration,
        ManagedIdentityConfiguration,
        ManagedOnlineEndpoint,
    )

    name = inputs["name"]
    endpoints = door.client.online_endpoints
    found = door.find(f"endpoint {name}", lambda: endpoints.get(name))
    endpoint = ManagedOnlineEndpoint(
        name=name,
        auth_mode=inputs["auth"],
        public_network_access="enabled" if inputs["public_access"] else "disabled",
        description=inputs["description"],
        tags={**inputs["tags"], **_progress(found)},
        traffic=dict(found.traffic or {}) if found else {},
        mirror_traffic=dict(found.mirror_traffic or {}) if found else {},
        identity=IdentityConfiguration(
            type="user_assigned",
            user_assigned_identities=[ManagedIdentityConfiguration(resource_id=inputs["identity_id"])],
        ),
    )
    if found:
        # Azure adds to these and never removes.
        endpoint.properties = writable(found).properties
    return door.settle(
        f"endpoint {name}", lambda: endpoints.begin_create_or_update(endpoint), lambda: endpoints.get(name)
    )


def _computed(door: Door, name: str, found: Any) -> Props:
    return {"scoring_uri": found.scoring_uri, "endpoint_id": door.arm_id("onlineEndpoints", name)}


class OnlineEndpoint(pulumi.dynamic.Resource, module="ml", name="OnlineEndpoint"):
    """A managed online endpoint."""

    name: pulumi.Output[str]
    scoring_uri: pulumi.Output[str]
    endpoint_id: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: pulumi.Input[str],
        identity_id: pulumi.Input[str],
        auth: str,
        public_access: bool = True,
        description: str,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Makes an endpoint.

        Args:
            resource_name: the resource's name.
            resource_group: where the workspace is.
            workspace: the workspace's name.
            name: the endpoint's name, unique in the region.
            identity_id: the ARM id of the user-assigned identity that deployments run as.
            auth: ``key``, ``aml_token`` or ``aad_token``: how callers sign in.
            public_access: whether it answers on the internet, or through the workspace's private endpoint only.
            description: what it is for.
            tags: what it is tagged with.
            opts: the usual options.
        """
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "identity_id": identity_id,
            "auth": auth,
            "public_access": public_access,
            "description": description,
            "tags": dict(tags),
            **dict.fromkeys(OnlineEndpointProvider.computed),
        }
        super().__init__(OnlineEndpointProvider(), resource_name, props, opts)
