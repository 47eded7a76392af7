"""A compute instance: one person's machine, which starts and stops by the clock and when it is idle. SSH is closed.

Azure changes only the schedules, the idle time and the tags of an instance; everything else replaces it, and what isn't
in the person's files (which are in the workspace's file share) is lost. Azure ignores schedules on some updates without
a word, so they are read back, and a difference is said.

A setup script runs once, when the machine is made. It is sent inline, so Azure and the stack's state keep its text:
no secrets belong in it (the machine can read the key vault as its person).

Source: Microsoft Learn, "Create an Azure Machine Learning compute instance" and "Customize the compute instance with a
script".
"""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pydantic import AfterValidator

from infra.compute import vm_size
from infra.compute.cluster import IDENTITY_PATTERN, NAME_PATTERN, SUBNET_PATTERN, WRITE_NAME
from infra.compute.timetable import ScheduleConfig  # noqa: TC001 (pydantic reads it)
from infra.section import Section, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.compute.place import Place

_PROJECT = Path(__file__).resolve().parents[2]
_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
#: What Azure refuses to change, or would only say and not do, as Pulumi names it.
FIXED = tuple(
    f"properties.properties.{name}"
    for name in ("vmSize", "subnet", "enableNodePublicIp", "personalComputeInstanceSettings", "setupScripts")
)


def _script(text: str) -> str:
    path = _PROJECT / text
    if not path.is_file():
        raise ValueError(
            f"there is no file {text} in the project, so nothing would set the machine up; write the path of a shell script"
        )
    return text


class InstanceConfig(Section):
    """``mlops:compute.instances[]``: one person's machine."""

    name: str = setting(
        pattern=NAME_PATTERN,
        breaks="it is how its person finds it, and Azure refuses other names",
        write=WRITE_NAME,
    )
    vm_size: str = setting(
        "Standard_DS3_v2",
        pattern=vm_size.PATTERN,
        breaks="it decides what the machine is, and the subscription needs quota for it",
        write="an Azure size such as Standard_DS3_v2 (`az ml compute list-sizes` lists them)",
    )
    user: str = setting(
        pattern=_GUID,
        breaks="only the person that an instance is assigned to can use it",
        write="the object id that `az ad user show` or `az ad signed-in-user show` prints",
    )
    idle_minutes: int | None = setting(
        60,
        ge=15,
        le=4320,
        breaks="a machine that nobody uses costs money until it stops, and Azure takes 15 minutes to 3 days",
        write="a whole number from 15 to 4320, or null for a machine that schedules alone stop",
    )
    schedules: tuple[ScheduleConfig, ...] = setting(
        (), breaks="they say when it starts and stops", write="a list of mappings with an action and a cron"
    )
    setup_script: Annotated[str, AfterValidator(_script)] | None = setting(
        None,
        breaks="it sets the machine up when it is made",
        write="the path of a shell script in the project, or leave the key out",
    )
    setup_minutes: int = setting(
        15,
        ge=1,
        le=25,
        breaks="the script is ended after so many minutes, and the machine is not made",
        write="a whole number from 1 to 25",
    )
    subnet_id: str | None = setting(
        None,
        pattern=SUBNET_PATTERN,
        breaks="it is where the machine gets its address",
        write="the id of a subnet (`az network vnet subnet show`), or leave the key out for the platform's own",
    )
    identity_id: str | None = setting(
        None,
        pattern=IDENTITY_PATTERN,
        breaks="what runs on the machine without its person acts as this identity, and has its roles",
        write="the id of a user-assigned identity (`az identity show`) with roles of its own, or leave the key out for training's",
    )


