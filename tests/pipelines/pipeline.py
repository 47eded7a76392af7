"""The steps of the pipelines that run commands, read from their YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
AZURE = sorted((REPOSITORY / ".azuredevops").rglob("*.yml"))


@dataclass(frozen=True)
class Step:
    """A step that runs a command."""

    file: str
    name: str
    script: str
    env: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def load(path: Path) -> Any:
    """The file as the forges read it: every scalar is text."""
    return yaml.load(path.read_text(), yaml.BaseLoader)


def steps(path: Path) -> list[Step]:
    """The commands of a pipeline in their order, those of the files it includes in their place."""
    return list(_github(path) if ".github" in path.parts else _azure(path, load(path)))


def _github(path: Path) -> Iterator[Step]:
    for job in load(path)["jobs"].values():
        if "uses" in job:
            yield from _github(REPOSITORY / job["uses"].removeprefix("./"))
        for step in job.get("steps", ()):
            if "run" in step:
                yield Step(
                    path.name, step["name"], step["run"], {**job.get("env", {}), **step.get("env", {})}
                )


def _azure(path: Path, part: Any) -> Iterator[Step]:
    if isinstance(part, list):
        for item in part:
            yield from _azure(path, item)
    elif isinstance(part, dict):
        if "template" in part:
            included = path.parent / part["template"]
            yield from _azure(included, load(included))
        elif "script" in part:
            yield Step(path.name, part["displayName"], part["script"], part.get("env", {}))
        elif "inlineScript" in part.get("inputs", {}):
            yield Step(path.name, part["displayName"], part["inputs"]["inlineScript"])
        else:
            for value in part.values():
                yield from _azure(path, value)
