"""What stands for a value in the documentation, made into one that Azure would take: in the request and in the answer alike.

The documentation leaves parameters in place (``{name}``, ``parentResourcePath``) and, for Machine Learning, writes
``string`` for every text, where Azure checks what a text refers to. Each such value becomes one that exists or is well
formed, the same everywhere in the example.
"""

from __future__ import annotations

import re
from typing import Any

from local.settings import TENANT_ID

#: Names that are the parameter's own where Azure takes GUIDs only.
_GUIDS = {
    "roleDefinitionId": "7ec3b000-0000-4000-8000-000000000001",
    "roleAssignmentName": "7ec3b000-0000-4000-8000-000000000002",
    "roleAssignmentId": "7ec3b000-0000-4000-8000-000000000002",
}
#: What a region of Azure's own tests has behind its name.
_STAGE = "(stage)"
#: The tenant of people whom examples assign something to.
_NO_TENANT = "00000000-0000-0000-0000-000000000000"
_BRACED = re.compile(r"(?<![@$\w])[{<]([A-Za-z][\w-]*)[}>]")
#: A parameter of the path that may be empty, and an id pasted for a name.
_EMPTY = re.compile(r"/parentResourcePath(?=/)")
_PASTED = re.compile(r"/https?://[^?]*/(?=[^/]+$)")
#: Names that Azure takes in lower case only.
_ACCOUNT = re.compile(r"(?<=/storageAccounts/)[^/]+")
#: By key, what ``string`` becomes in a workspace's examples; ``$workspace`` is the id of the workspace or registry.
_WORKSPACE: dict[str, str] = {
    "codeId": "$workspace/codes/replay/versions/1",
    "codeUri": "https://replaystorage.blob.core.windows.net/replay/code",
    "componentId": "$workspace/components/replay/versions/1",
    "compute": "$workspace/computes/replay",
    "computeId": "$workspace/computes/replay",
    "condaFile": "name: replay\ndependencies: [python=3.11]\n",
    "dataUri": "azureml://datastores/workspaceblobstore/paths/replay",
    "endTime": "2030-01-01T00:00:00",
    "environmentId": "$workspace/environments/replay/versions/1",
    "instanceType": "Standard_DS3_v2",
    "location": "westeurope",
    "model": "$workspace/models/replay/versions/1",
    "modelId": "$workspace/models/replay/versions/1",
    "modelUri": "azureml://datastores/workspaceblobstore/paths/replay",
    "startTime": "2029-01-01T00:00:00",
    "tenantId": TENANT_ID,
    "timeZone": "UTC",
}
_WORKSPACE_ID = re.compile(
    r"(/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/(?:workspaces|registries)/[^/]+)",
    re.IGNORECASE,
)


def named(text: str) -> str:
    """A path or an id without a documentation's parameters: ``{name}`` is ``name``."""
    text = _PASTED.sub("/", _EMPTY.sub("", text)) if text.startswith("/") else text
    text = _BRACED.sub(r"\1", text)
    text = _ACCOUNT.sub(lambda found: found[0].lower(), text)
    head, slash, last = text.rpartition("/")
    return f"{head}{slash}{_GUIDS[last]}" if last in _GUIDS else text


def filled(value: Any, path: str, key: str = "") -> Any:
    """A body of an example whose request goes to ``path``, with its placeholders filled."""
    if isinstance(value, str):
        if value == "string" and key in _WORKSPACE and (found := _WORKSPACE_ID.match(path)) is not None:
            return _WORKSPACE[key].replace("$workspace", found[1])
        if value == _NO_TENANT and key == "tenantId":
            return TENANT_ID
        value = value.removesuffix(_STAGE)
        return named(value) if "{" in value or "<" in value or "/" in value or value in _GUIDS else value
    if isinstance(value, list):
        return [filled(item, path, key) for item in value]
    if isinstance(value, dict):
        return {
            named(name) if name.startswith("/") else name: filled(item, path, name)
            for name, item in value.items()
        }
    return value
