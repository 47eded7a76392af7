"""The stacks of a fleet, through Pulumi's Automation API: one process, the program inline, nothing selected."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pulumi import automation
from pulumi.automation import errors as automation_errors

from ops import program
from ops.engine import REPOSITORY, Engine, EngineError, choose
from ops.fleet.inline import load_modules
from ops.fleet.lock import PULUMI
from ops.fleet.outcome import Outcome, Watch, changes_of
from ops.fleet.warm import kept_loaded, little_garbage

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from ops.fleet.lock import Lock

PROJECT: str = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
_SECRET = "[secret]"  # noqa: S105 (what stands for one)


class FleetWorkspace(automation.LocalWorkspace):
    """A folder with the settings of all stacks.

    Each command names its stack. The Automation API would select it first: one more process per command, and one
    selection for all threads, kept in the user's home.
    """

    def select_stack(self, stack_name: str) -> None:
        """Nothing to do; whether a stack is there, ``list_stacks`` says."""

    def create_stack(self, stack_name: str) -> None:
        """Makes a stack without selecting it; one that is there stays as it is."""
        provider = ["--secrets-provider", self.secrets_provider] if self.secrets_provider else []
        with suppress(automation_errors.StackAlreadyExistsError):
            self._run_pulumi_cmd_sync(["stack", "init", stack_name, "--no-select", *provider])

    def ask(self, *words: str) -> str:
        """What a command of the engine prints."""
        return self._run_pulumi_cmd_sync(list(words)).stdout

    def settings_file(self, stack_name: str) -> Path:
        """The stack's YAML."""
        return Path(self.work_dir) / f"Pulumi.{stack_name}.yaml"

    def added(self, stack_name: str) -> dict[str, str]:
        """What Pulumi added to the stack's YAML, to read its secrets again."""
        file = self.settings_file(stack_name)
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
        return {key: str(found[key]) for key in PULUMI if found and found.get(key)}

    def configured(
        self, stack_name: str, config: Mapping[str, Any], added: Mapping[str, str]
    ) -> automation.Stack:
        """The stack, its YAML written."""
        settings = {**added, "config": dict(config)}
        self.settings_file(stack_name).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        return automation.Stack.select(stack_name, self)


class Stacks:
    """What can be done with a workspace's stack. Threads may call it, each for a workspace of its own."""

    def __init__(self, workspace: FleetWorkspace, elsewhere: FleetWorkspace, lock: Lock) -> None:
        self.workspace = workspace
        self._elsewhere = elsewhere  #: its backend is thrown away: previews of what isn't there leave nothing
        self._lock = lock
        self.known = frozenset(stack.name for stack in workspace.list_stacks())

    def preview(self, name: str, config: Mapping[str, Any], watch: Watch) -> Outcome:
        """What ``up`` would do. A workspace that isn't there is compared with nothing."""
        if name in self.known:
            stack = self._stack(name, config)
        else:
            self._elsewhere.create_stack(name)
            stack = self._elsewhere.configured(name, config, self._elsewhere.added(name))
        result = stack.preview(color="never", on_event=watch.see, program=program.main)
        return watch.outcome(changes_of(result.change_summary))

    def up(self, name: str, config: Mapping[str, Any], watch: Watch) -> Outcome:
        """Makes or updates the workspace."""
        if name not in self.known:
            self.workspace.create_stack(name)
            self._keep(name)
        result = self._stack(name, config).up(
            color="never", show_secrets=False, on_event=watch.see, program=program.main
        )
        self._keep(name)
        outputs = {
            key: _SECRET if output.secret else output.value for key, output in sorted(result.outputs.items())
        }
        return watch.outcome(changes_of(result.summary.resource_changes), outputs)

    def refresh(self, name: str, config: Mapping[str, Any], watch: Watch) -> Outcome:
        """Brings the state up to date with what is there; the program isn't run."""
        if name not in self.known:
            return watch.outcome({})
        result = self._stack(name, config).refresh(color="never", show_secrets=False, on_event=watch.see)
        return watch.outcome(changes_of(result.summary.resource_changes))

    def destroy(self, name: str, config: Mapping[str, Any], watch: Watch) -> Outcome:
        """Deletes everything in a workspace; the stack stays, with its history and its range."""
        if name not in self.known:
            return watch.outcome({})
        result = self._stack(name, config).destroy(color="never", show_secrets=False, on_event=watch.see)
        return watch.outcome(changes_of(result.summary.resource_changes))

    def forget(self, name: str) -> None:
        """Gives up the stack and the range of a workspace that was destroyed."""
        if name in self.known:
            self.workspace.remove_stack(name)
        self._lock.release(name)

    def _stack(self, name: str, config: Mapping[str, Any]) -> automation.Stack:
        added = self._lock.entry(name).pulumi() or self.workspace.added(name)
        return self.workspace.configured(name, config, added)

    def _keep(self, name: str) -> None:
        self._lock.hold({name: self._lock.entry(name).with_pulumi(self.workspace.added(name))})


