"""The one door to Azure ML: ``azure.ai.ml.MLClient``, opened when an operation needs it (importing it takes 3 s).

What comes out of Azure's libraries as an exception leaves here as ``AzureMLError``: one line, no secrets.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from infra.cloud import CLOUDS, PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import ContainerClient

    from infra.cloud import Cloud

T = TypeVar("T")

#: States that end a creation, an update or a job.
SETTLED = frozenset({"succeeded", "failed", "canceled"})
FINISHED = frozenset({"completed", "failed", "canceled", "notresponding"})
_LONGEST = 600
#: How Python prints an exception, maybe behind a log's time and level.
_RAISED = re.compile(r"^(.*\s)?([A-Za-z_]\w*\.)*[A-Z]\w*(Error|Exception): \S")
#: What Python prints between an exception and the one that followed from it.
_CAUSES = ("The above exception was the direct cause", "During handling of the above exception")
#: Modules of azure-ai-ml that print dots and colours while they poll and upload.
_CHATTY = (
    "azure.ai.ml._utils._azureml_polling",
    "azure.ai.ml._artifacts._blob_storage_helper",
    "azure.ai.ml._artifacts._gen2_storage_helper",
)
#: Where azure-ai-ml reads the source of the whole call stack, 10 to 90 ms each time that it makes something experimental, to
#: decide about a warning which nobody sees here: six times for each look at an endpoint with two deployments.
_WARNING = "azure.ai.ml._utils._experimental"
#: What azure-identity starts a page of text with when there is nobody to be.
_NO_CREDENTIAL = "DefaultAzureCredential failed to retrieve a token"
_SECRET = re.compile(r"(?i)\b(sig|accountkey|sharedaccesskey|code)=[^&\s;\"']+|bearer\s+[\w.~+/-]+=*")


class AzureMLError(Exception):
    """What went wrong in Azure ML, in one line that names the thing and, where there is one, the remedy."""


@dataclass(frozen=True)
class Settings:
    """How to reach Azure ML and how patient to be. Times in seconds."""

    subscription_id: str
    #: the longest pause between two looks at something that is under way; the first ones are shorter
    poll_interval: float = 10.0
    #: endpoints, deployments, schedules
    timeout: float = 3600.0
    training_timeout: float = 24 * 3600.0
    #: how long a 403 may come from a role assignment that hasn't taken effect
    permission_timeout: float = 300.0


@dataclass(frozen=True)
class Door:
    """One workspace, as the providers see it. Cheap: the client behind it is made once per process."""

    settings: Settings
    resource_group: str
    workspace: str
    #: says one line to whoever watches
    say: Callable[[str], None] = field(default=print, compare=False)

    @property
    def client(self) -> MLClient:
        """The workspace's client; shared between threads."""
        return _client(self.settings.subscription_id, self.resource_group, self.workspace)

    def arm_id(self, *parts: str) -> str:
        """The ARM id of something in the workspace, e.g. ``arm_id("onlineEndpoints", name)``."""
        return "/".join(
            (
                f"/subscriptions/{self.settings.subscription_id}/resourceGroups/{self.resource_group}",
                f"providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}",
                *parts,
            )
        )

    def find(self, what: str, call: Callable[[], T], *, patient: bool = False) -> T | None:
        """What ``call`` returns; None where Azure says 404. ``patient`` as ``do`` is."""
        try:
            return self._call(call, what, self.settings.permission_timeout if patient else 0)
        except Exception as error:  # noqa: BLE001 - Azure's libraries raise all sorts
            if status(error) == 404:
                return None
            raise AzureMLError(f"{what}: {explain(error)}") from None

    def do(self, what: str, call: Callable[[], T]) -> T:
        """Calls Azure, again after a 403 while a fresh role assignment may not have taken effect.

        Raises:
            AzureMLError: one line that starts with ``what``.
        """
        try:
            return self._call(call, what, self.settings.permission_timeout)
        except Exception as error:  # noqa: BLE001 - Azure's libraries raise all sorts
            raise AzureMLError(f"{what}: {explain(error)}") from None

    def _call(self, call: Callable[[], T], what: str, patience: float) -> T:
        deadline = time.monotonic() + patience
        pause = min(1.0, self.settings.poll_interval)
        while True:
            try:
                return call()
            except Exception as error:
                if not _denied(error) or time.monotonic() + pause > deadline:
                    raise
                self.say(f"{what}: not allowed yet, waiting for role assignments to take effect")
            time.sleep(pause)
            pause = min(pause * 2, 30.0)

    def until(self, what: str, look: Callable[[], T], done: Callable[[T], bool], timeout: float) -> T:
        """Looks until ``done``, at first often, then every ``poll_interval``.

        Raises:
            AzureMLError: it took longer than ``timeout``.
        """
        deadline = time.monotonic() + timeout
        pause = min(0.25, self.settings.poll_interval)
        while not done(seen := look()):
            if time.monotonic() > deadline:
                raise AzureMLError(
                    f"{what}: not finished after {timeout:.0f} s; the next `up` goes on waiting"
                )
            time.sleep(pause)
            pause = min(pause * 1.4, self.settings.poll_interval)
        return seen

    def settle(self, what: str, begin: Callable[[], Any], get: Callable[[], Any]) -> Any:
        """Begins a long-running create or update and waits until the resource itself says it is done.

        The resource is asked, not the operation: operations are polled every 30 s, and an interrupted run
        has lost them.
        """
        poller = self.do(what, begin)
        found = self.until(
            what,
            lambda: self.do(what, get),
            lambda seen: word(seen.provisioning_state) in SETTLED,
            self.settings.timeout,
        )
        if word(found.provisioning_state) != "succeeded":
            self.do(what, poller.result)  # raises the operation's own error
            raise AzureMLError(f"{what}: ended as {found.provisioning_state}")
        return found

    def vanish(self, what: str, begin: Callable[[], Any], get: Callable[[], Any]) -> None:
        """Deletes and waits until it is gone; gone before is fine."""
        poller = self.find(what, begin)
        if poller is None:
            return

        def gone(seen: Any) -> bool:
            if seen is not None and word(getattr(seen, "provisioning_state", "")) == "failed":
                self.do(what, poller.result)
                raise AzureMLError(f"{what}: couldn't be deleted")
            return seen is None

        self.until(what, lambda: self.find(what, get), gone, self.settings.timeout)

    def container(self, account: str, container: str) -> ContainerClient:
        """A blob container, with the same credential."""
        from azure.storage.blob import ContainerClient  # noqa: PLC0415

        return ContainerClient(cloud().blob(account), container, credential=credential())

    def datastore(self, name: str) -> ContainerClient:
        """The container behind a blob datastore of the workspace."""
        found = cast("Any", self.do(f"datastore {name}", lambda: self.client.datastores.get(name)))
        return self.container(found.account_name, found.container_name)

    @contextmanager
    def caller(self, url: str) -> Generator[Callable[[Any, Mapping[str, str]], tuple[int, str]]]:
        """A function that POSTs JSON with headers to a data plane, over one connection; status and text of the answer."""
        from azure.core import PipelineClient  # noqa: PLC0415
        from azure.core.pipeline.policies import RetryPolicy  # noqa: PLC0415
        from azure.core.rest import HttpRequest  # noqa: PLC0415

        # Whatever is answered is the answer; only a connection that the other side has closed is opened again.
        policies = [RetryPolicy(retry_total=2, retry_connect=2, retry_read=0, retry_status=0)]
        with PipelineClient[Any, Any](url, policies=policies) as http:

            def post(body: Any, headers: Mapping[str, str]) -> tuple[int, str]:
                response = http.send_request(HttpRequest("POST", url, json=body, headers=dict(headers)))
                return response.status_code, response.text()

            yield post

    def post(self, url: str, body: Any, headers: Mapping[str, str]) -> tuple[int, str]:
        """POSTs JSON to a data plane once; status and text of the answer."""
        with self.caller(url) as post:
            return post(body, headers)


