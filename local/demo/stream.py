"""Requests that never stop: flights of later months, month by month, through the live endpoint; every answer is noted.

It runs in a thread with an event loop of its own, so that the traffic goes on whatever the demo waits for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pandas as pd

from local.endpoint import EndpointError, WorkspaceClient
from local.settings import REPOSITORY
from models.flight_delay.src.features import from_flights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_DATA = REPOSITORY / "models" / "flight_delay" / "data"
_SEED = 13
_AT_ONCE = 4


@dataclass(frozen=True)
class Answer:
    """One request: when it was answered (seconds since the stream began), by whom (`` `` if by nobody), how, how fast."""

    at: float
    deployment: str
    status: int
    milliseconds: float
    month: int


@dataclass(frozen=True)
class Pace:
    """How the stream goes: flights of a month, flights in a request, requests per second."""

    flights_a_month: int = 700
    flights_a_request: int = 4
    requests_a_second: float = 25.0


class Stream:
    """The traffic of a year from ``first_month`` on, again and again until it is stopped."""

    def __init__(
        self, azure: Mapping[str, str], outputs: Mapping[str, Any], endpoint: str, pace: Pace
    ) -> None:
        self._azure, self._outputs, self._endpoint = azure, outputs, endpoint
        self._pace = pace
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._error: BaseException | None = None
        self.answers: list[Answer] = []
        #: the month whose flights are being sent
        self.month = 0

    @property
    def now(self) -> float:
        """Seconds since the stream began."""
        return time.monotonic() - self._began

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the requests that are under way.

        Raises:
            EndpointError: the stream had broken down before.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.check()

    def check(self) -> None:
        """Says so if the stream has broken down.

        Raises:
            EndpointError: it has; the text says why.
        """
        if self._error is not None:
            raise EndpointError(f"The traffic broke off: {self._error}")

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:  # noqa: BLE001 (told by check, in the thread that asks)
            self._error = error

    async def _send_all(self) -> None:
        async with WorkspaceClient(
            self._azure, self._outputs["resourceGroup"], self._outputs["workspace"]
        ) as client:
            url, key = await client.entrance(self._endpoint)
            slots = asyncio.Semaphore(_AT_ONCE)
            under_way: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            for month, body in requests(self._pace):
                if self._stop.is_set():
                    break
                self.month = month
                await slots.acquire()
                task = asyncio.create_task(self._send(client, url, key, month, body))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                task.add_done_callback(lambda _: slots.release())
                due = max(due + 1 / self._pace.requests_a_second, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*under_way)

    async def _send(self, client: WorkspaceClient, url: str, key: str, month: int, body: object) -> None:
        began = time.monotonic()
        try:
            status, deployment, _ = await client.post(url, key, body)
        except (aiohttp.ClientError, TimeoutError):
            status, deployment = 0, ""
        ended = time.monotonic()
        self.answers.append(Answer(ended - self._began, deployment, status, (ended - began) * 1000, month))


def requests(pace: Pace, months: Sequence[int] = (4, 5, 6, 7)) -> Iterator[tuple[int, dict[str, Any]]]:
    """Request bodies with flights of one month after the other, endlessly; the same ones every time.

    Yields (month, body). After the last month its flights go on: a year later nobody waits for spring.
    """
    for month in months[:-1]:
        yield from ((month, body) for body in _bodies(month, pace))
    while True:
        yield from ((months[-1], body) for body in _bodies(months[-1], pace))


def _bodies(month: int, pace: Pace) -> list[dict[str, Any]]:
    flights = pd.read_csv(_DATA / f"2013-{month:02}.csv.gz").dropna(subset=["dep_delay"])
    features = from_flights(flights.sample(pace.flights_a_month, random_state=_SEED))
    rows = features.astype(object).where(features.notna(), None).to_dict(orient="records")
    step = pace.flights_a_request
    return [{"data": rows[at : at + step]} for at in range(0, len(rows), step)]
