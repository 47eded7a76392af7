"""Scores files in mini-batches with a batch deployment's script; run by the Python of the deployment's environment.

    python batch_driver.py

What Azure's ParallelRunStep does (Azure docs, "Author scoring scripts for batch deployments"): worker processes call
``init()`` once and ``run(files)`` for each mini-batch; one that raises, takes too long or kills its process is tried
again; files without a result count as failed, and too many end the job. ``AppendRow`` puts all results into one file in
the order in which mini-batches end: a DataFrame's rows with spaces between and no header, a list's items as text, one a
line. Standard library only. ``AZUREML_BATCH_SETTINGS`` is JSON of ``Settings``; inputs and outputs are a job's.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # This script's own folder has modules with names (code, data, model) by which a scoring script means others.
    sys.path[:] = sys.path[1:]

import importlib.util
import json
import multiprocessing
import os
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

#: What a worker says: it may have work; ``init()`` failed; a mini-batch is done; ``run()`` failed.
READY, BROKEN, DONE, FAILED = "ready", "broken", "done", "failed"
_LOGS = Path("logs/user")
#: How long a worker may take to leave when all is done.
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True)
class Settings:
    """How to score. ``output`` is the file that gets all rows, None for ``SummaryOnly``; ``timeout`` in seconds."""

    script: str
    mini_batch_size: int
    workers: int
    error_threshold: int
    max_retries: int
    timeout: float
    output: str | None
    quiet: bool


class BatchError(Exception):
    """Scoring can't go on; says why."""


def rows(result: Any) -> tuple[int, str]:
    """How many results a script returned, and their lines in the output file."""
    if hasattr(result, "to_csv") and hasattr(result, "columns"):
        return len(result), result.to_csv(sep=" ", header=False, index=False)
    if isinstance(result, (str, bytes, dict)) or not hasattr(result, "__len__"):
        raise TypeError(
            f"run() returned {type(result).__name__}; it must return a list or a pandas DataFrame"
        )
    return len(result), "".join(f"{item}\n" for item in result)


def files(data: Path, size: int) -> list[list[str]]:
    """The mini-batches of a file or folder: ``size`` paths each, in the order of their names."""
    found = sorted(path for path in data.rglob("*") if path.is_file()) if data.is_dir() else [data]
    names = [str(path) for path in found]
    return [names[start : start + size] for start in range(0, len(names), size)]


