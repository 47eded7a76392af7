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
from local.engine.workspace import project_config

NOT_LOGGED_IN = 3
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

    def require_python(self) -> None:
        """Raise UnsupportedError for a program in another language."""
        runtime = self.settings.get("runtime")
        name = runtime.get("name") if isinstance(runtime, dict) else runtime
        if name != "python":
            raise UnsupportedError(f"the runtime '{name or ''}' of {self.file.name}")

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


class NoProjectError(EngineError):
    """There is no Pulumi.yaml here."""


def find(start: Path, shown: str | None = None) -> Project:
    """The project of a folder or of the nearest folder above it; `shown` is the folder as the error names it."""
    for folder in (start, *start.parents):
        for name in _NAMES:
            file = folder / name
            if file.is_file():
                return _read(file)
    raise NoProjectError(
        "no Pulumi.yaml project file found (searching upwards from "
        f"{start if shown is None else shown}). If you have not created a project yet, use `pulumi new` to do so: no project "
        "file found"
    )


def here() -> Project | None:
    """The project of the working folder, if there is one."""
    try:
        return find(Path.cwd())
    except NoProjectError:
        return None


def absent(name: str) -> Project:
    """What stands for the project of a stack that is named in full where there is no Pulumi.yaml."""
    return Project(file=Path.cwd() / _NAMES[0], settings={"name": name, "runtime": "python"})


def _read(file: Path) -> Project:
    try:
        settings = yaml.load(file.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is the safe one
    except yaml.YAMLError as error:
        # One line, without the marks of where it is in which stream.
        told = " ".join(line.strip() for line in str(error).splitlines())
        raise EngineError(f"could not unmarshal '{file}': invalid YAML file: {told}") from error
    if problem := _problem(settings):
        raise EngineError(f"could not validate '{file}': {problem}")
    if isinstance(settings.get("config"), str):
        settings["stackConfigDir"] = settings.pop("config")
    if problem := project_config.problem(settings):
        raise EngineError(f"could not unmarshal '{file}': {problem}")
    return Project(file=file, settings=settings)


def _problem(settings: Any) -> str:
    """What makes a file no project."""
    if not isinstance(settings, dict):
        kind = {type(None): "<nil>", str: "string", list: "[]interface {}"}.get(type(settings), "number")
        return f"expected project to be an object, was '{kind}'"
    if "name" not in settings:
        return "project is missing a 'name' attribute"
    if not isinstance(settings["name"], str) or not settings["name"]:
        return "project is missing a non-empty string 'name' attribute"
    wrong = [
        f"#/{key}: expected {expected}"
        for key, kinds, expected in (
            ("backend", dict, "object or null"),
            ("config", (dict, str), "object or string or null"),
            ("runtime", (dict, str), "string or object"),
            ("main", str, "string or null"),
        )
        if settings.get(key) is not None and not isinstance(settings[key], kinds)
    ]
    return "; ".join(wrong)


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
            "PULUMI_BACKEND_URL must be set to a folder to keep state in, such as file://$HOME/.pulumi-state, or "
            "`pulumi login file://FOLDER` be called; Pulumi Cloud is not supported by the embedded engine",
            exit_code=NOT_LOGGED_IN,
        )
    found = Backend.from_url(url)
    found.prepare()
    return found


def _workspace_file(project: Project) -> Path:
    path = str(project.file)
    return home() / "workspaces" / f"{project.name}-{hashlib.sha1(path.encode()).hexdigest()}-workspace.json"  # noqa: S324 - the official file name


def _workspace(project: Project) -> dict[str, Any]:
    file = _workspace_file(project)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def selected_stack(project: Project, backend: Backend) -> str:
    """The stack `pulumi stack select` chose with this backend, as `organization/PROJECT/STACK`, or an empty text."""
    settings = _workspace(project)
    # Older versions kept one for all backends.
    return (settings.get("stacks") or {}).get(backend.url) or settings.get("stack") or ""


def select_stack(project: Project, backend: Backend, qualified_name: str) -> None:
    """Remember which stack commands without --stack mean; an empty text forgets it."""
    settings = _workspace(project)
    chosen = {**(settings.get("stacks") or {}), backend.url: qualified_name}
    if not qualified_name:
        del chosen[backend.url]
        settings.pop("stack", None)
    settings.pop("stacks", None)
    if chosen:
        settings["stacks"] = chosen
    file = _workspace_file(project)
    if settings:
        write_atomically(file, json.dumps(settings))
    else:
        file.unlink(missing_ok=True)
