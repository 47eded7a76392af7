"""The server: ``python -m local.azure.server``. Started by ``python -m local start``; tests start it with ``--leash``.

It writes ``server.json`` when it listens, and holds ``server.lock`` as long as it runs. Everything it starts ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from local.azure import (
    activity_alert,
    blob,
    certificate,
    gateway,
    identity,
    outbound,
    providers,
    proxy,
    store,
)
from local.azure.access import instance_identity, vantage
from local.azure.access.authorizer import Authorizer, found_subscription
from local.azure.activity_log import ActivityLog
from local.azure.arm import HOST as ARM
from local.azure.arm import Arm
from local.azure.azurite_process import Azurite, AzuriteError
from local.azure.blob import AzuriteBlobs
from local.azure.catalog import Catalog
from local.azure.child import LeashedChildren
from local.azure.errors import ArmError
from local.azure.fault_injection import FaultInjection
from local.azure.logs import sink
from local.azure.operation import Operations
from local.azure.policy_rule.compliance import Compliance
from local.azure.resource_id import parse
from local.azure.resource_type import Answer, Call
from local.azure.storage_data import StorageData
from local.service import VERSION, ServiceError, package_variables, wanted_port
from local.settings import LocalDir
from local.variables import client_variables

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from aiohttp import web

    from local.azure.resource_type import ResourceId

logger = logging.getLogger("local.azure")
#: How long, in seconds, a token for local Azure's own requests is used; it is good for longer.
_TOKEN_FOR = 600.0
#: What signs in the service principal, which what local Azure runs is not.
_CREDENTIALS = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET")
_KEEP_OPERATIONS = timedelta(days=2)


class LocalAzure:
    """``azure.Azure``."""

    def __init__(self, directory: LocalDir, environ: Mapping[str, str]) -> None:
        self.directory = directory
        self._environ = dict(environ)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        #: by principal: when a token for requests in its name was issued, and the token
        self._tokens: dict[str, tuple[float, str]] = {}
        try:
            outbound.forwards(environ.get(outbound.FORWARD, ""))
        except ArmError as error:
            raise ServiceError(error.message) from None
        self.authority = certificate.load(directory, environ)
        self.identity = identity.load(directory.identity)
        self.store = store.open_store(directory.database)
        self.azurite = Azurite(directory, package_variables(environ))
        self.azurite.check(used=bool(self.store.of_type(blob.ACCOUNT)))
        self.blobs = AzuriteBlobs(self.azurite, self.store)
        self.children = LeashedChildren()
        self.catalog = Catalog(providers.load())
        self.activity = ActivityLog(directory.activity)
        self.activity.heard += [partial(activity_alert.heard, self), partial(sink.activity, self)]
        faults = FaultInjection(directory.faults)
        self.operations = Operations(
            self, self.store, self.catalog, self._spawn, ended=self.activity.ended, strike=faults.strike
        )
        found_subscription(self.store)
        self.access = Authorizer(self, self.store, self.catalog)
        self.compliance = Compliance(self, self.store, self.catalog)
        self.storage = StorageData(self.azurite, self.blobs, self.store, self.identity, self.access)
        arm = Arm(self, self.store, self.catalog, self.operations)
        health = {"service": "local-azure", "version": VERSION, "pid": os.getpid()}
        routes = (*identity.ROUTES, *self.catalog.routes)
        self.gateway = gateway.Gateway(
            self, arm, routes, self.storage, health, activity=self.activity, faults=faults
        )

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def parse(self, resource_id: str) -> ResourceId:
        """An ARM id, parsed; ``ArmError`` 400 if it is none."""
        return parse(resource_id)

    def client_environment(self) -> dict[str, str]:
        """Variables that point a child process at this local Azure."""
        return client_variables(self.directory, self.port, self.identity.client_secret)

    def instance_environment(self, holder: tuple[str, str] | None, place: str = "") -> dict[str, str]:
        """Variables for a child that runs as a managed identity, or as nobody, somewhere in a network."""
        found = {key: value for key, value in self.client_environment().items() if key not in _CREDENTIALS}
        if place:
            address = vantage.proxy_address(self.port, *place.split(":", 1))
            found |= {"HTTPS_PROXY": address, "https_proxy": address}
        return found | (instance_identity.variables(self.identity, self.port, *holder) if holder else {})

    def package_environment(self) -> dict[str, str]:
        """The variables local Azure itself was started with, without its own proxy."""
        return package_variables(self._environ)

    def namespaces(self) -> dict[str, list[str]]:
        """The Azure providers that are served, and their types."""
        return self.catalog.namespaces()

    async def arm(
        self, method: str, path: str, query: Mapping[str, str], body: object = None, *, by: str
    ) -> Answer:
        """A request to Azure Resource Manager in the name of ``by``, by the way that clients' requests take."""
        issued, token = self._tokens.get(by, (0.0, ""))
        if not token or issued < time.monotonic() - _TOKEN_FOR:
            token = self.identity.issue("https://management.azure.com", principal_id=by)
            self._tokens[by] = (time.monotonic(), token)
        call = Call(
            method=method,
            host=ARM,
            path=path,
            query=query,
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            content=b"" if body is None else json.dumps(body).encode(),
            body=None,
            principal_id=None,
        )
        answer = await self.gateway.answer(call)
        # As the wire would have it: what is answered is a copy.
        body = answer.body if isinstance(answer.body, bytes) else json.loads(json.dumps(answer.body))
        return Answer(answer.status, body, answer.headers)

    def spawn(self, name: str, coroutine: object) -> None:
        """Runs a coroutine in the background; what it raises is logged, and it is cancelled at stop."""
        self._spawn(name, cast("Coroutine[Any, Any, None]", coroutine))

    def _spawn(self, name: str, coroutine: Any) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await coroutine
            except Exception:
                logger.exception("%s failed", name)

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def serve(self, stopped: asyncio.Event, listening: asyncio.Event | None = None) -> None:
        """Listens until ``stopped`` is set; sets ``listening`` when it has taken up what ran before.

        Raises:
            ServiceError: the port is in use.
        """
        began = datetime.now(UTC)
        self.store.forget_operations(store.timestamp(began - _KEEP_OPERATIONS))
        factories: dict[str, web.Server] = {}

        def serve(place: str) -> asyncio.Protocol:
            if place not in factories:
                factories[place] = gateway.protocol_factory(partial(self.gateway.handle, vantage=place))
            return factories[place]()

        handshakes: set[asyncio.Task[None]] = set()
        wanted = wanted_port(self._environ)
        try:
            server = await proxy.listen(wanted, self.authority, serve, handshakes)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServiceError(
                    f"Port {wanted} is in use; set MLOPS_LOCAL_PORT to a free one (0: any)."
                ) from None
            raise
        self.port = server.sockets[0].getsockname()[1]
        azurite = asyncio.get_running_loop().create_task(self.azurite.run())
        details = {"pid": os.getpid(), "port": self.port, "started": began.isoformat(), "version": VERSION}
        try:
            # Written when clients are answered: it is what `start` waits for.
            identity.write_private(self.directory.server, json.dumps(details))
            logger.info("listening on 127.0.0.1:%s", self.port)
            for module in self.catalog.modules:
                if hasattr(module, "start"):
                    await module.start(self)
            self.operations.resume()
            if listening is not None:
                listening.set()
            await stopped.wait()
        finally:
            self.directory.server.unlink(missing_ok=True)
            server.close()
            await self._end(handshakes)
            for factory in factories.values():
                await factory.shutdown(1.0)
            await self.storage.close()
            await self.blobs.close()
            azurite.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await azurite
            self.store.close()
            self.activity.close()

    async def _end(self, handshakes: set[asyncio.Task[None]]) -> None:
        for module in reversed(self.catalog.modules):
            if hasattr(module, "stop"):
                try:
                    await module.stop(self)
                except Exception:
                    logger.exception("stopping %s failed", module.__name__)
        tasks = [*self._tasks, *handshakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.children.stop_all()


def _take_lock(directory: LocalDir) -> int:
    lock = os.open(directory.root / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServiceError(
            f"Another local Azure uses {directory.root} already; `python -m local status` shows it."
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


async def _run(directory: LocalDir, *, leashed: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if leashed:

        def follow() -> None:
            while os.read(0, 1024):
                pass
            loop.call_soon_threadsafe(stopped.set)

        threading.Thread(target=follow, daemon=True).start()
    await LocalAzure(directory, os.environ).serve(stopped)


def main() -> int:
    """Runs the server; one line on standard error if it can't."""
    directory = LocalDir.find()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stdout
    )
    try:
        os.umask(0o077)
        directory.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.root.chmod(0o700)
        directory.logs.mkdir(mode=0o700, exist_ok=True)
        lock = _take_lock(directory)
        try:
            asyncio.run(_run(directory, leashed="--leash" in sys.argv[1:]))
        finally:
            os.close(lock)
    except (
        ServiceError,
        AzuriteError,
        store.StoreError,
        identity.IdentityError,
        certificate.CertificateError,
    ) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {error.strerror}: {error.filename or directory.root}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