_lock = threading.RLock()
_clients: dict[tuple[str, str, str], MLClient] = {}


def load() -> None:
    """Imports azure-ai-ml, once. Its modules import each other in circles: two threads at it would deadlock."""
    with _lock:
        _quiet()
        for name in ("azure.ai.ml", "azure.ai.ml.constants", "azure.ai.ml.entities"):
            import_module(name)
        for name in _CHATTY:
            with suppress(ImportError):
                # A name in the module goes before the builtin: only these fall silent, in all threads.
                vars(import_module(name))["print"] = _silent
        with suppress(ImportError):
            vars(import_module(_WARNING))["_should_skip_warning"] = lambda: True
        # Some modules set the level of their loggers when they are imported.
        _quiet()


def _client(subscription_id: str, resource_group: str, workspace: str) -> MLClient:
    key = (subscription_id, resource_group.lower(), workspace.lower())
    with _lock:
        if key not in _clients:
            load()
            from azure.ai.ml import MLClient  # noqa: PLC0415

            _clients[key] = MLClient(
                credential(),
                subscription_id,
                resource_group,
                workspace,
                show_progress=False,
                enable_telemetry=False,
                cloud=None if cloud() is PUBLIC else cloud().name,
            )
        return _clients[key]


_clouds = [PUBLIC]


