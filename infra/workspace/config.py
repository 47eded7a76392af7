"""What a stack says about its workspace."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from infra.section import Section, setting

_HUB = (
    r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/workspaces/"
    r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}$"
)
#: What tells a hub's projects apart: part of a workspace's name, which has room for 33 characters.
ProjectLabel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,5}$")]


class WorkspaceConfig(Section):
    """``mlops:workspace``: what kind of workspace it is, and who it acts as."""

    kind: Literal["default", "hub", "project"] = setting(
        "default",
        breaks="a workspace stays what it was made as",
        write="default, hub for one that projects share, or project for one of a hub (a feature store is mlops:featureStore)",
    )
    projects: tuple[ProjectLabel, ...] = setting(
        (),
        breaks="each becomes a workspace of the hub, with the label in its name",
        write="a list of labels of 1 to 6 lowercase letters and digits, a letter first",
    )
    hub: str | None = setting(
        None,
        pattern=_HUB,
        breaks="a project stands on what its hub has: storage, vault, registry, network",
        write="the id that `az ml workspace show --query id` prints for the hub",
    )
    identity: Literal["user", "system"] = setting(
        "user",
        breaks="it decides who the workspace is: an identity whose roles are this stack's, or one that Microsoft grants roles",
        write="user or system",
    )
    image_build_compute: str | None = setting(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]{1,15}$",
        breaks="images are built on it where Azure's own builders can't reach the registry",
        write="the name of a CPU cluster, or leave the key out for the platform's",
    )
    data_isolation: bool = setting(
        False,
        breaks="it keeps the workspace's data apart from other workspaces' on the same account, and can't be changed later",
        write="true or false",
    )
    purge_on_destroy: bool = setting(
        False,
        breaks="a deleted workspace keeps its name, and the data that Azure holds for it, for 14 days",
        write="true where workspaces come and go, false where a deletion must be recoverable",
    )

    @model_validator(mode="after")
    def _fits(self) -> WorkspaceConfig:
        if self.kind == "project" and self.hub is None:
            raise ValueError(
                "kind is project and hub is missing, and a project has no storage, vault or registry of its own; write the "
                "hub's id, or kind: default"
            )
        if self.kind != "project" and self.hub is not None:
            raise ValueError(
                f"hub is given while kind is {self.kind}, and only a project has one; write kind: project, or remove hub"
            )
        if self.kind != "hub" and self.projects:
            raise ValueError(
                f"projects are listed while kind is {self.kind}, and only a hub has them; write kind: hub"
            )
        if self.kind == "hub" and not self.projects:
            raise ValueError(
                "kind is hub without projects, and models and endpoints are in projects; list at least one project"
            )
        twice = [label for label, count in Counter(self.projects).items() if count > 1]
        if twice:
            raise ValueError(
                f"the project {twice[0]} is listed twice, and one name can't be two workspaces; list it once"
            )
        return self
