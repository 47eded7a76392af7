"""Downloads what an asset or datastore path refers to, for jobs and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.machine_learning import asset_location

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure.azure import Azure


async def fetch(azure: Azure, workspace: str, reference: str, target: Path) -> Path:
    """Downloads below ``target``, keeping the last name of the path; returns the file or folder that is now there."""
    place = await asset_location.locate(azure, workspace, reference)
    path = place.path.strip("/")
    named = await azure.blobs.names(place.account, place.container, path)
    if path in named:
        await azure.blobs.download_folder(place.account, place.container, path, target)
        return target / path.rsplit("/", 1)[-1]
    folder = target / (path.rsplit("/", 1)[-1] or place.container)
    await fetch_into(azure, workspace, reference, folder)
    return folder


async def fetch_into(azure: Azure, workspace: str, reference: str, folder: Path) -> None:
    """Downloads the content of a folder of blobs into ``folder``; nothing there is an error."""
    place = await asset_location.locate(azure, workspace, reference)
    prefix = place.path.strip("/") + "/" if place.path.strip("/") else ""
    if not await azure.blobs.download_folder(place.account, place.container, prefix, folder):
        raise ArmError(
            404, "DataNotFound", f"There is nothing at '{reference}' ({place.container}/{prefix})."
        )
