"""A managed online deployment: one model version behind an endpoint, smoke-tested before it gets traffic.

A deployment whose creation fails, or that doesn't answer the smoke test, is removed again (with its last words in the
error): it would cost money without serving. One that was there before and worked is left as it is.

A deployment that was taken up again since isn't deleted by its old entry in the state (``ml.incarnation``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml import incarnation, observation
from ml.client import SETTLED, AzureMLError, last_words, word
from ml.provider import Made, Props, Provider
from ml.traffic import live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.client import Door

_LOG_LINES = 200
_SHOWN = 300


class OnlineDeploymentProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | endpoint, name | another deployment, made before the old one goes; the name follows from model and scoring code |
    | model_id, environment, code_hash, script | updated in place (rolling), and smoke-tested again |
    | instance_type, instance_count, collect, public_egress, tags | the same |
    | code, smoke | ignored: where the code is on this machine (code_hash counts); the test itself |
    """

    replaces = frozenset({"endpoint", "name"})
    ignored = frozenset({"code", "smoke"})
    computed = frozenset({"deployment_id", "incarnation"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Deploys and smoke-tests; what an interrupted run has left is brought up to date."""
        endpoint, name = inputs["endpoint"], inputs["name"]
        before = _settled(door, endpoint, name)
        worked = before is not None and word(before.provisioning_state) == "succeeded"
        stamp = incarnation.new()
        try:
            _put(door, inputs, stamp)
            _smoke(door, inputs)
        except AzureMLError as error:
            words = _last_words(door, endpoint, name)
            if not worked:
                _delete(door, endpoint, name)
            left = "it is left as it is" if worked else "it was removed again"
            raise AzureMLError(f"{error}{words}; {left}") from None
        return Made(f"{endpoint}/{name}", _computed(door, inputs, stamp))

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What the deployment is now; of the code only Azure's own id can be read."""
        found = door.find(f"deployment {resource_id}", lambda: _get(door, props["endpoint"], props["name"]))
        if found is None:
            return None
        collected = found.data_collector.collections if found.data_collector else {}
        enabled = {name for name, one in collected.items() if word(one.enabled) in ("true", "enabled")}
        return {
            "model_id": _same(props["model_id"], found.model),
            "instance_type": found.instance_type,
            "instance_count": int(found.instance_count or 0),
            "collect": [name for name in props["collect"] if name in enabled]
            + sorted(enabled - set(props["collect"])),
            "public_egress": word(getattr(found, "egress_public_network_access", None)) != "disabled",
            "tags": {key: value for key, value in (found.tags or {}).items() if key != incarnation.TAG},
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates in place and tests again."""
        _settled(door, news["endpoint"], news["name"])
        stamp = olds.get("incarnation") or incarnation.new()
        _put(door, news, stamp)
        _smoke(door, news)
        return _computed(door, news, stamp)

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Deletes the deployment, unless it still gets requests or is another creation's by now."""
        endpoint, name = props["endpoint"], props["name"]
        found = door.find(f"deployment {resource_id}", lambda: _get(door, endpoint, name))
        if not incarnation.overtaken(door, f"deployment {resource_id}", found, props):
            _delete(door, endpoint, name)


def _get(door: Door, endpoint: str, name: str) -> Any:
    return door.client.online_deployments.get(name, endpoint)


def _delete(door: Door, endpoint: str, name: str) -> None:
    """Deletes a deployment that gets no requests."""
    parent = door.find(f"endpoint {endpoint}", lambda: door.client.online_endpoints.get(endpoint))
    share = live(parent.traffic).get(name, 0) if parent is not None else 0
    if share:
        raise AzureMLError(
            f"deployment {endpoint}/{name} still gets {share} % of the requests: give them to another one first "
            f"(`up` does; by hand: `az ml online-endpoint update --name {endpoint} --traffic …`)"
        )
    deployments = door.client.online_deployments
    door.vanish(
        f"deployment {endpoint}/{name}",
        lambda: deployments.begin_delete(name, endpoint),
        lambda: _get(door, endpoint, name),
    )


def _settled(door: Door, endpoint: str, name: str) -> Any:
    """The deployment once nothing is under way any more; None if there is none."""
    what = f"deployment {endpoint}/{name}"
    return door.until(
        what,
        lambda: door.find(what, lambda: _get(door, endpoint, name)),
        lambda seen: seen is None or word(seen.provisioning_state) in SETTLED,
        door.settings.timeout,
    )


def _put(door: Door, inputs: Props, stamp: str) -> None:
    from azure.ai.ml.entities import (  # noqa: PLC0415
        CodeConfiguration,
        DataCollector,
        DeploymentCollection,
        ManagedOnlineDeployment,
    )

    endpoint, name = inputs["endpoint"], inputs["name"]
    collections = {one: DeploymentCollection(enabled="true") for one in inputs["collect"]}
    deployment = ManagedOnlineDeployment(
        name=name,
        endpoint_name=endpoint,
        model=inputs["model_id"],
        environment=inputs["environment"],
        code_configuration=CodeConfiguration(code=inputs["code"], scoring_script=inputs["script"]),
        instance_type=inputs["instance_type"],
        instance_count=int(inputs["instance_count"]),
        data_collector=DataCollector(collections=collections) if collections else None,
        egress_public_network_access="enabled" if inputs["public_egress"] else "disabled",
        app_insights_enabled=True,
        tags={**inputs["tags"], incarnation.TAG: stamp},
    )
    deployments = door.client.online_deployments
    door.settle(
        f"deployment {endpoint}/{name}",
        lambda: deployments.begin_create_or_update(deployment),
        lambda: _get(door, endpoint, name),
    )


def _smoke(door: Door, inputs: Props) -> None:
    """Sends the request to this deployment, whatever the traffic is."""
    endpoint, name = inputs["endpoint"], inputs["name"]
    test = json.loads(inputs["smoke"])
    to = observation.target(door, endpoint, name)
    status, text = observation.ask_until_known(door, to, test["request"])
    if wrong := observation.failure(status, text, test["answer"]):
        raise AzureMLError(f"deployment {endpoint}/{name}: its smoke test {wrong}")


def _last_words(door: Door, endpoint: str, name: str) -> str:
    try:
        log = door.client.online_deployments.get_logs(name, endpoint, _LOG_LINES)
    except Exception:  # noqa: BLE001 - the failure itself matters more than why its log can't be read
        return ""
    words = last_words(str(log), longest=_SHOWN)
    return f"; its log says: {words}" if words else ""


def _same(mine: str, theirs: Any) -> str:
    """Azure changes the case of ids; a changed case is no change."""
    return mine if str(theirs).lower() == mine.lower() else str(theirs)


def _computed(door: Door, inputs: Props, stamp: str) -> Props:
    return {
        "deployment_id": door.arm_id("onlineEndpoints", inputs["endpoint"], "deployments", inputs["name"]),
        "incarnation": stamp,
    }


class OnlineDeployment(pulumi.dynamic.Resource, module="ml", name="OnlineDeployment"):
    """A managed online deployment."""

    name: pulumi.Output[str]
    deployment_id: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        name: pulumi.Input[str],
        model_id: pulumi.Input[str],
        environment: pulumi.Input[str],
        code: Path,
        code_hash: str,
        script: str,
        instance_type: str,
        instance_count: int,
        collect: Sequence[str],
        smoke: str,
        tags: Mapping[str, pulumi.Input[str]],
        public_egress: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``smoke`` is the smoke test as JSON, ``environment`` is ``azureml:NAME:VERSION``.

        ``public_egress``: whether it reaches the internet; without, it reaches the workspace's own storage and registry
        through private endpoints that Azure keeps for it, and nothing else.
        """
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "endpoint": endpoint,
            "name": name,
            "model_id": model_id,
            "environment": environment,
            "code": str(code),
            "code_hash": code_hash,
            "script": script,
            "instance_type": instance_type,
            "instance_count": instance_count,
            "collect": list(collect),
            "smoke": smoke,
            "tags": dict(tags),
            "public_egress": public_egress,
            **dict.fromkeys(OnlineDeploymentProvider.computed),
        }
        super().__init__(OnlineDeploymentProvider(), resource_name, props, opts)
