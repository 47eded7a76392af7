"""A batch endpoint and its one deployment: scoring of whole folders, on the platform's cluster.

No request waits for a batch deployment, so a new model version updates it in place; jobs that run keep theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml.provider import Made, Props, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml.client import Door


class BatchEndpointProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name | another endpoint |
    | description, tags | updated; the default deployment is read and sent along |
    """

    replaces = frozenset({"name"})
    computed = frozenset({"scoring_uri"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Creates the endpoint; one of that name is taken over."""
        return Made(inputs["name"], {"scoring_uri": _put_endpoint(door, inputs).scoring_uri})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What the endpoint is now."""
        del props
        found = door.find(
            f"batch endpoint {resource_id}", lambda: door.client.batch_endpoints.get(resource_id)
        )
        if found is None:
            return None
        return {
            "description": found.description or "",
            "tags": dict(found.tags or {}),
            "scoring_uri": found.scoring_uri,
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates in place."""
        del olds
        return {"scoring_uri": _put_endpoint(door, news).scoring_uri}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Deletes the endpoint."""
        del props
        endpoints = door.client.batch_endpoints
        door.vanish(
            f"batch endpoint {resource_id}",
            lambda: endpoints.begin_delete(resource_id),
            lambda: endpoints.get(resource_id),
        )


class BatchDeploymentProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | endpoint, name | another deployment |
    | model_id, environment, compute, code_hash, script, instance_count, mini_batch_size, output_file, tags | updated |
    | error_threshold | updated |
    | code | ignored: where the code is on this machine (code_hash counts) |

    It becomes its endpoint's default deployment.
    """

    replaces = frozenset({"endpoint", "name"})
    ignored = frozenset({"code"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Deploys; one of that name is taken over."""
        _put_deployment(door, inputs)
        return Made(f"{inputs['endpoint']}/{inputs['name']}", {})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What the deployment is now."""
        endpoint, name = props["endpoint"], props["name"]
        found = door.find(
            f"batch deployment {resource_id}", lambda: door.client.batch_deployments.get(name, endpoint)
        )
        if found is None:
            return None
        model = str(found.model)
        return {
            "model_id": props["model_id"] if model.lower() == props["model_id"].lower() else model,
            "mini_batch_size": int(found.mini_batch_size or 0),
            "output_file": found.output_file_name,
            # Azure's own default.
            "error_threshold": -1 if found.error_threshold is None else int(found.error_threshold),
            "instance_count": int(found.resources.instance_count or 1) if found.resources else 1,
            "tags": dict(found.tags or {}),
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates in place."""
        del olds
        _put_deployment(door, news)
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Deletes the deployment."""
        endpoint, name = props["endpoint"], props["name"]
        deployments = door.client.batch_deployments
        door.vanish(
            f"batch deployment {resource_id}",
            lambda: deployments.begin_delete(name, endpoint),
            lambda: deployments.get(name, endpoint),
        )


def _put_endpoint(door: Door, inputs: Props, default: str | None = None) -> Any:
    from azure.ai.ml.entities import BatchEndpoint as Entity  # noqa: PLC0415

    name = inputs["name"]
    what = f"batch endpoint {name}"
    endpoints = door.client.batch_endpoints
    found = door.find(what, lambda: endpoints.get(name))
    entity = Entity(
        name=name,
        description=inputs["description"],
        tags=inputs["tags"],
        defaults=found.defaults if found is not None else None,
    )
    if default:
        entity.defaults = {"deployment_name": default}
    return door.settle(what, lambda: endpoints.begin_create_or_update(entity), lambda: endpoints.get(name))


def _put_deployment(door: Door, inputs: Props) -> None:
    from azure.ai.ml.constants import BatchDeploymentOutputAction  # noqa: PLC0415
    from azure.ai.ml.entities import (  # noqa: PLC0415
        CodeConfiguration,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
        ResourceConfiguration,
    )

    endpoint, name = inputs["endpoint"], inputs["name"]
    what = f"batch deployment {endpoint}/{name}"
    deployment = ModelBatchDeployment(
        name=name,
        endpoint_name=endpoint,
        model=inputs["model_id"],
        environment=inputs["environment"],
        compute=inputs["compute"],
        code_configuration=CodeConfiguration(code=inputs["code"], scoring_script=inputs["script"]),
        resources=ResourceConfiguration(instance_count=int(inputs["instance_count"])),
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=int(inputs["mini_batch_size"]),
            output_action=BatchDeploymentOutputAction.APPEND_ROW,
            output_file_name=inputs["output_file"],
            error_threshold=int(inputs["error_threshold"]),
        ),
        tags=inputs["tags"],
    )
    deployments = door.client.batch_deployments
    door.settle(
        what,
        lambda: deployments.begin_create_or_update(deployment),
        lambda: deployments.get(name, endpoint),
    )
    parent: Any = door.do(what, lambda: door.client.batch_endpoints.get(endpoint))
    if getattr(parent.defaults, "deployment_name", None) != name:
        values = {"name": endpoint, "description": parent.description, "tags": parent.tags}
        _put_endpoint(door, values, default=name)


class BatchEndpoint(pulumi.dynamic.Resource, module="ml", name="BatchEndpoint"):
    """A batch endpoint."""

    name: pulumi.Output[str]
    scoring_uri: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: pulumi.Input[str],
        description: str,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "description": description,
            "tags": dict(tags),
            "scoring_uri": None,
        }
        super().__init__(BatchEndpointProvider(), resource_name, props, opts)


class BatchDeployment(pulumi.dynamic.Resource, module="ml", name="BatchDeployment"):
    """A batch endpoint's deployment, its default."""

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        name: str,
        model_id: pulumi.Input[str],
        environment: pulumi.Input[str],
        compute: pulumi.Input[str],
        code: Path,
        code_hash: str,
        script: str,
        instance_count: int,
        mini_batch_size: int,
        output_file: str,
        error_threshold: int,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``compute`` is a cluster's name, ``environment`` is ``azureml:NAME:VERSION``."""
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "endpoint": endpoint,
            "name": name,
            "model_id": model_id,
            "environment": environment,
            "compute": compute,
            "code": str(code),
            "code_hash": code_hash,
            "script": script,
            "instance_count": instance_count,
            "mini_batch_size": mini_batch_size,
            "output_file": output_file,
            "error_threshold": error_threshold,
            "tags": dict(tags),
        }
        super().__init__(BatchDeploymentProvider(), resource_name, props, opts)