@contextmanager
def open_stacks(
    lock: Lock, *, secrets_provider: str | None = None, engine_stays: bool = False
) -> Generator[Stacks]:
    """The stacks, with the engine that ``ops/engine.py`` chooses and the backend that the user is logged in to.

    Args:
        lock: what is remembered of each workspace.
        secrets_provider: of stacks that are made.
        engine_stays: whether so much is to be done that the engine had better stay loaded.

    Raises:
        EngineError: there is no engine, or it can't say which stacks there are.
    """
    engine = choose(os.environ)
    settings = automation.ProjectSettings(
        name=PROJECT, runtime=automation.ProjectRuntimeInfo(name="python"), main=str(REPOSITORY)
    )
    variables = {
        # Dynamic providers are started with it; else with any python3 that is on PATH.
        "PULUMI_PYTHON_CMD": sys.executable,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    warm = kept_loaded(engine, variables) if engine_stays else nullcontext(({}, lambda: None))
    with (
        warm as (more, loaded),
        little_garbage(),
        tempfile.TemporaryDirectory(prefix="mlops-fleet-") as folder,
    ):
        load_modules()
        loaded()
        variables |= more
        command = _command(engine)
        homes = [Path(folder, name) for name in ("stacks", "elsewhere", "backend")]
        for home in homes:
            home.mkdir()
        nowhere = {"PULUMI_BACKEND_URL": homes[2].as_uri(), "PULUMI_CONFIG_PASSPHRASE": "nothing is kept"}
        common: dict[str, Any] = {"project_settings": settings, "pulumi_command": command}
        workspace = FleetWorkspace(
            work_dir=str(homes[0]), env_vars=variables, secrets_provider=secrets_provider, **common
        )
        elsewhere = FleetWorkspace(work_dir=str(homes[1]), env_vars={**variables, **nowhere}, **common)
        try:
            stacks = Stacks(workspace, elsewhere, lock)
        except automation_errors.CommandError as error:
            raise EngineError(reason_of(error)) from None
        yield stacks


def _command(engine: Engine) -> automation.PulumiCommand:
    # The Automation API looks for ROOT/bin/pulumi, or on PATH: where the official one was found.
    root = str(engine.executable.parents[1]) if engine.kind == "embedded" else None
    try:
        return automation.PulumiCommand(root=root)
    except (OSError, subprocess.CalledProcessError, automation.InvalidVersionError) as error:
        raise EngineError(f"{engine.executable} can't be used: {error}") from None


def reason_of(error: Exception) -> str:
    """Why a command of the engine failed, in one line."""
    text = str(error)
    if not isinstance(error, automation.CommandError):
        return f"{type(error).__name__}: {' '.join(text.split())}"
    said = text.rpartition("\n stderr: ")[2] or text
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["the engine ended without a word"])[0]
