"""The running local Azure, as providers see it: the store, blobs, child processes, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from local.azure.access.authorizer import Authorizer
    from local.azure.identity import Identity
    from local.azure.policy_rule.compliance import Compliance
    from local.azure.resource_type import Answer, Json, Record, ResourceId
    from local.settings import LocalDir


class Store(Protocol):
    """Durable resources; ids in any case."""

    def get(self, resource_id: str) -> Record | None:
        """The resource, or None."""
        ...

    def put(self, resource_id: str, body: Json, *, by: str = "") -> Record:
        """Creates or replaces; returns when it is durable."""
        ...

    def delete(self, resource_id: str) -> None:
        """Removes the resource and all below it, with their secrets."""
        ...

    def below(self, resource_id: str, resource_type: str | None = None) -> list[Record]:
        """All resources below an id, of one type if given, by name."""
        ...

    def of_type(self, resource_type: str) -> list[Record]:
        """All resources of a type, in all groups."""
        ...

    def named(self, resource_type: str, name: str) -> list[Record]:
        """The resources of a type that have a name, in all groups: for names that are unique in all of Azure."""
        ...

    def secret(self, name: str) -> str | None:
        """A stored secret (an account's key, a vault's value), or None."""
        ...

    def put_secret(self, name: str, value: str) -> None:
        """Creates or replaces a secret. Names are ids, or ids with something behind a slash."""
        ...

    def secret_names(self, prefix: str) -> list[str]:
        """What follows ``prefix`` and a slash in the names of secrets, in lower case, in order."""
        ...

    def delete_secrets(self, prefix: str) -> None:
        """Removes the secret of that name and all whose names begin with it and a slash."""
        ...


class Blobs(Protocol):
    """Azurite behind the storage accounts. Paths are ``container/name``. Methods are coroutines."""

    async def key(self, account: str) -> str:
        """The account key (base64)."""
        ...

    async def make_container(self, account: str, container: str) -> None:
        """Creates it if it is missing."""
        ...

    async def upload(self, account: str, container: str, name: str, content: bytes) -> None:
        """Writes one block blob, replacing what is there."""
        ...

    async def append(self, account: str, container: str, name: str, content: bytes) -> None:
        """Appends to an append blob, made if missing."""
        ...

    async def download(self, account: str, container: str, name: str) -> bytes | None:
        """The content, or None."""
        ...

    async def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        """The names below a prefix."""
        ...

    async def etags(self, account: str, container: str, prefix: str) -> dict[str, str]:
        """The blobs below a prefix, with their etags."""
        ...

    async def download_folder(self, account: str, container: str, prefix: str, target: Path) -> int:
        """Downloads all blobs below ``prefix`` into ``target``; returns how many.

        A blob named exactly ``prefix`` becomes ``target/NAME``.
        """
        ...

    async def upload_folder(self, source: Path, account: str, container: str, prefix: str) -> int:
        """Uploads all files below ``source``; returns how many."""
        ...


class Child(Protocol):
    """A running child process."""

    pid: int

    async def wait(self) -> int:
        """The exit code."""
        ...

    async def stop(self) -> None:
        """SIGTERM to its process group, SIGKILL after five seconds."""
        ...


class Children(Protocol):
    """Processes that end with local Azure, also when it is killed."""

    async def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> Child:
        """Starts ``command`` in its own process group; stdout and stderr go to ``log`` (appended)."""
        ...


class Azure(Protocol):
    """The running local Azure."""

    @property
    def directory(self) -> LocalDir:
        """Where this local Azure keeps its things."""
        ...

    @property
    def store(self) -> Store:
        """Durable resources."""
        ...

    @property
    def blobs(self) -> Blobs:
        """Azurite behind the storage accounts."""
        ...

    @property
    def children(self) -> Children:
        """Child processes."""
        ...

    @property
    def identity(self) -> Identity:
        """Signs and checks tokens."""
        ...

    @property
    def compliance(self) -> Compliance:
        """How what is there stands to the policies assigned."""
        ...

    @property
    def access(self) -> Authorizer:
        """Decides what a principal may do."""
        ...

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def parse(self, resource_id: str) -> ResourceId:
        """An ARM id, parsed; ``ArmError`` 400 if it is none."""
        ...

    def client_environment(self) -> Mapping[str, str]:
        """Variables that point a child process at this local Azure (what ``local env`` prints).

        Start children that must reach package registries without them.
        """
        ...

    def instance_environment(self, holder: tuple[str, str] | None, place: str = "") -> Mapping[str, str]:
        """Variables for a child that runs as a managed identity (principal and client id) instead of the service principal.

        With None it has no identity at all. ``place`` is where its requests come from (``access.vantage``).
        """
        ...

    def package_environment(self) -> Mapping[str, str]:
        """The variables local Azure itself was started with, without its own proxy: for package installs."""
        ...

    def namespaces(self) -> Mapping[str, list[str]]:
        """The Azure providers that are served, and their types: ``{"Microsoft.Storage": ["storageAccounts", …]}``."""
        ...

    async def arm(
        self, method: str, path: str, query: Mapping[str, str], body: object = None, *, by: str
    ) -> Answer:
        """A request to Azure Resource Manager in the name of ``by`` (an object id), by the way that clients' requests take.

        Failures are answers with an ARM error body.
        """
        ...

    def spawn(self, name: str, coroutine: object) -> None:
        """Runs a coroutine in the background; what it raises is logged, and it is cancelled at stop."""
        ...