def use_cloud(environment: str | None) -> None:
    """Has everything of this process in the cloud that azure-native's ``environment`` setting names."""
    _clouds[0] = next((one for one in CLOUDS.values() if one.environment == environment), PUBLIC)


def cloud() -> Cloud:
    """The cloud that this process works in."""
    return _clouds[0]


@cache
def credential() -> DefaultAzureCredential:
    """Who we are: environment, workload or managed identity, else ``az login``; never a browser."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential(
        # Else what the environment says.
        authority=None if cloud() is PUBLIC else cloud().login,
        exclude_interactive_browser_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_powershell_credential=True,
        exclude_developer_cli_credential=True,
        process_timeout=30,
    )


def _silent(*_arguments: object, **_options: object) -> None:
    """Instead of ``print``."""


def _quiet() -> None:
    """azure-ai-ml announces experimental classes and every upload; failures arrive as exceptions anyway."""
    # A copy: other threads make loggers meanwhile.
    own = [name for name in list(logging.root.manager.loggerDict) if name.startswith("azure.ai.ml.")]
    for name in ("azure", "azure.ai.ml", "azure.identity", "azure.core", "msrest", *own):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def subscription(named: str | None) -> str:
    """The subscription to work in: the stack's, else the environment's, else the Azure CLI's default.

    Raises:
        AzureMLError: there is none.
    """
    for value in (named, os.environ.get("ARM_SUBSCRIPTION_ID"), os.environ.get("AZURE_SUBSCRIPTION_ID")):
        if value:
            return value
    try:
        command = ("az", "account", "show", "--query", "id", "--output", "tsv")
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        shown = ""
    if not shown:
        raise AzureMLError(
            "no subscription: set azure-native:subscriptionId in the stack's configuration, or run `az login`"
        )
    return shown


def word(value: Any) -> str:
    """A state in lower case, whether Azure's library made an enumeration of it or left it a string."""
    return str(getattr(value, "value", value)).lower()


def last_words(log: str, *, lines: int = 5, longest: int = _LONGEST) -> str:
    """What a log says about a failure, in one line: its last exception and what caused it, else how it ends."""
    said = [line.strip() for line in log.splitlines() if line.strip()]
    chain: list[str] = []
    caused = False
    for line in said:
        if line.startswith(_CAUSES):
            caused = True
        elif _RAISED.match(line):
            chain = [*(chain if caused else []), line]
            caused = False
    shown = " | ".join([*chain[:1], *chain[1:][-1:]] if chain else said[-lines:])
    return _SECRET.sub("…", shown)[-longest:]


def status(error: BaseException) -> int | None:
    """The HTTP status of an error of Azure's libraries, if it has one."""
    code = getattr(error, "status_code", None)
    return code if isinstance(code, int) else None


def _denied(error: BaseException | None) -> bool:
    """Whether a 403 is behind an error: azure-ai-ml wraps what storage says."""
    while error is not None and status(error) is None:
        error = error.__cause__ or error.__context__
    return error is not None and status(error) == 403


def explain(error: BaseException) -> str:
    """An error of Azure's libraries in one line, without secrets."""
    inner = getattr(error, "error", None)
    message = getattr(inner, "message", None) or getattr(error, "message", None) or str(error)
    code = getattr(inner, "code", None)
    text = " ".join(_SECRET.sub("…", str(message)).split())
    if code and str(code) not in text:
        text = f"{code}: {text}"
    if not text:
        text = type(error).__name__
    if _NO_CREDENTIAL in text and "AADSTS" not in text:
        text = "not signed in to Azure; run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
