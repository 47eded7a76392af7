"""The token of a job's process for its run: good for the runs of its workspace, and for nothing else.

On Azure a job has such a token (``AZUREML_RUN_TOKEN``, ``MLFLOW_TRACKING_TOKEN``) whatever its identity is; it can't be used
with Azure Resource Manager (Microsoft's ``azureml-mlflow``, "AzureMLTokenAuthentication"). Its principal is a name that no
role can be assigned to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.azure.identity import Identity

_PREFIX = "runs-of:"
#: Longer than jobs run here; a process has no way to renew it.
_LIFETIME = 7 * 24 * 3600
_SERVICES = ("mlflow", "history")


def issue(identity: Identity, workspace: str) -> str:
    """A token for the processes of a workspace's jobs."""
    return identity.issue(
        "https://ml.azure.com", principal_id=f"{_PREFIX}{workspace.lower()}", client_id="", lifetime=_LIFETIME
    )


def permits(principal: str, path: str, workspace: str) -> bool:
    """Whether a caller with such a token may send a request: to services of runs, in its own workspace."""
    service = path.split("/")[1].lower()
    return principal == f"{_PREFIX}{workspace.lower()}" and service in _SERVICES
