"""Python environments of jobs and deployments, built with uv from what an environment version says.

Where Azure builds an image from a base image and a conda file, local Azure makes a virtual environment from the conda
file's Python version and pip packages; the base image itself isn't used. An environment is keyed by the hash of what
it is built from, shared by all that ask for it, and put in place by one rename: a folder that exists is complete.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uv
import yaml

from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.azure.azure import Azure
    from local.azure.resource_type import Json

#: Part of every hash: raise it when environments are built differently.
_RECIPE = 1
#: What serves models on Azure's inference images; the whole of an environment that has only an image.
_SERVER = "azureml-inference-server-http"
#: Conda packages that a virtual environment has by itself.
_CONDA_OWN = frozenset({"python", "pip", "setuptools", "wheel"})
#: What of local Azure's own interpreter must not reach another one. What it forbids to cache least of all: processes
#: compile what they import for those after them (3 s of pandas and scikit-learn; all packages at once would be 10 s).
_NOT_INHERITED = frozenset(
    {
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPYCACHEPREFIX",
        "VIRTUAL_ENV",
        "MLOPS_LOCAL_DIR",
    }
)
_TAIL = 30


@dataclass(frozen=True)
class Environment:
    """What to build: the wanted Python (``3.11``; None: local Azure's own) and lines of a requirements file."""

    python: str | None
    requirements: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The hash that names the built environment; the interpreter that would be used is part of it."""
        parts = [_RECIPE, self.python, sys.version_info[:2], sys.platform, self.requirements]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _refused(message: str) -> ArmError:
    """How Azure reports an environment that can't be built (``ImageBuildFailure``)."""
    return ArmError(400, "ImageBuildFailure", message)


def read_conda(text: str) -> Environment:
    """The environment that a conda file describes; refuses conda packages, which uv can't install, by name."""
    try:
        content: Any = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise _refused(f"The conda file is not YAML: {' '.join(str(error).split())}") from error
    dependencies: Any = content.get("dependencies", []) if isinstance(content, dict) else None
    if not isinstance(dependencies, list):
        raise _refused("The conda file has no list 'dependencies'.")
    python: str | None = None
    requirements: list[str] = []
    others: list[str] = []
    for item in dependencies:
        if isinstance(item, dict):
            requirements += [str(line) for line in item.get("pip") or []]
            continue
        package = str(item).split("::")[-1].strip()
        name = re.split(r"[\s=<>!~]", package, maxsplit=1)[0].lower()
        if name == "python":
            version = re.search(r"\d+\.\d+", package)
            python = version[0] if version else None
        elif name not in _CONDA_OWN:
            others.append(package)
    if others:
        raise _refused(
            f"The conda file asks for the conda packages {', '.join(sorted(others))}; local Azure installs only "
            "Python and the packages below 'pip': move them there."
        )
    return Environment(python, tuple(requirements))


def read_version(name: str, properties: Mapping[str, Any]) -> Environment:
    """The environment that the properties of an environment version describe."""
    if properties.get("build"):
        raise _refused(
            f"Environment '{name}' is built from a Dockerfile, which local Azure can't: use an image and a conda file."
        )
    conda = properties.get("condaFile")
    return read_conda(str(conda)) if conda else Environment(None, (_SERVER,))


_building: dict[Path, asyncio.Lock] = {}
_making: set[Path] = set()


async def build(azure: Azure, environment: Environment) -> Path:
    """The folder of a ready virtual environment; builds it if it is missing. ``ArmError`` says what failed."""
    target = azure.directory.environments / environment.digest
    # Whoever asks second waits for the first and finds the folder.
    async with _building.setdefault(target, asyncio.Lock()):
        if not _usable(target):
            # Its interpreter may have gone with an upgrade of Python.
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            await _make(azure, environment, target)
    return target


def _usable(target: Path) -> bool:
    return (target / "environment.json").is_file() and (target / "bin" / "python").exists()


def variables(
    azure: Azure, environment: Path, holder: tuple[str, str] | None, place: str = ""
) -> dict[str, str]:
    """The variables of a process in an environment: it is first on PATH, and Azure is local Azure.

    ``holder`` is the managed identity it runs as (principal and client id), if it has one; ``place`` is where its requests
    come from (``access.vantage``).
    """
    given = {name: value for name, value in azure.package_environment().items() if name not in _NOT_INHERITED}
    given |= azure.instance_environment(holder, place)
    given["PATH"] = f"{environment / 'bin'}{os.pathsep}{given.get('PATH', os.defpath)}"
    given["VIRTUAL_ENV"] = str(environment)
    given["PYTHONUNBUFFERED"] = "1"
    return given


def sweep(azure: Azure) -> None:
    """Removes builds that a stop interrupted."""
    for left in set(azure.directory.environments.glob(".building-*")) - _making:
        shutil.rmtree(left, ignore_errors=True)


async def _make(azure: Azure, environment: Environment, target: Path) -> None:
    azure.directory.environments.mkdir(parents=True, exist_ok=True)
    azure.directory.logs.mkdir(parents=True, exist_ok=True)
    log = azure.directory.logs / f"environment-{environment.digest}.log"
    work = target.parent / f".building-{uuid.uuid4().hex}"
    settings = {**azure.package_environment(), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    settings.pop("VIRTUAL_ENV", None)
    _making.add(work)
    try:
        interpreter = await _interpreter(environment.python, settings, log)
        # Relocatable: its scripts find their interpreter beside themselves, also after the rename below.
        await _uv(["venv", "--relocatable", "--python", interpreter, str(work)], settings, log)
        if environment.requirements:
            wanted = work / "requirements.txt"
            wanted.write_text("\n".join(environment.requirements) + "\n")
            python = str(work / "bin" / "python")
            await _uv(["pip", "install", "--python", python, "--requirement", str(wanted)], settings, log)
        recipe: Json = {"python": environment.python, "requirements": environment.requirements}
        (work / "environment.json").write_text(json.dumps(recipe, indent=1))
        work.rename(target)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        _making.discard(work)


async def _interpreter(version: str | None, settings: Mapping[str, str], log: Path) -> str:
    """The wanted Python if the machine has it, else the one local Azure runs on."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version is None or version == own:
        return sys.executable
    found = await asyncio.create_subprocess_exec(
        *[uv.find_uv_bin(), "python", "find", "--no-project", version],
        env=dict(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await found.communicate()
    if found.returncode == 0:
        return output.decode().strip()
    with log.open("a") as stream:
        stream.write(f"Python {version} is not on this machine; built with Python {own} instead.\n")
    return sys.executable


async def _uv(arguments: list[str], settings: Mapping[str, str], log: Path) -> None:
    with log.open("a") as stream:
        stream.write(f"$ uv {' '.join(arguments)}\n")
        stream.flush()
        start = os.fstat(stream.fileno()).st_size
        process = await asyncio.create_subprocess_exec(
            *[uv.find_uv_bin(), *arguments], env=dict(settings), stdout=stream, stderr=stream
        )
        try:
            code = await process.wait()
        except BaseException:
            process.kill()
            raise
    if code != 0:
        with log.open("rb") as written:
            written.seek(start)
            said = written.read().decode(errors="replace").strip().splitlines()
        raise _refused("The environment could not be built:\n" + "\n".join(said[-_TAIL:]))
