"""Pulumi.yaml, and where the engine keeps what belongs to a person: the selected stack, the backend."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.engine.error import EngineError, UnsupportedError
from local.engine.state.backend import Backend, write_atomically

_NAMES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Project:
    """A Pulumi project: its file, read."""

    file: Path
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The project's name."""
        return self.settings["name"]

    @property
    def folder(self) -> Path:
        """The folder of Pulumi.yaml."""
        return self.file.parent

    @property
    def options(self) -> dict[str, Any]:
        """`runtime.options`."""
        runtime = self.settings.get("runtime")
        return (runtime.get("options") or {}) if isinstance(runtime, dict) else {}

    @property
    def program_folder(self) -> Path:
        """Where the program runs: the folder of `main`."""
        main = self.folder / (self.settings.get("main") or ".")
        return main.parent if main.suffix == ".py" else main

    @property
    def program(self) -> Path:
        """What is run."""
        main = self.folder / (self.settings.get("main") or ".")
        return main if main.suffix == ".py" else main / "__main__.py"

    def python(self) -> str:
        """The interpreter of the program and of dynamic providers: `runtime.options.virtualenv`, else this one's."""
        if not (virtualenv := self.options.get("virtualenv")):
            return os.environ.get("PULUMI_PYTHON_CMD") or _own_python()
        python = self.folder / Path(virtualenv).expanduser() / "bin" / "python"
        if not python.exists():
            raise EngineError(
                f"runtime.options.virtualenv in {self.file.name} names {virtualenv}, where there is no bin/python; "
                "create it, or leave the option out"
            )
        return str(python)


def _own_python() -> str:
    import sys  # noqa: PLC0415

    return sys.executable


def find(start: Path) -> Project:
    """The project of a folder or of the nearest folder above it."""
    for folder in (start, *start.parents):
        for name in _NAMES:
            file = folder / name
            if file.is_file():
                return _read(file)
    raise EngineError(
        "no Pulumi.yaml project file found (searching upwards from "
        f"{start}). If you have not created a project yet, use `pulumi new` to do so"
    )


def _read(file: Path) -> Project:
    try:
        settings = yaml.load(file.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is the safe one
    except yaml.YAMLError as error:
        raise EngineError(f"{file} is not YAML: {str(error).splitlines()[-1].strip()}") from error
    if not isinstance(settings, dict) or not settings.get("name"):
        raise EngineError(f"{file} has no `name`, which is part of every URN; add `name: my-project`")
    runtime = settings.get("runtime")
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if name != "python":
        raise UnsupportedError(f"the runtime '{name}' of {file.name}")
    return Project(file=file, settings=settings)


def home() -> Path:
    """PULUMI_HOME."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def backend(project: Project | None) -> Backend:
    """The backend of PULUMI_BACKEND_URL, of Pulumi.yaml, or that was logged in to."""
    url = os.environ.get("PULUMI_BACKEND_URL")
    if not url and project:
        url = (project.settings.get("backend") or {}).get("url")
    if not url:
        credentials = home() / "credentials.json"
        if credentials.is_file():
            url = json.loads(credentials.read_text(encoding="utf-8")).get("current")
    if not url:
        raise EngineError(
            "PULUMI_BACKEND_URL must be set to a folder to keep state in, such as file://$HOME/.pulumi-state"
        )
    found = Backend.from_url(url)
    found.prepare()
    return found


def _workspace_file(project: Project) -> Path:
    path = str(project.file)
    return home() / "workspaces" / f"{project.name}-{hashlib.sha1(path.encode()).hexdigest()}-workspace.json"  # noqa: S324 - the official file name


def selected_stack(project: Project) -> str:
    """The stack `pulumi stack select` chose, or an empty text."""
    file = _workspace_file(project)
    if not file.is_file():
        return ""
    name = json.loads(file.read_text(encoding="utf-8")).get("stack") or ""
    return name.rsplit("/", 1)[-1]


def select_stack(project: Project, stack: str) -> None:
    """Remember which stack commands without --stack mean; an empty text forgets it."""
    file = _workspace_file(project)
    settings = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    settings["stack"] = f"organization/{project.name}/{stack}" if stack else ""
    write_atomically(file, json.dumps(settings))
