"""`pulumi install`: nothing is fetched; it checks what the official CLI would install and says how to get what is missing."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.command.printing import say
from local.engine.error import EngineError, UnsupportedError
from local.engine.workspace import project as projects

if TYPE_CHECKING:
    from local.engine.command.flags import Arguments
    from local.engine.workspace.project import Project

# Printed by the project's interpreter, which has its own packages: those that are required and not there in that version,
# those that bring a plugin's description (`pulumi-plugin.json`), and whether the SDK is there at all.
_LOOK = """
import importlib.metadata, json, pathlib, sys
def parsed(line):
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement
    return Requirement(line)
def absent(line):
    try:
        need = parsed(line)
    except Exception:
        return False
    if need.marker and not need.marker.evaluate({"extra": ""}):
        return False
    try:
        found = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return not need.specifier.contains(found, prereleases=True)
plugins = []
for folder in {pathlib.Path(path) for path in sys.path}:
    for file in folder.glob("*/pulumi-plugin.json"):
        try:
            plugin = json.loads(file.read_text())
        except ValueError:
            continue
        if plugin.get("resource"):
            plugins.append(plugin.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-"))
print(json.dumps({"missing": [line for line in json.loads(sys.argv[1]) if absent(line)], "plugins": sorted(set(plugins))}))
"""


def run(arguments: Arguments) -> int:
    """Succeed if there is nothing to install; raises EngineError that says what to run if there is."""
    project = projects.find(Path.cwd())
    project.require_python()
    if project.settings.get("packages"):
        raise UnsupportedError(f"`packages` in {project.file.name}")
    if arguments.has("--no-dependencies") and arguments.has("--no-plugins"):
        return 0
    found = look(project)
    if not arguments.has("--no-dependencies"):
        if found["missing"]:
            missing = ", ".join(found["missing"])
            raise EngineError(f"not installed for {project.python()}: {missing}; run `{remedy(project)}`")
        say(f"Nothing to install: {project.python()} has what the project requires")
    if not arguments.has("--no-plugins"):
        from local.engine.providers.host import refuse  # noqa: PLC0415 - gRPC is loaded when it is used

        for plugin in found["plugins"]:
            refuse(plugin)
    return 0


def look(project: Project) -> dict[str, Any]:
    """What the project's interpreter lacks (`missing`) and the providers of its packages (`plugins`)."""
    try:
        python = project.python()
    except EngineError as error:
        raise EngineError(f"{error}; to make it, run `{remedy(project)}`") from error
    done = subprocess.run(  # noqa: S603 - the project's own interpreter
        [python, "-c", _LOOK, json.dumps(requirements(project))],
        cwd=project.program_folder,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise EngineError(f"{python} can't list its packages: {reason}; run `{remedy(project)}`")
    return json.loads(done.stdout)


def requirements(project: Project) -> list[str]:
    """What the project asks for: the SDK, and requirements.txt or else pyproject.toml beside the program or above it."""
    needed = ["pulumi"]
    if (file := _declared(project)) is None:
        return needed
    if file.suffix == ".txt":
        lines = (line.split(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
        return needed + [line for line in lines if line and not line.startswith(("#", "-"))]
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise EngineError(f"could not read {file}: {error}") from error
    return needed + list(document.get("project", {}).get("dependencies", []))


def _declared(project: Project) -> Path | None:
    folder = project.program_folder
    for place in dict.fromkeys((folder, project.folder)):
        for name in ("requirements.txt", "pyproject.toml"):
            if (place / name).is_file():
                return place / name
    return None


def remedy(project: Project) -> str:
    """The command that installs what the project requires."""
    file = _declared(project)
    toolchain = project.options.get("toolchain")
    if toolchain in {"uv", "poetry"}:
        return "uv sync" if toolchain == "uv" else "poetry install"
    if file is not None and (file.parent / "uv.lock").is_file():
        return f"uv sync --project {file.parent}"
    what = "pulumi" if file is None else f"-r {file}" if file.suffix == ".txt" else str(file.parent)
    if virtualenv := project.options.get("virtualenv"):
        folder = project.folder / Path(virtualenv).expanduser()
        make = "" if (folder / "bin" / "python").exists() else f"python3 -m venv {folder} && "
        return f"{make}{folder}/bin/python -m pip install {what}"
    return f"{project.python()} -m pip install {what}"
