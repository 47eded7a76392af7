"""Makes requests and long operations fail as ``python -m local faults`` asks.

Scope: requests that come over the wire to any host of Azure's, and long operations of Azure Resource Manager; what local
Azure asks of itself (Logic Apps, deployments of templates) doesn't fail. Omitted: slow requests, answers cut off halfway,
storage's own shapes of throttling beyond ``ServerBusy``.

What is asked for is kept in ``faults.json``, so that it holds over a restart until ``--off``; the server looks at the file
at each request.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from local.azure.errors import ArmError
from local.azure.fault import Fault, FaultError, Faults, read

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure.store import Operation

logger = logging.getLogger(__name__)
_ARM = "management.azure.com"
#: How many addresses are counted before counting begins anew.
_COUNTED = 100_000


class FaultInjection:
    """Counts requests and operations, and says which fail."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = (0, 0)
        self._faults = Faults()
        self._counts: dict[tuple[str, ...], int] = {}

    def request(self, method: str, host: str, path: str) -> tuple[Fault, float] | None:
        """The fault that this request meets, and a number from 0 to 1 that chooses its shape; None: it meets none."""
        faults = self._current()
        if not faults.active:
            return None
        address = f"{host}{path}"
        met = faults.request(method, address, self._count("request", method, address))
        if met is not None:
            logger.info("fault on request: %s of %s %s", met[0].value, method, address)
        return met

    def refusal(self, fault: Fault, shape: float, *, storage: bool) -> ArmError:
        """The answer to a request that is throttled or fails."""
        wait = {"Retry-After": str(self._faults.retry_after)}
        if fault is Fault.THROTTLE:
            if storage:
                return ArmError(503, "ServerBusy", "The server is busy.", headers=wait)
            message = "The request was throttled, as `python -m local faults` asked for. Try again later."
            return ArmError(429, "TooManyRequests", message, headers=wait)
        message = "The server failed to answer, as `python -m local faults` asked for. Try again."
        if shape < 0.5:
            return ArmError(500, "InternalError" if storage else "InternalServerError", message)
        return ArmError(503, "ServerBusy" if storage else "ServiceUnavailable", message)

    async def strike(self, operation: Operation) -> None:
        """Delays an operation, and fails it, where that is asked for.

        Raises:
            ArmError: it ends as ``Failed``.
        """
        faults = self._current()
        if not faults.active:
            return
        method = "DELETE" if operation.kind == "delete" else "PUT"
        address = f"{_ARM}{operation.resource}"
        seconds, fails = faults.operation(method, address, self._count("operation", method, address))
        if seconds:
            logger.info("fault on request: slow %s of %s", operation.kind, operation.resource)
            await asyncio.sleep(seconds)
        if fails:
            logger.info("fault on request: late failure of %s of %s", operation.kind, operation.resource)
            raise ArmError(
                500,
                "InternalServerError",
                "The operation failed late, as `python -m local faults` asked for. Try again.",
            )

    def _count(self, *of: str) -> int:
        if len(self._counts) > _COUNTED:
            self._counts.clear()
        key = tuple(one.lower() for one in of)
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key]

    def _current(self) -> Faults:
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            seen = (0, 0)
        if seen != self._seen:
            self._seen = seen
            self._counts.clear()
            try:
                self._faults = read(self._path.read_text())
            except FileNotFoundError:
                self._faults = Faults()
            except (OSError, FaultError) as error:
                logger.error("%s is left aside: %s", self._path, error)  # noqa: TRY400 (known)
                self._faults = Faults()
            logger.info("faults on request: %s", self._faults.sentence())
        return self._faults
