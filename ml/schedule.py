"""A retraining schedule: the training pipeline with the retraining's parameters, kept in Azure ML as a job definition.

Its clock is off unless ``model.yaml`` says otherwise. Whoever reacts to a breach of the monitor submits the same
definition: it is read back from the schedule, so that all retrainings of a model are alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi.dynamic

from ml import resource_manager, training
from ml.client import word
from ml.outcome import model_name
from ml.provider import Made, Props, Provider
from ml.training import CHAMPION, LINEAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.client import Door

_API = "2024-10-01"


class RetrainingScheduleProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name | another schedule |
    | pipeline, git_commit | ignored: where and in which checkout the pipeline's file is (the lineage follows from what it says) |
    | all others | updated: the next retraining is made from them |
    """

    replaces = frozenset({"name"})
    ignored = frozenset({"pipeline", "git_commit"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Creates the schedule; one of that name is taken over."""
        _put(door, inputs)
        return Made(inputs["name"], {})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """What can be read back without doubt: the trigger, the lineage, the champion, tags, whether it is on."""
        found = door.find(f"schedule {resource_id}", lambda: _get(door, resource_id))
        if found is None:
            return None
        properties = found["properties"]
        trigger, job = properties["trigger"], properties["action"]["jobDefinition"]
        pattern = trigger.get("schedule") or {}
        hours, days = pattern.get("hours") or [], pattern.get("weekDays") or []
        champion = str(((job.get("inputs") or {}).get(CHAMPION) or {}).get("uri") or "")
        mine = props["champion"]
        return {
            "enabled": bool(properties.get("isEnabled")),
            "frequency": word(trigger.get("frequency")),
            "hour": int(hours[0]) if hours else props["hour"],
            "day": word(days[0]) if days else props["day"],
            "lineage": (job.get("tags") or {}).get(LINEAGE, ""),
            # Azure changes the case of ids; a changed case is no change.
            "champion": mine if model_name(champion) == model_name(str(mine or "")) else champion or None,
            "tags": properties.get("tags") or {},
        }

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates the schedule."""
        del olds
        _put(door, news)
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Switches the schedule off (Azure deletes none that is on) and deletes it; its jobs stay."""
        del props
        what = f"schedule {resource_id}"
        schedules = door.client.schedules
        found = door.find(what, lambda: _get(door, resource_id))
        if found is None:
            return
        if found["properties"].get("isEnabled"):
            found["properties"]["isEnabled"] = False
            path = door.arm_id("schedules", resource_id)
            door.settle(
                what,
                lambda: resource_manager.request(
                    "PUT", path, api_version=_API, body={"properties": found["properties"]}
                ),
                lambda: schedules.get(resource_id),
            )
        door.vanish(what, lambda: schedules.begin_delete(resource_id), lambda: _get(door, resource_id))


def plan(inputs: Mapping[str, Any]) -> training.Plan:
    """What a retraining job is made from."""
    return training.Plan(
        model=inputs["model"],
        lineage=inputs["lineage"],
        pipeline=Path(inputs["pipeline"]),
        data=f"azureml:{inputs['data']}",
        environment=inputs["environment"],
        compute=inputs["compute"],
        parameters=inputs["parameters"],
        tags=training.tags(inputs, inputs["lineage"]),
        champion=inputs["champion"],
    )


def schedule(inputs: Mapping[str, Any]) -> Any:
    """The schedule as azure-ai-ml's entity."""
    from azure.ai.ml.entities import JobSchedule, RecurrencePattern, RecurrenceTrigger  # noqa: PLC0415

    weekly = inputs["frequency"] == "week"
    made = JobSchedule(
        name=inputs["name"],
        display_name=inputs["name"],
        description=inputs["description"],
        tags=dict(inputs["tags"]),
        trigger=RecurrenceTrigger(
            frequency=inputs["frequency"],
            interval=1,
            schedule=RecurrencePattern(
                hours=int(inputs["hour"]), minutes=0, week_days=inputs["day"] if weekly else None
            ),
        ),
        create_job=training.load(plan(inputs), None),
    )
    made._is_enabled = bool(inputs["enabled"])  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no setter
    return made


def _get(door: Door, name: str) -> Any:
    return resource_manager.request("GET", door.arm_id("schedules", name), api_version=_API)


def _put(door: Door, inputs: Props) -> None:
    name = inputs["name"]
    schedules = door.client.schedules
    # A new entity for each try: sending one resolves its references in place.
    door.settle(
        f"schedule {name}",
        lambda: schedules.begin_create_or_update(schedule(inputs)),
        lambda: schedules.get(name),
    )


class RetrainingSchedule(pulumi.dynamic.Resource, module="ml", name="RetrainingSchedule"):
    """A retraining schedule."""

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        model: str,
        lineage: str,
        data: str,
        pipeline: Path,
        parameters: Mapping[str, Any],
        environment: pulumi.Input[str],
        compute: pulumi.Input[str],
        champion: pulumi.Input[str],
        frequency: str,
        day: str,
        hour: int,
        enabled: bool,
        target_environment: str,
        git_commit: str,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``champion`` is the ARM id of the model version that is served, ``hour`` of the day in UTC.

        ``lineage`` and ``parameters`` are the retraining's; everything else is as for ``ml.model.Model``.
        """
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": f"{model}-retraining",
            "model": model,
            "lineage": lineage,
            "data": data,
            "pipeline": str(pipeline),
            "parameters": dict(parameters),
            "environment": environment,
            "compute": compute,
            "champion": champion,
            "frequency": frequency,
            "day": day,
            "hour": hour,
            "enabled": enabled,
            "description": f"Trains {model} again; the gate compares the result with what is served.",
            "target_environment": target_environment,
            "git_commit": git_commit,
            "tags": dict(tags),
        }
        super().__init__(RetrainingScheduleProvider(), resource_name, props, opts)