def work(connection: Connection, script: str, number: int) -> None:
    """A worker process: scores what it is sent until it is sent None. What the script prints goes to a log of its own."""
    log = _LOGS / "stdout" / "0" / f"process{number:03}.stdout.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(stream, descriptor)
    try:
        path = Path(script).resolve()
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location("entry_module", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{script} is not a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        if hasattr(module, "init"):
            module.init()
    except BaseException:  # noqa: BLE001 - whatever a script raises
        connection.send((BROKEN, traceback.format_exc()))
        return
    connection.send((READY, None))
    while (batch := connection.recv()) is not None:
        try:
            connection.send((DONE, rows(module.run(batch))))
        except Exception:  # noqa: BLE001 - whatever a script raises
            connection.send((FAILED, traceback.format_exc()))


@dataclass
class Worker:
    """A worker process, and the mini-batch that it works on."""

    process: SpawnProcess
    connection: Connection
    ready: bool = False
    batch: int | None = None
    began: float = 0.0


@dataclass
class Driver:
    """One run: which mini-batches wait, how often each was tried, what failed."""

    settings: Settings
    batches: list[list[str]]
    output: Path
    waiting: deque[int] = field(init=False)
    attempts: dict[int, int] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    started: int = 0
    done: int = 0
    rows: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        self.waiting = deque(range(len(self.batches)))

    def run(self) -> None:
        """Scores all mini-batches.

        Raises:
            BatchError: ``init()`` failed, or more files than ``error_threshold``.
        """
        try:
            for _ in range(min(self.settings.workers, len(self.batches))):
                self._start()
            while self.done < len(self.batches):
                self._step()
            for worker in [worker for worker in self.workers if worker.ready]:
                worker.connection.send(None)
                worker.process.join(_LEAVE_SECONDS)
        finally:
            for worker in self.workers:
                worker.process.kill()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        own, other = cast("tuple[Connection, Connection]", context.Pipe())
        process = context.Process(target=work, args=(other, self.settings.script, self.started), daemon=True)
        process.start()
        other.close()
        self.started += 1
        self.workers.append(Worker(process, own))

    def _step(self) -> None:
        """Takes what workers say next, or ends those that take too long."""
        limit = self.settings.timeout
        busy = [worker.began + limit for worker in self.workers if worker.batch is not None]
        patience = max(0.0, min(busy) - time.monotonic()) if busy else None
        heard = wait([worker.connection for worker in self.workers], patience)
        for worker in list(self.workers):
            if worker.connection in heard:
                self._hear(worker)
            elif worker.batch is not None and time.monotonic() - worker.began >= limit:
                self._lose(worker, f"run() took longer than {limit:g} s")

    def _hear(self, worker: Worker) -> None:
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            reason = f"the process ended with exit code {worker.process.exitcode}"
            if worker.batch is None:
                raise BatchError(f"The scoring script could not be started: {reason}.") from None
            self._lose(worker, reason)
            return
        if kind == BROKEN:
            raise BatchError(f"The scoring script could not be started: init() failed.\n{content}")
        worker.ready = True
        batch, worker.batch = worker.batch, None
        if kind == DONE and batch is not None:
            self._take(batch, worker, *content)
        elif kind == FAILED and batch is not None:
            self._retry(batch, content)
        self._give(worker)

    def _give(self, worker: Worker) -> None:
        if self.waiting:
            worker.batch, worker.began = self.waiting.popleft(), time.monotonic()
            worker.connection.send(self.batches[worker.batch])

    def _lose(self, worker: Worker, reason: str) -> None:
        """Ends a worker that is stuck or gone; another takes its place."""
        worker.process.kill()
        self.workers.remove(worker)
        assert worker.batch is not None  # noqa: S101 (it was working)
        self._retry(worker.batch, reason)
        if self.waiting:
            self._start()

    def _take(self, batch: int, worker: Worker, count: int, text: str) -> None:
        names = self.batches[batch]
        if self.settings.output is not None:
            with (self.output / self.settings.output).open("a", encoding="utf-8", newline="") as stream:
                stream.write(text)
        self.rows += count
        took = time.monotonic() - worker.began
        self._end(f"Mini-batch {batch + 1}: {len(names)} files, {count} rows, {took:.1f} s.")
        if count < len(names):
            self._fail(len(names) - count, f"Mini-batch {batch + 1}: {count} results for {len(names)} files.")

    def _retry(self, batch: int, reason: str) -> None:
        tried = self.attempts[batch] = self.attempts.get(batch, 0) + 1
        names = self.batches[batch]
        said = f"Mini-batch {batch + 1} ({', '.join(Path(name).name for name in names[:3])}) failed"
        if tried <= self.settings.max_retries:
            say(
                f"{said}, attempt {tried} of {self.settings.max_retries + 1}: {reason.strip().splitlines()[-1]}"
            )
            self.waiting.appendleft(batch)
            return
        self._end("")
        self._fail(len(names), f"{said}: {reason.strip()}")

    def _end(self, text: str) -> None:
        self.done += 1
        if text and not self.settings.quiet:
            say(f"{self.done}/{len(self.batches)} {text}")

    def _fail(self, count: int, reason: str) -> None:
        self.failed += count
        say(reason)
        with (_LOGS / "error.txt").open("a", encoding="utf-8") as stream:
            stream.write(f"{reason}\n")
        limit = self.settings.error_threshold
        if 0 <= limit < self.failed:
            raise BatchError(
                f"The error threshold was exceeded: {self.failed} files failed, error_threshold is {limit}."
            )


def say(text: str) -> None:
    """A line of the job's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Scores; the exit code is 1 where the job fails."""
    settings = Settings(**json.loads(os.environ["AZUREML_BATCH_SETTINGS"]))
    names = ("AZURE_ML_INPUT_data", "AZURE_ML_INPUT_model", "AZURE_ML_OUTPUT_score")
    data, model, output = (Path(os.environ.get(name, "")) for name in names)
    os.environ["AZUREML_BI_OUTPUT_PATH"] = str(output)
    # As on Azure, it holds the model's folder under its own name, or its one file.
    os.environ["AZUREML_MODEL_DIR"] = str(model.parent)
    _LOGS.mkdir(parents=True, exist_ok=True)
    batches = files(data, settings.mini_batch_size)
    if settings.output is not None:
        (output / settings.output).touch()
    driver = Driver(settings, batches, output)
    total = sum(len(batch) for batch in batches)
    say(
        f"{total} files in {len(batches)} mini-batches of {settings.mini_batch_size}, {settings.workers} workers."
    )
    try:
        driver.run()
    except BatchError as error:
        say(str(error))
        return 1
    say(f"Scored {total - driver.failed} of {total} files: {driver.rows} rows.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
