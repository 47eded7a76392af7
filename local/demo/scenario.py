"""The acts of ``make demo``, in order. Everything happens in a local Azure of its own, in ``.local/demo``.

Nothing is staged but the colleague's mistake: each act waits for what the one before it set off, and the demo fails
where the platform does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import yaml

from local import engine_run, service
from local.command import CommandError, check_room, counted, started, told
from local.demo import candidate, page
from local.demo.observer import Observer
from local.demo.stage import Stage, Watch
from local.demo.stream import Pace, Stream
from local.endpoint import EndpointError
from local.engine_run import EngineRunError
from local.settings import REPOSITORY, LocalDir
from local.stack import forget
from ml import spec as model_spec
from ml.training import job_name

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

#: How long flights of the last month go in before the monitor is asked: of fewer, chance explains more than drift.
_LAST_MONTH_SECONDS = 8.0
_BAKE_SECONDS = 6
_DRIFT_PAGE = "drift.html"


def demo(*, keep: bool = False) -> None:
    """Show a model's life: deployment, drift, retraining, canary, rollback; ends with a report.

    Args:
        keep: leave local Azure and the stack running, to look around.
    """
    os.environ.setdefault("MLOPS_LOCAL_PORT", "0")
    root = LocalDir.find().root / "demo"
    with told("make demo", LocalDir(root)) as (console, directory):
        began = time.monotonic()
        check_room(directory)
        clear(directory)
        try:
            _play(console, directory, began)
        finally:
            if not keep:
                with console.status("Stopping the demo's local Azure"):
                    service.stop(directory)
        if keep:
            console.print(
                f"Still running: MLOPS_LOCAL_DIR={directory.root} .venv/bin/python -m local env; "
                f"MLOPS_LOCAL_DIR={directory.root} .venv/bin/python -m local clean ends it.",
                markup=False,
            )


def clear(directory: LocalDir) -> None:
    """Stops what an earlier demo left and forgets it; its Python environments stay, as they take longest."""
    kept = directory.root / "environments.kept"
    service.stop(directory)
    if directory.environments.exists() and not kept.exists():
        directory.environments.rename(kept)
    service.reset(directory)
    if kept.exists():
        kept.rename(directory.environments)
    forget(directory)


def _play(console: Console, directory: LocalDir, began: float) -> None:
    stage = _deploy(console, directory)
    stage.stream.start()
    watch = Watch(stage)
    watch.start()
    try:
        _drift(stage)
        _retrain(stage)
        _canary(stage)
        _rollback(stage)
        _take_back(stage)
    finally:
        watch.stop()
        stage.stream.stop()
    _report(stage, began)


def _deploy(console: Console, directory: LocalDir) -> Stage:
    _act(console, 1, "Deploy", "the platform, and the model trained on January to March")
    models = candidate.copy(directory.root)
    _bake(models)
    overrides = {"mlops:modelsFolder": str(models), "mlops:retraining": {"start": "job"}}
    work = started(console, directory, overrides)
    work.stack.prepare()
    changes = engine_run.run(console, work.stack, "up")
    outputs = work.stack.outputs()
    console.print(f"  {counted(changes)}")
    stream = Stream(work.stack.azure, outputs, outputs["models"][candidate.MODEL]["endpoint"], Pace())
    return Stage(work, models, outputs, stream, Observer(work.stack.azure, outputs))


def _drift(stage: Stage) -> None:
    _act(
        stage.console, 2, "Traffic and drift", "April to July go through the live endpoint; the monitor looks"
    )
    stage.note("April", "flights of April go through the endpoint")
    for month, name in ((5, "May"), (6, "June"), (7, "July")):
        stage.wait(f"Sending flights until {name}", lambda month=month: stage.stream.month >= month)
        stage.note(name, f"flights of {name}")
    until = stage.stream.now + _LAST_MONTH_SECONDS
    stage.wait("Sending flights of July", lambda: stage.stream.now > until)
    with stage.console.status("The monitor compares what came in with what the model was trained on"):
        found = stage.observer.run_monitor(stage.served["monitor"])
        if not found["drifted"]:
            raise EndpointError(f"The monitor found no drift: {found['sentence']}")
        _drift_page(stage)
    stage.note("drift", f"the monitor: {found['sentence']}", "bad")


def _retrain(stage: Stage) -> None:
    _act(
        stage.console,
        3,
        "Event, retraining, gate",
        "the breach starts the retraining; the gate judges its model",
    )
    with stage.console.status("Event Grid delivers the breach to the Logic App"):
        run = stage.observer.loop_run(60)
    if run["status"] != "Succeeded":
        raise EndpointError(
            f"The Logic App's run ended as {run['status']} ({', '.join(sorted(run['actions']))})."
        )
    stage.note("event", "Event Grid delivered RunStatusChanged; the Logic App submitted the retraining job")
    spec = model_spec.load(stage.models / candidate.MODEL)
    if spec.retraining_lineage is None:
        raise CommandError("The sample model has no retraining section: there is nothing to retrain.")
    job = job_name(spec.name, spec.retraining_lineage, 1)
    with stage.console.status(f"Job {job} prepares, trains, evaluates and passes the gate, or doesn't"):
        ended = stage.observer.ended_job(
            job, 180, lambda status: stage.console.print(f"  job {job}: {status}", style="dim")
        )
    if ended != "Completed":
        raise EndpointError(
            f"The retraining job {job} ended as {ended}: the gate refused it, or a step failed."
        )
    verdict = stage.observer.verdict(job)
    stage.verdicts.append(verdict)
    stage.note("gate passed", f"job {job} passed the gate", "good")
    for line in verdict.text.strip().splitlines():
        stage.console.print(f"    {line}", style="dim", markup=False)


def _canary(stage: Stage) -> None:
    _act(stage.console, 4, "Canary", "the next `up` deploys the new version: 10 %, 50 %, 100 %")
    before = stage.observer.shares(stage.served["endpoint"])
    engine_run.run(stage.console, stage.work.stack, "up")
    stage.outputs.update(stage.work.stack.outputs())
    after = stage.observer.shares(stage.served["endpoint"])
    if after == before or set(after.values()) != {100}:
        raise EndpointError(f"The traffic is {after} after {before}: the new version didn't go out.")
    stage.good |= {*before, *after}
    stage.note("canary done", f"all requests go to {next(iter(after))}", "good")


def _rollback(stage: Stage) -> None:
    _act(
        stage.console, 5, "A bad candidate", "a change of the scoring script fails for a third of the flights"
    )
    before = stage.observer.shares(stage.served["endpoint"])
    candidate.spoil(stage.models)
    try:
        engine_run.run(stage.console, stage.work.stack, "up")
    except EngineRunError as error:
        reason = _first_line(str(error))
        if "was rolled back" not in reason:
            raise
        reason = reason.partition("Error: ")[2] or reason
    else:
        raise EndpointError("The bad candidate went out: its rollout should have been taken back.")
    after = stage.observer.shares(stage.served["endpoint"])
    if after != before:
        raise EndpointError(f"The traffic is {after}, and was {before} before the bad candidate.")
    stage.note("rolled back", f"`up` failed, the traffic is as it was: {reason}", "bad")


def _take_back(stage: Stage) -> None:
    _act(stage.console, 6, "The change is taken back", "`up` again, and everything is as it should be")
    shutil.rmtree(stage.models)
    candidate.copy(stage.work.directory.root)
    _bake(stage.models)
    engine_run.run(stage.console, stage.work.stack, "up")
    stage.note(
        "clean",
        f"the stack is whole again; {next(iter(stage.observer.shares(stage.served['endpoint'])))} serves",
        "good",
    )


def _drift_page(stage: Stage) -> None:
    """What the monitor saw, as a page, as long as it is about the first model."""
    file = _report_folder(stage) / _DRIFT_PAGE
    environment = {
        **stage.work.stack.environment(),
        "AZURE_RESOURCE_GROUP": stage.outputs["resourceGroup"],
        "AZURE_WORKSPACE_NAME": stage.outputs["workspace"],
    }
    command = [sys.executable, "-m", "ml.drift", "report", "--html", str(file)]
    made = subprocess.run(  # noqa: S603 (our own module)
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise CommandError(f"The drift page can't be made: {_first_line(made.stderr)}")


def _report(stage: Stage, began: float) -> None:
    answers, seconds = stage.stream.answers, time.monotonic() - began
    story = page.Story(answers, stage.moments, stage.verdicts, _DRIFT_PAGE, seconds)
    file = _report_folder(stage) / "index.html"
    file.write_text(page.render(story), encoding="utf-8")
    failed = Counter(answer.deployment or "nobody" for answer in answers if answer.status != 200)
    good = set(failed) & stage.good
    who = (
        "all at the bad candidate"
        if failed and not good
        else ", ".join(f"{failed[name]} at {name}" for name in good)
    )
    console = stage.console
    console.print()
    console.print(
        f"[bold green]Done[/] in {seconds:.0f} s: {len(answers):,} requests, {failed.total()} of them failed"
        f"{f' ({who})' if who else ''}."
    )
    console.print(f"[bold]Report[/]  {file}")
    if good:
        raise EndpointError("A healthy deployment failed requests: see the report.")


def _report_folder(stage: Stage) -> Path:
    folder = stage.work.directory.root / "report"
    folder.mkdir(exist_ok=True)
    return folder


def _bake(models: Path) -> None:
    """Lets each split of a rollout stand long enough for live requests to be seen."""
    file = models / candidate.MODEL / "model.yaml"
    spec = yaml.safe_load(file.read_text())
    spec["traffic"] = {**(spec.get("traffic") or {}), "bakeSeconds": _BAKE_SECONDS}
    file.write_text(yaml.safe_dump(spec, sort_keys=False))


def _act(console: Console, number: int, title: str, what: str) -> None:
    console.print()
    console.print(f"[bold]{number}. {title}[/] [dim]{what}[/]")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else (lines[0] if lines else "")
