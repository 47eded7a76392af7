"""The files of a data asset's version, in the lake.

A version is immutable: model versions are traced to it. Its files go to ``{asset}/{version}/`` of the lake's container,
each with the SHA-256 of its content as metadata; a file that is there with the same hash isn't sent again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pulumi.dynamic

from ml import lineage
from ml.client import AzureMLError
from ml.provider import Made, Props, Provider, known

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, ContainerClient

    from ml.client import Door

_HASH = "sha256"


class DataFilesProvider(Provider):
    """What a change of an input does.

    | input | when it changes |
    |---|---|
    | account, container, asset, version | another place: new files, the old ones stay |
    | files | refused for the same version; files that are missing in the lake are sent again |
    | folder | ignored: where the files are on this machine |

    Deleting leaves the files: other model versions were trained on them. They go with the lake.
    """

    replaces = frozenset({"account", "container", "asset", "version"})
    ignored = frozenset({"folder"})
    computed = frozenset({"prefix"})

    def inspect(self, door: Door | None, olds: Props, news: Props) -> list[tuple[str, str]]:
        """Refuses other files under a version that exists."""
        del door
        same = all(olds.get(key) == news.get(key) for key in self.replaces)
        if not olds or not same or not known(news.get("files")):
            return []
        # Only what changed counts: after a refresh that missed files, sending them again repairs the version.
        changed = [name for name, hashed in olds["files"].items() if news["files"].get(name) != hashed]
        return [("files", _immutable(news, changed))] if changed else []

    def make(self, door: Door, inputs: Props) -> Made:
        """Sends what isn't there."""
        prefix = _prefix(inputs)
        container = door.container(inputs["account"], inputs["container"])
        present = door.do(f"data {prefix}", lambda: _present(container, prefix))
        folder = Path(inputs["folder"])
        for name, hashed in sorted(inputs["files"].items()):
            path = folder / name
            if lineage.content(path) != hashed:
                raise AzureMLError(f"{path}: has changed while it was uploaded; run `up` again")
            if name in present:
                _same(path, hashed, present[name], inputs)
                continue
            door.do(
                f"data {prefix}{name}",
                lambda path=path, hashed=hashed: _send(container, prefix, path, folder, hashed),
            )
        return Made(prefix, {"prefix": prefix})

    def look(self, door: Door, resource_id: str, props: Props) -> Props | None:
        """The files that are there, by their hashes."""
        container = door.container(props["account"], props["container"])
        present = door.find(f"data {resource_id}", lambda: _present(container, resource_id))
        if not present:
            return None
        wanted: dict[str, str] = props["files"]
        files = {
            name: (present[name].metadata or {}).get(_HASH, wanted[name])
            for name in wanted
            if name in present
        }
        return {"files": files}

    def change(self, door: Door, olds: Props, news: Props) -> Props:
        """Sends what a refresh found missing."""
        del olds
        return self.make(door, news).computed

    def remove(self, door: Door, resource_id: str, props: Props) -> None:
        """Leaves the files where they are."""


def _prefix(inputs: Props) -> str:
    return f"{inputs['asset']}/{inputs['version']}/"


def _present(container: ContainerClient, prefix: str) -> dict[str, BlobProperties]:
    blobs = container.list_blobs(name_starts_with=prefix, include=["metadata"])
    # In an account with a hierarchical namespace folders show as blobs, too.
    return {
        blob.name.removeprefix(prefix): blob
        for blob in blobs
        if (blob.metadata or {}).get("hdi_isfolder") != "true"
    }


def _send(container: ContainerClient, prefix: str, path: Path, folder: Path, hashed: str) -> None:
    name = path.relative_to(folder).as_posix()
    with path.open("rb") as file:
        container.upload_blob(f"{prefix}{name}", file, overwrite=False, metadata={_HASH: hashed})


def _same(path: Path, hashed: str, blob: BlobProperties, inputs: Props) -> None:
    theirs = (blob.metadata or {}).get(_HASH)
    if theirs == hashed:
        return
    sent = cast("bytes | bytearray | None", blob.content_settings.content_md5)
    if theirs is None and sent is not None:
        ours = hashlib.md5(path.read_bytes(), usedforsecurity=False).digest()
        if bytes(sent) == ours:
            return
    raise AzureMLError(_immutable(inputs, [path.name]))


def _immutable(inputs: Props, names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"{inputs['asset']}:{inputs['version']} has other files already ({shown} differs or is gone), and a data "
        "version is immutable: model versions are traced to it; write a new data.version in model.yaml"
    )


class DataFiles(pulumi.dynamic.Resource, module="ml", name="DataFiles"):
    """The uploaded files of a data asset's version."""

    prefix: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        account: pulumi.Input[str],
        container: pulumi.Input[str],
        asset: str,
        version: str,
        folder: Path,
        files: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``files`` are the names below ``folder`` with the SHA-256 of their content (``lineage.files``)."""
        props: dict[str, Any] = {
            "resource_group": resource_group,
            "workspace": workspace,
            "account": account,
            "container": container,
            "asset": asset,
            "version": version,
            "folder": str(folder),
            "files": files,
            "prefix": None,
        }
        super().__init__(DataFilesProvider(), name, props, opts)
