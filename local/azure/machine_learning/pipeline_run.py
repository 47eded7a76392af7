"""Runs a pipeline job: each step is a child job of its own; independent steps run side by side.

When a step fails, no other starts, those that run go on to their end, and the pipeline fails with the step's error; with
``continue_on_step_failure`` what doesn't wait for the step runs, too. A step that is a pipeline component, or a sweep, is a job of
its own with children of its own. A step that ran before with the same inputs isn't run again
(``step_reuse``): its job shows the earlier run's outputs, logs and metrics.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.errors import ArmError, bad_request
from local.azure.machine_learning import (
    asset_location,
    job_run,
    job_state,
    nested_pipeline,
    pipeline,
    run_identity,
    step_reuse,
    sweep,
    sweep_step,
)
from local.azure.machine_learning.job_state import Job
from local.azure.machine_learning.sweep_run import SweepRun

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.resource_type import Json, Record

_LOG = "logs/azureml/executionlogs.txt"


@dataclass(frozen=True)
class _Made:
    """What a step has made: by which run, and where its outputs are: here, or (text) to be brought from there."""

    run: str
    outputs: Mapping[str, Path | str]
    #: where they are for other jobs
    places: Mapping[str, job_run.Output]
    reused: bool = False


class PipelineRun:
    """One run of one pipeline job."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._steps: Mapping[str, Json] = job.properties["jobs"]
        self._inputs: Mapping[str, Mapping[str, Any]] = job.properties.get("inputs") or {}
        self._outputs = job_run.outputs(job.name, job.properties.get("outputs") or {})
        self._staging = job_run.Staging(
            job.azure, job.workspace, folder / "inputs", run_identity.reader(job, job.properties)
        )
        self._made: dict[str, _Made] = {}
        self._log: list[str] = []

    async def run(self) -> None:
        """Runs all steps; ``ArmError`` names the step that failed."""
        order = pipeline.order(self._steps)
        self._job.update(status=job_state.RUNNING)
        running: dict[asyncio.Task[None], str] = {}
        failure: ArmError | None = None
        try:
            while order.is_active():
                for name in order.get_ready() if failure is None or self._goes_on else ():
                    await self._say(f"Step {name} starts.")
                    running[asyncio.create_task(self._step(name))] = name
                if not running:
                    break
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    name = running.pop(task)
                    error = await self._ended(name, task)
                    failure = failure or error
                    if error is None:
                        order.done(name)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._staging.close()
        if failure is not None:
            raise failure

    async def _ended(self, name: str, task: asyncio.Task[None]) -> ArmError | None:
        """Says how a step ended; what it failed with."""
        error = task.exception()
        await self._say(f"Step {name} {self._end(name, error)}.")
        if isinstance(error, ArmError):
            return ArmError(400, error.code, f"Step '{name}' failed: {error.message}")
        if error is not None:
            raise error
        return None

    @property
    def _goes_on(self) -> bool:
        settings: Mapping[str, Any] = self._job.properties.get("settings") or {}
        return str(settings.get("continue_on_step_failure")).lower() == "true"

    def _end(self, name: str, error: BaseException | None) -> str:
        if error is not None:
            return "failed"
        made = self._made[name]
        return f"is reused from run {made.run}" if made.reused else "completed"

    async def _step(self, name: str) -> None:
        step = self._steps[name]
        child = self._child(name, step)
        try:
            component = self._component(name, step)
            if step.get("type") == "sweep" or nested_pipeline.is_pipeline(component):
                await self._nested(name, step, component, child)
                return
            work = self._work(name, step, component, child)
            child.update(outputs=_shown(work.outputs))
            key = None
            if step_reuse.allowed(self._job.properties.get("settings"), component):
                key = self._key(step, component)
                original = await step_reuse.find(self._job.azure, self._job.workspace, key)
                if original is not None:
                    self._reuse(name, step, child, original)
                    return
            made = await job_run.perform(child, work, self._folder / "steps" / name)
            if key is not None:
                await step_reuse.remember(child, key)
            self._made[name] = _Made(child.name, made, work.outputs)
            child.update(status=job_state.COMPLETED)
        except ArmError as error:
            child.update(status=job_state.FAILED, error=error.message)
            raise
        except Exception as error:
            child.update(status=job_state.FAILED, error=f"Local Azure itself failed: {error!r}")
            raise

    async def _nested(self, name: str, step: Json, component: Mapping[str, Any], child: Job) -> None:
        """Runs a pipeline component, whose steps may be reused, each by itself; or a sweep, which never is."""
        made = self._step_outputs(child.name, step, component)
        given = {key: one for key, item in (step.get("inputs") or {}).items() if (one := self._passed(item))}
        outputs = nested_pipeline.outputs(component, made, child.name)
        folder = self._folder / "steps" / name
        if step.get("type") == "sweep":
            swept = sweep_step.job(name, step, component)
            sweep.check(swept)
            known = {**component, "inputs": _without(component.get("inputs") or {}, swept["searchSpace"])}
            inputs = nested_pipeline.inputs(f"Pipeline step '{name}'", known, given)
            child.update(**swept, inputs=inputs, outputs=outputs)
            await SweepRun(child, folder).run()
        else:
            child.update(
                jobType="Pipeline",
                jobs=component.get("jobs") or {},
                inputs=nested_pipeline.inputs(f"Pipeline step '{name}'", component, given),
                outputs=outputs,
                settings=self._job.properties.get("settings") or {},
            )
            await PipelineRun(child, folder).run()
        places = job_run.outputs(child.name, child.properties["outputs"])
        self._made[name] = _Made(child.name, {key: one.uri for key, one in places.items()}, places)
        self._hand_on(step, {key: one.uri for key, one in places.items()})
        child.update(status=job_state.COMPLETED)

    def _passed(self, given: Mapping[str, Any]) -> Json | None:
        """An input of a nested pipeline as a job's input; None: it has no value."""
        if given.get("uri"):
            kind = given.get("jobInputType") or given.get("job_input_type")
            return {"jobInputType": kind, "uri": given["uri"], "mode": given.get("mode")}
        text = str(given.get("value", ""))
        match pipeline.whole_binding(text) if "${{" in text and len(pipeline.bindings(text)) == 1 else None:
            case pipeline.StepOutput(step, output):
                place = self._made[step].places[output]
                return {"jobInputType": place.type, "uri": place.uri, "mode": "ReadOnlyMount"}
            case pipeline.ParentInput(name):
                return dict(self._inputs[name]) if name in self._inputs else None
            case _:
                return {"jobInputType": "literal", "value": pipeline.fill_bindings(text, self._literals)}

    def _hand_on(self, step: Json, places: Mapping[str, str]) -> None:
        """Has the pipeline's outputs be where the steps that they are bound to put them."""
        outputs: Json = {**self._job.properties["outputs"]}
        for output, item in (step.get("outputs") or {}).items():
            bound = pipeline.whole_binding(str((item or {}).get("value") or ""))
            if isinstance(bound, pipeline.ParentOutput):
                outputs[bound.name] = {**outputs[bound.name], "uri": places[output]}
        if outputs != self._job.properties["outputs"]:
            self._job.update(outputs=outputs)

    def _reuse(self, name: str, step: Json, child: Job, original: Record) -> None:
        """Takes a step's outputs from an earlier run; an output of the pipeline is where that run put it."""
        step_reuse.adopt(child, original)
        places = job_run.outputs(child.name, child.properties["outputs"])
        uris = {key: one.uri for key, one in places.items()}
        self._made[name] = _Made(original.name, uris, places, reused=True)
        self._hand_on(step, uris)
        child.update(status=original.body["properties"]["status"])

    def _key(self, step: Json, component: Mapping[str, Any]) -> str:
        """What the step's outputs follow from."""
        azure, workspace = self._job.azure, self._job.workspace
        inputs: Json = {
            name: declared["default"]
            for name, declared in (component.get("inputs") or {}).items()
            if declared.get("default") is not None
        }
        for name, given in (step.get("inputs") or {}).items():
            inputs[name] = self._input_key(given)
        given: Mapping[str, Any] = step.get("outputs") or {}
        outputs: Json = {}
        for name, one in self._step_outputs("", step, component).items():
            item: Mapping[str, Any] = given.get(name) or {}
            bound = pipeline.whole_binding(str(item.get("value") or ""))
            chosen = one.uri == job_state.output("", name, one.type)
            if isinstance(bound, pipeline.ParentOutput):
                kind = self._outputs[bound.name].type
                chosen = one.uri == job_state.output(self._job.name, bound.name, kind)
            outputs[name] = [one.type, str(item.get("mode") or ""), None if chosen else one.uri]
        settings = {"computeId": self._job.properties.get("computeId"), **step}
        return step_reuse.key(
            azure, workspace, component=component, step=settings, inputs=inputs, outputs=outputs
        )

    def _input_key(self, given: Mapping[str, Any]) -> Any:
        """What identifies an input of a step."""
        azure, workspace = self._job.azure, self._job.workspace
        text = "" if given.get("uri") else str(given.get("value", ""))
        match pipeline.whole_binding(text) if "${{" in text and len(pipeline.bindings(text)) == 1 else None:
            case pipeline.StepOutput(step, output):
                return {"run": self._made[step].run, "output": output, "mode": given.get("mode")}
            case pipeline.ParentInput(name) if name in self._inputs:
                return step_reuse.reference(azure, workspace, self._inputs[name])
            case None if text:
                return {"value": pipeline.fill_bindings(text, self._literals)}
            case _:
                return step_reuse.reference(azure, workspace, given)

    def _child(self, name: str, step: Json) -> Job:
        """The step's own job record. Azure names it by a GUID as well."""
        parent = self._job.record
        child = Job(self._job.azure, f"{self._job.workspace}/jobs/{uuid.uuid4()}")
        bound = self._step_outputs(child.name, step)
        properties: Json = {
            "jobType": "Command",
            "status": job_state.NOT_STARTED,
            "displayName": name,
            "experimentName": self._job.properties.get("experimentName"),
            "componentId": step.get("componentId"),
            "computeId": step.get("computeId") or self._job.properties.get("computeId"),
            "inputs": step.get("inputs") or {},
            "outputs": _shown(bound),
            "properties": {"azureml.moduleName": name, "azureml.pipelinerunid": self._job.name},
            "tags": {},
            "services": {},
            "isArchived": False,
        }
        run: Json = {"parent": self._job.name, "root": self._job.name, "step": name}
        self._job.azure.store.put(child.id, {"properties": properties, "run": run}, by=parent.created_by)
        return child

    def _component(self, name: str, step: Json) -> Mapping[str, Any]:
        reference = step.get("componentId") or (step.get("trial") or {}).get("componentId")
        if not reference:
            raise bad_request(f"Pipeline step '{name}' names no component.")
        version = self._job.azure.store.get(
            asset_location.asset_id(self._job.azure, self._job.workspace, str(reference), "components")
        )
        if version is None:
            raise bad_request(f"Pipeline step '{name}': the component '{reference}' does not exist.")
        return version.body["properties"]["componentSpec"]

    def _work(self, name: str, step: Json, component: Mapping[str, Any], child: Job) -> job_run.Work:
        environment = step.get("environmentId") or step.get("environment") or component.get("environment")
        if not environment:
            raise bad_request(f"Pipeline step '{name}' has no environment.")
        variables = {
            **(component.get("environment_variables") or {}),
            **(step.get("environment_variables") or {}),
        }
        return job_run.Work(
            command=str(component["command"]),
            code=component.get("code"),
            environment=str(environment),
            inputs=lambda: self._step_inputs(name, step, component),
            outputs=self._step_outputs(child.name, step, component),
            variables={str(key): str(value) for key, value in variables.items()},
            root=self._job.name,
            experiment=str(self._job.properties.get("experimentName")),
            timeout=job_run.limit(step),
        )

    def _step_outputs(
        self, child: str, step: Json, component: Mapping[str, Any] | None = None
    ) -> dict[str, job_run.Output]:
        """The outputs of a step; one that is an output of the pipeline goes where that goes."""
        declared: Mapping[str, Any] = (component or {}).get("outputs") or {}
        given: Mapping[str, Any] = step.get("outputs") or {}
        found: dict[str, job_run.Output] = {}
        for name in {**declared, **given}:
            item = given.get(name) or {}
            kind = str(item.get("job_output_type") or (declared.get(name) or {}).get("type") or "uri_folder")
            bound = pipeline.whole_binding(str(item.get("value") or ""))
            if isinstance(bound, pipeline.ParentOutput):
                if bound.name not in self._outputs:
                    raise bad_request(
                        f"A step writes the output '{bound.name}', which the pipeline does not define."
                    )
                found[name] = job_run.Output(kind, self._outputs[bound.name].uri)
            else:
                found[name] = job_run.Output(
                    kind, str(item.get("uri") or job_state.output(child, name, kind))
                )
        return found

    async def _step_inputs(self, name: str, step: Json, component: Mapping[str, Any]) -> Mapping[str, str]:
        """The values of a step's inputs: defaults of its component, literals, local paths."""
        found: dict[str, str] = {}
        for key, declared in (component.get("inputs") or {}).items():
            if declared.get("default") is not None:
                found[key] = str(declared["default"])
        for key, given in (step.get("inputs") or {}).items():
            value = await self._value(given)
            if value is not None:
                found[key] = value
        for key, declared in (component.get("inputs") or {}).items():
            if key not in found and not declared.get("optional"):
                raise bad_request(f"Pipeline step '{name}' has no value for its input '{key}'.")
        return found

    async def _value(self, given: Mapping[str, Any]) -> str | None:
        if given.get("uri"):
            return await self._staging.value(given)
        text = str(given.get("value", ""))
        match pipeline.whole_binding(text) if "${{" in text and len(pipeline.bindings(text)) == 1 else None:
            case pipeline.StepOutput(step, output):
                if output not in self._made[step].outputs:
                    raise bad_request(f"Step '{step}' has no output '{output}'.")
                where = self._made[step].outputs[output]
                return str(await self._staging.path(where) if isinstance(where, str) else where)
            case pipeline.ParentInput(name):
                parent = self._inputs.get(name)
                return None if parent is None else await self._staging.value(parent)
            case pipeline.ParentOutput(name):
                raise bad_request(f"An input refers to the output '{name}' of the pipeline.")
            case None:
                return pipeline.fill_bindings(text, self._literals)

    @property
    def _literals(self) -> dict[str, str]:
        return {name: str(one.get("value", "")) for name, one in self._inputs.items() if not one.get("uri")}

    async def _say(self, text: str) -> None:
        """A line of the pipeline's own log, which ``jobs.stream`` shows."""
        self._log.append(f"[{self._job.azure.now():%Y-%m-%d %H:%M:%SZ}] {text}\n")
        await job_run.put_artifact(self._job, _LOG, "".join(self._log).encode())


def _shown(outputs: Mapping[str, job_run.Output]) -> Json:
    """The outputs of a step as its job shows them."""
    return {
        name: {"jobOutputType": one.type, "mode": "ReadWriteMount", "uri": one.uri}
        for name, one in outputs.items()
    }


def _without(given: Mapping[str, Any], names: Mapping[str, Any]) -> Json:
    return {key: one for key, one in given.items() if key not in names}
