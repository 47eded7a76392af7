"""Requests to Azure Resource Manager for what azure-ai-ml has no call for, or is too slow to import for (3 s).

Call these through ``Door.do`` and ``Door.find``, which wait for permissions and turn errors into one line.
"""

from __future__ import annotations

import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from ml.client import cloud, credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core import PipelineClient
    from azure.identity import DefaultAzureCredential

#: Seconds: between two looks at a long operation that doesn't say how long to wait, and until it is given up.
_PAUSE = 1.0
_PATIENCE = 1800.0


def request(
    method: str,
    resource_id: str,
    *,
    api_version: str,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> Any:
    """The JSON that ``method`` on an ARM id answers with.

    Raises:
        HttpResponseError: the status is 400 or above.
    """
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415
    from azure.core.rest import HttpRequest  # noqa: PLC0415

    url = f"https://{cloud().management}{resource_id}"
    params = {"api-version": api_version, **(query or {})}
    response = _client(credential()).send_request(HttpRequest(method, url, params=params, json=body))
    if response.status_code >= 400:
        raise HttpResponseError(message=_message(response.text()), response=response)
    return response.json() if response.content else None


def finish(
    method: str,
    resource_id: str,
    api_version: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> None:
    """Asks for a long operation, and waits for its end.

    Raises:
        HttpResponseError: the status is 400 or above, or the operation failed.
    """
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415
    from azure.core.rest import HttpRequest  # noqa: PLC0415

    params = {"api-version": api_version, **(query or {})}
    client = _client(credential())
    url = f"https://{cloud().management}{resource_id}"
    response = client.send_request(HttpRequest(method, url, params=params, json=body))
    watch = response.headers.get("Azure-AsyncOperation") or response.headers.get("Location")
    deadline = time.monotonic() + _PATIENCE
    while True:
        if response.status_code >= 400:
            raise HttpResponseError(message=_message(response.text()), response=response)
        status = str((response.json() or {}).get("status") or "") if response.content else ""
        if status in ("Failed", "Canceled"):
            raise HttpResponseError(message=f"{method} {resource_id}: {status}", response=response)
        running = response.status_code == 202 if not status else status != "Succeeded"
        if not watch or not running:
            return
        if time.monotonic() > deadline:
            raise HttpResponseError(message=f"{method} {resource_id}: still {status or 'running'}")
        time.sleep(float(response.headers.get("Retry-After") or _PAUSE))
        response = client.send_request(HttpRequest("GET", watch))


def _message(text: str) -> str:
    """What an ARM error says, without its JSON."""
    try:
        answer = json.loads(text)
        # Azure Monitor's errors have no "error" around them.
        error = answer.get("error", answer)
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return text


@cache
def _client(signed_in: DefaultAzureCredential) -> PipelineClient[Any, Any]:
    """A client for each identity: its tokens are kept with it."""
    from azure.core import PipelineClient  # noqa: PLC0415
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy  # noqa: PLC0415

    policies = [
        RetryPolicy(),
        BearerTokenCredentialPolicy(signed_in, f"https://{cloud().management}/.default"),
    ]
    return PipelineClient(f"https://{cloud().management}", policies=policies)