def instance(
    name: str,
    config: InstanceConfig,
    place: Place,
    *,
    identity_id: pulumi.Input[str],
    tenant_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> ml.Compute:
    """Registers an instance and looks whether Azure keeps its schedules."""
    subnet_id = config.subnet_id or place.subnet_id
    idle = None if config.idle_minutes is None else f"PT{config.idle_minutes}M"
    made = ml.Compute(
        f"{name}-{config.name}",
        resource_group_name=place.scope.resource_group_name,
        location=place.scope.location,
        workspace_name=place.workspace_name,
        compute_name=place.scope.named(lambda names: names.compute_instance(config.name)),
        identity=ml.ManagedServiceIdentityArgs(
            type=ml.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[config.identity_id or identity_id],
        ),
        properties=ml.ComputeInstanceArgs(
            compute_type="ComputeInstance",
            compute_location=place.scope.location,
            disable_local_auth=True,
            properties=ml.ComputeInstancePropertiesArgs(
                vm_size=config.vm_size,
                application_sharing_policy=ml.ApplicationSharingPolicy.PERSONAL,
                compute_instance_authorization_type=ml.ComputeInstanceAuthorizationType.PERSONAL,
                personal_compute_instance_settings=ml.PersonalComputeInstanceSettingsArgs(
                    assigned_user=ml.AssignedUserArgs(object_id=config.user.lower(), tenant_id=tenant_id)
                ),
                ssh_settings=ml.ComputeInstanceSshSettingsArgs(ssh_public_access=ml.SshPublicAccess.DISABLED),
                subnet=None if subnet_id is None else ml.ResourceIdArgs(id=subnet_id),
                enable_node_public_ip=place.public_addresses(subnet_id),
                idle_time_before_shutdown=idle,
                schedules=ml.ComputeSchedulesArgs(
                    compute_start_stop=[_schedule(schedule) for schedule in config.schedules]
                ),
                setup_scripts=_setup(config),
            ),
        ),
        tags=place.scope.tags,
        opts=pulumi.ResourceOptions(
            parent=parent, replace_on_changes=list(FIXED), delete_before_replace=True
        ),
    )
    made.properties.apply(lambda found: _read_back(made, config, found))
    return made


def _schedule(schedule: ScheduleConfig) -> ml.ComputeStartStopScheduleArgs:
    action = ml.ComputePowerAction.START if schedule.action == "start" else ml.ComputePowerAction.STOP
    status = ml.ScheduleStatus.ENABLED if schedule.enabled else ml.ScheduleStatus.DISABLED
    recurrence = schedule.recurrence
    if recurrence is None:
        return ml.ComputeStartStopScheduleArgs(
            action=action,
            status=status,
            trigger_type=ml.ComputeTriggerType.CRON,
            cron=ml.CronArgs(expression=schedule.cron, time_zone=schedule.time_zone),
        )
    pattern = ml.ComputeRecurrenceScheduleArgs(
        hours=list(recurrence.hours),
        minutes=list(recurrence.minutes),
        week_days=[day.capitalize() for day in recurrence.week_days] or None,
        month_days=list(recurrence.month_days) or None,
    )
    return ml.ComputeStartStopScheduleArgs(
        action=action,
        status=status,
        trigger_type=ml.ComputeTriggerType.RECURRENCE,
        recurrence=ml.RecurrenceArgs(
            frequency=recurrence.frequency.capitalize(),
            interval=recurrence.interval,
            time_zone=schedule.time_zone,
            schedule=pattern if recurrence.hours else None,
        ),
    )


def _setup(config: InstanceConfig) -> ml.SetupScriptsArgs | None:
    if config.setup_script is None:
        return None
    text = (_PROJECT / config.setup_script).read_bytes()
    return ml.SetupScriptsArgs(
        scripts=ml.ScriptsToExecuteArgs(
            creation_script=ml.ScriptReferenceArgs(
                script_source="inline",
                script_data=base64.b64encode(text).decode(),
                timeout=f"{config.setup_minutes}m",
            )
        )
    )


def forgotten(schedules: Iterable[ScheduleConfig], kept: Iterable[Mapping[str, Any]]) -> list[str]:
    """The schedules that Azure doesn't have, in words; pure.

    ``kept`` are Azure's ``computeStartStop``: it adds ids and states, and spells words as it likes.
    """
    found = Counter(
        _told(one.get("action"), (one.get("cron") or {}).get("expression"), one.get("recurrence") or {})
        for one in kept
    )
    missing: list[str] = []
    for schedule in schedules:
        recurrence = schedule.recurrence
        wanted = _told(schedule.action, schedule.cron, recurrence.model_dump() if recurrence else {})
        if not found[wanted]:
            missing.append(" ".join(wanted))
        found[wanted] -= 1
    return missing


def _told(action: object, expression: object, recurrence: Mapping[str, Any]) -> tuple[str, str]:
    """What tells schedules apart: what they do, and the expression or the frequency."""
    often = f"every {recurrence.get('interval') or 1} {recurrence.get('frequency')}"
    return str(action).lower(), " ".join(str(expression or often).lower().split())


def _read_back(made: ml.Compute, config: InstanceConfig, found: Mapping[str, Any]) -> None:
    schedules = (found.get("properties") or {}).get("schedules") or {}
    missing = forgotten(config.schedules, schedules.get("computeStartStop") or ())
    if missing and not pulumi.runtime.is_dry_run():
        pulumi.log.warn(
            f"the compute instance {config.name} hasn't the schedule {'; '.join(missing)}: Azure ignores schedules on some "
            "updates; set it in Azure ML studio, or replace the instance (`pulumi up --replace`), which loses its disk",
            made,
        )
