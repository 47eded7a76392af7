"""What people do, and which roles that takes where: the words of the access table. Pure.

Data is in accounts without keys, so whoever works with it needs a role on them besides the one on the workspace.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from infra.access.custom_role import CustomRole
from infra.access.role import Role

#: Where a role may be assigned: one of ``TARGETS``, ``compute/NAME``, ``identity/PURPOSE``, or the id of any resource.
Target = str
AnyRole = Role | CustomRole
SHARED_REGISTRY = "shared registry"
TARGETS = (
    "workspace",
    "storage",
    "lake",
    "vault",
    "registry",
    "insights",
    "logs",
    SHARED_REGISTRY,
    "resource group",
)


@dataclass(frozen=True)
class Work:
    """Kinds of work: ``role`` is what `where` narrows, ``needs`` is all that the work takes."""

    role: AnyRole
    needs: tuple[tuple[AnyRole, Target], ...]


WORK = {
    # Whoever deploys writes model and data files as themselves: datastores hold no keys.
    "deployer": Work(
        Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
        (
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "lake"),
        ),
    ),
    "data scientist": Work(
        Role.AZUREML_DATA_SCIENTIST,
        (
            (Role.AZUREML_DATA_SCIENTIST, "workspace"),
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
            (Role.STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR, "storage"),
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "lake"),
        ),
    ),
    "compute operator": Work(
        Role.AZUREML_COMPUTE_OPERATOR,
        ((Role.AZUREML_COMPUTE_OPERATOR, "workspace"), (Role.READER, "workspace")),
    ),
    "reader": Work(Role.READER, ((Role.READER, "workspace"),)),
    "deploy only": Work(
        CustomRole.DEPLOY_ONLY,
        (
            (CustomRole.DEPLOY_ONLY, "workspace"),
            # Models and code are uploaded to the workspace's own account.
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
            # An endpoint that is written anew is given its identity anew.
            (Role.MANAGED_IDENTITY_OPERATOR, "identity/endpoint"),
        ),
    ),
    "job submitter": Work(
        CustomRole.JOB_SUBMITTER,
        (
            (CustomRole.JOB_SUBMITTER, "workspace"),
            (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, "storage"),
            (Role.STORAGE_BLOB_DATA_READER, "lake"),
        ),
    ),
    "callback reader": Work(CustomRole.CALLBACK_READER, ((CustomRole.CALLBACK_READER, "resource group"),)),
}
#: Roles that can change everything or give themselves any other.
PRIVILEGED = (
    "owner",
    "contributor",
    "user access administrator",
    "role based access control administrator",
    "key vault administrator",
)
#: What the platform's own identities alone are given.
_OURS = (
    Role.CONTRIBUTOR,
    Role.KEY_VAULT_ADMINISTRATOR,
    Role.KEY_VAULT_CONTRIBUTOR,
    Role.STORAGE_ACCOUNT_CONTRIBUTOR,
)
BUILT_IN = {role.title: role for role in Role if role not in _OURS}


def known_role(text: str) -> str:
    """A role's name as this module has it.

    Raises:
        ValueError: there is no such role, or it is the owner's to give.
    """
    name = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    if name in WORK or name in BUILT_IN:
        return name
    if name in PRIVILEGED:
        raise ValueError(
            f"{text!r} can change everything, or give itself any role, so nobody should hold it all the time; leave it to "
            "the subscription's owner, who makes people eligible for it in Privileged Identity Management"
        )
    near = difflib.get_close_matches(name, [*WORK, *BUILT_IN], n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(WORK)}, or a role of Azure's"
    raise ValueError(f"there is no role {text!r}, so nothing would be granted; {remedy}")


def granted(name: str, on: tuple[Target, ...]) -> tuple[tuple[AnyRole, Target], ...]:
    """What a row of the table grants: without ``where`` all that the work takes, else the role itself there."""
    if not on:
        return WORK[name].needs
    role = WORK[name].role if name in WORK else BUILT_IN[name]
    return tuple((role, target) for target in on)
