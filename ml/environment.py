"""An environment version: what training jobs and deployments run in.

Its version is a function of its content (image and conda file): what changes gets a new version, what is there already
is used, and two machines agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi.dynamic
import yaml

from ml import lineage
from ml.client import AzureMLError
from ml.provider import Made, Props, Provider

if TYPE_CHECKING:
    from ml.client import Door


class EnvironmentProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | name, version | another version: made before the old one is archived |
    | image, conda_hash | only with the version, which is made from them |
    | conda | ignored: where the conda file is on this machine |
    | description, tags | updated |

    Deleting archives: Azure ML's asset versions can't be deleted one by one, and deployments may still name them.
    """

    replaces = frozenset({"name", "version"})
    ignored = frozenset({"conda"})
    computed = frozenset({"reference"})

    def make(self, door: Door, inputs: Props) -> Made:
        """Registers the version, or uses the one that is there; an archived one is restored."""
        name, version = inputs["name"], inputs["version"]
        what = f"environment {name}:{version}"
        conda = Path(inputs["conda"])
        if lineage.document(conda) != inputs["conda_hash"]:
            raise AzureMLError(f"{what}: {conda} has changed since the program read it; run `up` again")
        found = door.find(what, lambda: door.client.environments.get(name, version))
        if found is None:
            self._put(door, inputs)
        else:
            _check(what, found, inputs)
            door.do(what, lambda: door.client.environments.restore(name, version))
            if (found.description or "", dict(found.tags or {})) != (inputs["description"], inputs["tags"]):
                self._put(door, inputs)
        return Made(f"{name}:{version}", {"reference": f"azureml:{name}:{version}"})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """Description and tags; image and packages can't change."""
        name, version = props["name"], props["version"]
        found = door.find(f"environment {resource_id}", lambda: door.client.environments.get(name, version))
        return (
            None
            if found is None
            else {"description": found.description or "", "tags": dict(found.tags or {})}
        )

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Updates description and tags."""
        del olds
        self._put(door, news)
        return {}

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Archives the version."""
        name, version = props["name"], props["version"]
        door.find(f"environment {resource_id}", lambda: door.client.environments.archive(name, version))

    def _put(self, door: Door, inputs: Props) -> None:
        from azure.ai.ml.entities import Environment  # noqa: PLC0415

        environment = Environment(
            name=inputs["name"],
            version=inputs["version"],
            image=inputs["image"],
            conda_file=inputs["conda"],
            description=inputs["description"],
            tags=inputs["tags"],
        )
        what = f"environment {inputs['name']}:{inputs['version']}"
        door.do(what, lambda: door.client.environments.create_or_update(environment))


def version(image: str, conda: Path) -> str:
    """The version (12 hex digits) that this image and conda file make."""
    return lineage.combined({"image": image, "conda": lineage.document(conda)})[:12]


def _check(what: str, found: Any, inputs: Props) -> None:
    """The version is made from the content: if another content sits there, someone made it by hand."""
    conda = found.conda_file
    theirs = yaml.safe_load(conda) if isinstance(conda, str) else conda
    if found.image != inputs["image"] or lineage.combined(theirs) != inputs["conda_hash"]:
        raise AzureMLError(
            f"{what}: exists with another image or other packages and can't be changed; rename environment.name"
        )


class Environment(pulumi.dynamic.Resource, module="ml", name="Environment"):
    """An environment version; ``reference`` is ``azureml:NAME:VERSION``."""

    reference: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        name: str,
        image: str,
        conda: Path,
        description: str = "",
        tags: dict[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "name": name,
            "version": version(image, conda),
            "image": image,
            "conda": str(conda),
            "conda_hash": lineage.document(conda),
            "description": description,
            "tags": tags or {},
            "reference": None,
        }
        super().__init__(EnvironmentProvider(), resource_name, props, opts)
