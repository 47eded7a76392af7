"""Azurite as a child process: blobs, queues and tables on loopback ports of its own.

It ends with local Azure (``azurite/serve.js`` follows its standard input) and is started again if it ends by itself. Its
metadata is on disk within half a second of a write, and at once when local Azure ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from local import npm
from local.azure.azurite_install import AZURITE
from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.settings import LocalDir

Service = Literal["blob", "queue", "table"]
_LISTENING = re.compile(
    rb"Azurite (Blob|Queue|Table) service is successfully listening at http://127\.0\.0\.1:(\d+)"
)
_SCRIPT = Path(__file__).with_name("azurite") / "serve.js"
#: How long an Azurite of a local Azure that was killed may take to end.
_HANDOVER = 15.0


class AzuriteError(Exception):
    """Azurite can't run; the message says why and what to do."""


class Azurite:
    """The running Azurite."""

    def __init__(self, directory: LocalDir, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = {key: value for key, value in environ.items() if not key.startswith("AZURITE_")}
        self._process: asyncio.subprocess.Process | None = None
        self._ports: dict[str, int] = {}
        self._accounts: dict[str, tuple[str, str]] = {}
        self._known: dict[str, asyncio.Event] = {}
        self._ready = asyncio.Event()
        self._error: AzuriteError | None = None
        self._lock: int | None = None

    def check(self, *, used: bool) -> None:
        """Refuses early where it isn't installed, or what it kept for storage accounts that are in use is gone.

        Raises:
            AzuriteError: it says which, and what to do.
        """
        if used and not self._directory.blobs.exists():
            raise AzuriteError(
                f"The blobs of this local Azure's storage accounts, models and data among them, are gone with {self._directory.blobs}. "
                "Put that folder back, or run `python -m local reset` (then `make up` deploys everything again)."
            )
        if not AZURITE.installed(self._directory):
            raise AzuriteError(
                f"Azurite, which keeps the blobs, isn't in {AZURITE.folder(self._directory)}; run `make setup`."
            )

        # From here on an account may be made: without this folder it would look robbed at the next start.
        self._directory.blobs.mkdir(mode=0o700, exist_ok=True)

    async def run(self) -> None:
        """Keeps Azurite running until cancelled."""
        try:
            await self._take_over()
            failures = 0
            while failures < 3:
                began = asyncio.get_running_loop().time()
                await self._serve()
                self._ready.clear()
                failures = failures + 1 if asyncio.get_running_loop().time() - began < 5 else 0
            raise AzuriteError(
                f"Azurite does not stay up; see {self._directory.logs / 'azurite.log'}. If its files are damaged, "
                "`python -m local reset` starts with an empty local Azure."
            )
        except AzuriteError as error:
            self._error = error
            self._ready.set()
        finally:
            await self._end()

    async def _take_over(self) -> None:
        """Waits until the Azurite of a killed local Azure has written its metadata and gone."""
        lock = os.open(self._directory.blobs / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = lock
        for _ in range(int(_HANDOVER / 0.05)):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            await asyncio.sleep(0.05)
        raise AzuriteError(
            f"Another Azurite still uses {self._directory.blobs}; end it (`python -m local status` names processes)."
        )

    async def _serve(self) -> None:
        assert self._lock is not None  # noqa: S101 (the caller saw to it)
        log = self._directory.logs / "azurite.log"
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                str(npm.node()),
                str(_SCRIPT),
                str(AZURITE.folder(self._directory)),
                str(self._directory.blobs),
                cwd=self._directory.blobs,
                env=self._environ,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                # The child holds the lock as well: who starts next waits until it is gone.
                pass_fds=(self._lock,),
                start_new_session=True,
            )
            self._known = {}
            for account, keys in self._accounts.items():
                self._tell(account, keys)
            assert self._process.stdout is not None  # noqa: S101 (the caller saw to it)
            async for line in self._process.stdout:
                if (listening := _LISTENING.search(line)) is not None:
                    self._ports[listening[1].decode().lower()] = int(listening[2])
                    if len(self._ports) == 3:
                        self._ready.set()
                elif line.startswith(b"account "):
                    self._known.setdefault(line[8:].strip().decode(), asyncio.Event()).set()
                else:
                    output.write(line)
                    output.flush()
        await self._process.wait()
        self._ports.clear()

    def add(self, account: str, keys: tuple[str, str]) -> None:
        """Makes an account and its two keys known; the next request finds it."""
        if self._accounts.get(account) != keys:
            self._accounts[account] = keys
            self._tell(account, keys)

    def _tell(self, account: str, keys: tuple[str, str]) -> None:
        self._known[account] = asyncio.Event()
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            process.stdin.write(json.dumps({"account": account, "keys": keys}).encode() + b"\n")

    async def port(self, service: Service, account: str) -> int:
        """The port of a service, once Azurite listens and knows the account.

        Raises:
            ArmError: 503, Azurite isn't running.
        """
        try:
            async with asyncio.timeout(30):
                await self._ready.wait()
                if self._error is None:
                    await self._known[account].wait()
                    return self._ports[service]
        except (TimeoutError, KeyError):
            pass
        reason = self._error or "it did not start in time"
        raise ArmError(503, "ServerBusy", f"Azurite, which keeps the blobs, is not running: {reason}")

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
