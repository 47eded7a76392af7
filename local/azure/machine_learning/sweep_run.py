"""Runs a sweep: trials as children, as many at a time as its limits allow, the best by the primary metric.

A trial is a command with ``${{search_space.x}}`` filled. What trials log of the primary metric (``tracking``) is looked at
twice a second; a trial that the policy stops is Canceled. At the end the sweep's outputs are those of the best trial, whose
name is its property ``best_child_run_id``. It fails if no trial completes. Its own log is ``azureml-logs/hyperdrive.txt``.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError
from local.azure.machine_learning import job_run, job_state, run_identity, sweep, tracking_store
from local.azure.machine_learning.duration import seconds
from local.azure.machine_learning.job_state import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.resource_type import Json

_LOG = "azureml-logs/hyperdrive.txt"
_LOOK_SECONDS = 0.5


class SweepRun:
    """One run of a sweep."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._given = job.properties
        self._staging = job_run.Staging(
            job.azure, job.workspace, folder / "inputs", run_identity.reader(job, self._given)
        )
        self._trials: list[Job] = []
        self._log: list[str] = []

    async def run(self) -> None:
        """Runs all trials; ``ArmError``: none completed, or it took too long."""
        limits: Mapping[str, Any] = self._given.get("limits") or {}
        self._job.update(status=job_state.RUNNING)
        try:
            async with asyncio.timeout(seconds(limits["timeout"]) if limits.get("timeout") else None):
                await self._all(int(limits.get("maxConcurrentTrials") or job_run.PLACES))
        except TimeoutError:
            await self._say("The sweep's time is up.")
        finally:
            await self._staging.close()
        best = self._best()
        if best is None:
            failed = [(one.record.body.get("run") or {}).get("error") for one in self._trials]
            why = next((text for text in failed if text), "none logged the primary metric")
            raise ArmError(400, "UserError", f"No trial of the sweep gave a result: {why}")
        trial, score = best
        outputs = {
            name: {**one, "uri": trial.properties["outputs"][name]["uri"]} if name != "default" else one
            for name, one in self._given["outputs"].items()
        }
        own = {**(self._job.properties.get("properties") or {}), "best_child_run_id": trial.name}
        self._job.update(outputs=outputs, properties={**own, "score": str(score)})
        await self._say(f"The best trial is {trial.name}: {score}.")

    async def _all(self, most: int) -> None:
        places = asyncio.Semaphore(max(most, 1))

        async def one(number: int, values: dict[str, Any]) -> None:
            async with places:
                await self._trial(number, values)

        drawn = sweep.samples(self._given, self._job.name)
        tasks = [asyncio.create_task(one(number, values)) for number, values in enumerate(drawn)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _trial(self, number: int, values: dict[str, Any]) -> None:
        child = self._child(number, values)
        self._trials.append(child)
        await self._say(f"Trial {child.name} starts with {json.dumps(values)}.")
        task = asyncio.create_task(
            job_run.perform(child, self._work(child, values), self._folder / child.name)
        )
        watch = asyncio.create_task(self._watch(child, task))
        try:
            await task
            child.update(status=job_state.COMPLETED)
        except ArmError as error:
            child.update(status=job_state.FAILED, error=error.message)
        except asyncio.CancelledError:
            child.update(status=job_state.CANCELED)
            if not watch.done():
                # Not the policy: the sweep itself ends.
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise
        finally:
            watch.cancel()
            await job_run.clean(self._folder / child.name)
        await self._say(f"Trial {child.name}: {child.status}.")

    async def _watch(self, child: Job, task: asyncio.Task[Any]) -> None:
        """Ends a trial once the policy says so; returns then."""
        policy: Mapping[str, Any] = self._given.get("earlyTermination") or {}
        seen = 0
        while policy.get("policyType"):
            await asyncio.sleep(_LOOK_SECONDS)
            own = self._history(child)
            others = [self._history(one) for one in self._trials if one.id != child.id]
            for count in range(seen + 1, len(own) + 1):
                if sweep.stops(policy, own[:count], others, maximize=self._maximize):
                    await self._say(f"Trial {child.name} is stopped by the policy.")
                    task.cancel()
                    return
            seen = len(own)
        await asyncio.Event().wait()

    @property
    def _maximize(self) -> bool:
        return str(self._given["objective"]["goal"]).lower() == "maximize"

    def _history(self, trial: Job) -> list[float]:
        metric = str(self._given["objective"]["primaryMetric"])
        return [one.value for one in tracking_store.of(self._job.azure).history(trial.id, metric)]

    def _best(self) -> tuple[Job, float] | None:
        sign = 1 if self._maximize else -1
        scored = [
            (trial, history[-1])
            for trial in self._trials
            if trial.status == job_state.COMPLETED and (history := self._history(trial))
        ]
        return max(scored, key=lambda one: sign * one[1], default=None)

    def _child(self, number: int, values: dict[str, Any]) -> Job:
        child = Job(self._job.azure, f"{self._job.workspace}/jobs/{self._job.name}_{number}")
        wanted: Mapping[str, Any] = self._given.get("outputs") or {}
        outputs = {
            name: {
                "jobOutputType": one.type,
                "mode": "ReadWriteMount",
                "uri": job_state.output(child.name, name, one.type),
            }
            for name, one in job_run.outputs(child.name, wanted).items()
        }
        properties: Json = {
            "jobType": "Command",
            "status": job_state.NOT_STARTED,
            "displayName": child.name,
            "experimentName": self._given.get("experimentName"),
            "computeId": self._given.get("computeId"),
            "identity": self._given.get("identity"),
            "inputs": self._given.get("inputs") or {},
            "outputs": outputs,
            "properties": {},
            "tags": {"hyperparameters": json.dumps(values)},
            "services": {},
            "isArchived": False,
        }
        run: Json = {"parent": self._job.name, "root": self._job.name}
        by = self._job.record.created_by
        self._job.azure.store.put(child.id, {"properties": properties, "run": run}, by=by)
        return child

    def _work(self, child: Job, values: Mapping[str, Any]) -> job_run.Work:
        trial: Mapping[str, Any] = self._given["trial"]
        command = str(trial["command"])
        for name, value in values.items():
            pattern = r"\$\{\{\s*search_space\." + re.escape(name) + r"\s*\}\}"
            command = re.sub(pattern, lambda _, text=str(value): text, command)

        async def inputs() -> Mapping[str, str]:
            given: Mapping[str, Any] = self._given.get("inputs") or {}
            return {name: await self._staging.value(one) for name, one in given.items()}

        limits: Mapping[str, Any] = self._given.get("limits") or {}
        return job_run.Work(
            command=command,
            code=trial.get("codeId"),
            environment=str(trial["environmentId"]),
            inputs=inputs,
            outputs=job_run.outputs(child.name, child.properties["outputs"]),
            variables={str(key): str(one) for key, one in (trial.get("environmentVariables") or {}).items()},
            root=self._job.name,
            experiment=str(self._given.get("experimentName")),
            timeout=seconds(limits["trialTimeout"]) if limits.get("trialTimeout") else None,
        )

    async def _say(self, text: str) -> None:
        self._log.append(f"[{self._job.azure.now():%Y-%m-%d %H:%M:%SZ}] {text}\n")
        await job_run.put_artifact(self._job, _LOG, "".join(self._log).encode())
